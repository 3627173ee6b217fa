#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/packed/training_kernels.h"
#include "model/trained/buffer.h"
#include "model/trained/kept.h"
#include "model/trained/low_rank.h"

namespace drover::model {

/// Some weight matrices [out, in] that multiply the same input, as one matrix that learns. Everything about it lies in panels of 64
/// outputs: weights [panels][in / unit][64][unit], gradient and moments [panels][in][64] float32. For bfloat16 the float32 master is
/// the weights and 16 bits more (TrainingKernels::adamw).
///
/// Under an adapter the weights are frozen: there is nothing but themselves, and the low-rank pairs that learn in their place, whose
/// columns stand behind the weights' own. Products then take rows of inputs that are `product_inputs` wide (LowRank says why).
template <typename Element>
class TrainedMatrix {
 public:
  /// `rows` and `columns`: multiples of 64 long. `adapter`: what the pairs begin with; null: the weights themselves learn.
  TrainedMatrix(std::vector<std::string> names, const Decoder& start, Places rows, Places columns, const Adapter* adapter = nullptr);

  const std::vector<std::string>& names() const { return names_; }
  std::int64_t panels() const { return panels_; }
  std::int64_t inputs() const { return inputs_; }       ///< padded
  std::int64_t outputs() const { return 64 * panels_; } ///< padded

  /// The pairs that learn in place of the weights; null: none.
  LowRank<Element>* low_rank() { return low_rank_ ? &*low_rank_ : nullptr; }
  const LowRank<Element>* low_rank() const { return low_rank_ ? &*low_rank_ : nullptr; }
  bool is_frozen() const { return is_frozen_; }
  std::int64_t low_rank_width() const { return low_rank_width_; }
  std::int64_t product_inputs() const { return inputs_ + low_rank_width_; }
  std::int64_t product_outputs() const { return outputs() + low_rank_width_; }

  /// [product_inputs / unit][64][unit].
  const Element* panel(std::int64_t p) const { return weights_ + p * product_inputs() * kPanelColumns; }
  /// Not of frozen weights; nor are the four that follow.
  float* gradient_panel(std::int64_t p) { return gradient_ + p * inputs_ * kPanelColumns; }
  /// Row `row`, as it computes, to `out` [inputs].
  void read_row(std::int64_t row, float* out) const;

  void clear_gradient(std::int64_t begin, std::int64_t end);
  double gradient_squares(std::int64_t begin, std::int64_t end) const;
  void update(const AdamWStep& step, std::int64_t begin, std::int64_t end);
  /// After it none of the four above, nor `read` and `write` of what is gone.
  void free_gradient_and_moments();

  /// AdamW's step for the pairs, and LowRank::write: the columns behind the weights follow.
  void update_low_rank(const AdamWStep& step);
  void write_low_rank(Kept what, const NamedTensors& values);

  /// Writes panels begin .. end-1 of the weights and, behind them, of A (product_outputs / 64 in all) into those of the transposed matrix:
  /// [product_inputs / 64][product_outputs / unit][64][unit].
  void transpose(std::int64_t begin, std::int64_t end, Element* out) const;

  /// The named parameters [out, in], in the order of `names`: float32, or what computes as it is (kWeights; without the pairs).
  NamedTensors read(Kept what) const;
  /// Takes kMaster or a moment of the parameters that it has the names of; others are not looked at. Frozen weights take kMaster.
  void write(Kept what, const NamedTensors& values);

 private:
  void publish_low_rank();
  void read_panel(Kept what, std::int64_t panel, float* to) const;  // [in][64]

  std::vector<std::string> names_;
  std::vector<std::int64_t> heights_;  // rows of each named parameter
  Places rows_, columns_;
  std::int64_t source_columns_ = 0;
  std::int64_t panels_ = 0, inputs_ = 0, low_rank_width_ = 0;
  bool is_frozen_ = false;
  std::optional<LowRank<Element>> low_rank_;
  Buffer memory_[5];
  Element* weights_ = nullptr;
  std::int16_t* low_ = nullptr;  // null for float32 and frozen weights
  float* gradient_ = nullptr;
  float* first_ = nullptr;
  float* second_ = nullptr;
};

}  // namespace drover::model
