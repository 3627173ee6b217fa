#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/trained/buffer.h"
#include "model/trained/trained_matrix.h"

namespace drover::model {

/// An embedding that no head shares, and learns. Most tokens never occur in a run: the gradients and moments of their rows stay zeros
/// that take no memory, and AdamW leaves such rows as they are but for decay.
class TrainedEmbedding {
 public:
  TrainedEmbedding(std::string name, const Decoder& start, bool is_rounded);

  const std::vector<std::string>& names() const { return names_; }
  std::int64_t width() const { return width_; }  ///< padded
  /// Row `token`, as it computes, to `out` [width].
  void read_row(std::int64_t token, float* out) const;

  /// Notes that a token's gradient will be added to. Before `gradient_row` of it; not while other threads add.
  void touch(std::int64_t token);
  float* gradient_row(std::int64_t token) { return gradient_ + token * width_; }

  void clear_gradient();
  double gradient_squares() const;
  void update(const AdamWStep& step);
  /// After it nothing but `read_row`, and `read` and `write` of masters.
  void free_gradient_and_moments();

  NamedTensors read(Kept what) const;
  void write(Kept what, const NamedTensors& values);

  /// Bytes when every row is touched.
  std::int64_t most_bytes() const { return 16 * rows_ * width_; }

 private:
  std::vector<std::string> names_;  // one
  bool is_rounded_ = false;
  std::int64_t rows_ = 0, given_width_ = 0, width_ = 0;
  Buffer memory_[4];
  float* master_ = nullptr;
  float* gradient_ = nullptr;
  float* first_ = nullptr;
  float* second_ = nullptr;
  std::vector<std::uint8_t> is_touched_;       // since the start
  std::vector<std::int64_t> has_gradient_;     // rows with gradients, since they were cleared
};

}  // namespace drover::model
