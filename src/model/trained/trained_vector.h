#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/trained/trained_matrix.h"

namespace drover::model {

/// A parameter that does not multiply in panels, and learns: norms, biases, small heads. Float32 in rows that are
/// padded to a multiple of 64 numbers; what computes is the master, rounded to bfloat16 where the model computes in it.
class TrainedVector {
 public:
  /// One parameter, row by row. `is_rounded`: it computes in bfloat16.
  TrainedVector(const std::string& name, const Decoder& start, bool is_rounded);
  /// Parameters of one dimension, one behind the other; `places` says where each number comes from (-1: padding).
  TrainedVector(std::vector<std::string> names, const Decoder& start, bool is_rounded, Places places);

  const std::vector<std::string>& names() const { return names_; }
  std::int64_t size() const { return static_cast<std::int64_t>(master_.size()); }
  std::int64_t width() const { return width_; }  ///< of a row, padded

  const float* values() const { return working_.data(); }
  float* gradient() { return gradient_.data(); }

  void clear_gradient();
  double gradient_squares() const;
  /// One step; parameters of one dimension are not decayed.
  void update(AdamWStep step);

  NamedTensors read(Kept what) const;
  void write(Kept what, const NamedTensors& values);

 private:
  void allocate(const Decoder& start, std::int64_t size);
  void publish();
  const std::vector<float>& kept(Kept what) const;

  std::vector<std::string> names_;
  std::vector<std::vector<std::int64_t>> shapes_;
  Places places_;  // of one-dimensional parameters; empty: rows
  std::int64_t width_ = 0;
  bool is_decayed_ = false, is_rounded_ = false;
  std::vector<float> master_, working_, gradient_, first_, second_;
};

}  // namespace drover::model
