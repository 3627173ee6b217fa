#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/packed/training_kernels.h"
#include "model/trained/buffer.h"

namespace drover::model {

/// What AdamW keeps of a parameter beside the weights.
enum class Kept { kMaster, kGradient, kFirstMoment, kSecondMoment, kWeights };

/// Where each row or column of a laid-out matrix comes from: an index into the named parameters' rows (one below the other) or columns,
/// or -1 for padding.
using Places = std::vector<std::int64_t>;

/// Some weight matrices [out, in] that multiply the same input, as one matrix that learns. Everything about it lies in panels of 64
/// outputs: weights [panels][in / unit][64][unit], gradient and moments [panels][in][64] float32. For bfloat16 the float32 master is
/// the weights and 16 bits more (TrainingKernels::adamw).
template <typename Element>
class TrainedMatrix {
 public:
  /// `rows` and `columns`: multiples of 64 long.
  TrainedMatrix(std::vector<std::string> names, const Decoder& start, Places rows, Places columns);

  const std::vector<std::string>& names() const { return names_; }
  std::int64_t panels() const { return panels_; }
  std::int64_t inputs() const { return inputs_; }       ///< padded
  std::int64_t outputs() const { return 64 * panels_; } ///< padded

  const Element* panel(std::int64_t p) const { return weights_ + p * inputs_ * kPanelColumns; }
  float* gradient_panel(std::int64_t p) { return gradient_ + p * inputs_ * kPanelColumns; }
  /// Row `row`, as it computes, to `out` [inputs].
  void read_row(std::int64_t row, float* out) const;

  /// Writes panels begin .. end-1 into those of the transposed matrix: [in / 64][out / unit][64][unit].
  void transpose(std::int64_t begin, std::int64_t end, Element* out) const;

  void clear_gradient(std::int64_t begin, std::int64_t end);
  double gradient_squares(std::int64_t begin, std::int64_t end) const;
  void update(const AdamWStep& step, std::int64_t begin, std::int64_t end);

  /// The named parameters [out, in], in the order of `names`: float32, or what computes as it is (kWeights).
  NamedTensors read(Kept what) const;
  /// Takes kMaster or a moment of the parameters that it has the names of; others are not looked at.
  void write(Kept what, const NamedTensors& values);

 private:
  void read_panel(Kept what, std::int64_t panel, float* to) const;  // [in][64]

  std::vector<std::string> names_;
  std::vector<std::int64_t> heights_;  // rows of each named parameter
  Places rows_, columns_;
  std::int64_t source_columns_ = 0;
  std::int64_t panels_ = 0, inputs_ = 0;
  Buffer memory_[5];
  Element* weights_ = nullptr;
  std::int16_t* low_ = nullptr;  // null for float32
  float* gradient_ = nullptr;
  float* first_ = nullptr;
  float* second_ = nullptr;
};

}  // namespace drover::model
