#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/adapter.h"
#include "model/trained/buffer.h"
#include "model/packed/training_kernels.h"
#include "model/trained/kept.h"

namespace drover::model {

/// The low-rank pairs of some weights that multiply the same input, and learn, as the packed kernels take them. The rows of all their A
/// stand one below the other, `width` of them with padding: a product with them gives u, which is written behind the input's row x.
/// Behind the weight's own columns stand scale * B of each pair in that pair's columns, and zeros. So [x, u] times [W, scale B] is one
/// product, whatever follows it; the backward pass does the same with [dy, du] and [W^T, A^T]. Masters, gradients and moments are float32.
template <typename Element>
class LowRank {
 public:
  /// What the pairs of `weights` begin with; `rows`, `columns`, `heights`: how TrainedMatrix lays these weights out.
  LowRank(const std::vector<std::string>& weights, const Adapter& start, Places rows, Places columns, std::vector<std::int64_t> heights,
          std::int64_t source_columns);

  /// Ranks of all pairs together, padded to whole panels; 0 without pairs.
  static std::int64_t width_of(const std::vector<std::string>& weights, const Adapter& adapter);
  std::int64_t width() const { return width_; }

  /// A, 64 rows of all pairs a panel: [inputs / unit][64][unit].
  const Element* panel(std::int64_t p) const { return a_ + p * inputs() * kPanelColumns; }
  /// scale * B of the outputs in a panel of the weight, [width][64].
  void read_b(std::int64_t panel, float* to) const;

  /// Adds tiles [64][64] of du^T x, transposed (inputs of `block` by rows of A in `panel`), and of dy^T u, transposed (rows of A in `block`
  /// by outputs in `panel`). Not for one block (one panel) of inputs (outputs) by two threads at once.
  void add_a_gradient(std::int64_t panel, std::int64_t block, const float* tile);
  void add_b_gradient(std::int64_t panel, std::int64_t block, const float* tile);

  void clear_gradient();
  double gradient_squares() const;
  /// The weight's columns have to follow (`read_b`).
  void update(const AdamWStep& step);

  /// Names as `tensors_of`.
  const std::vector<std::string>& names() const { return names_; }
  NamedTensors read(Kept what) const;
  void write(Kept what, const NamedTensors& values);

  std::int64_t bytes() const;

 private:
  struct Part {
    std::size_t weight = 0;             // which of the weights
    std::int64_t first = 0, rank = 0;   // its rows among those of all A
    std::int64_t a = 0, b = 0;          // where its numbers begin: [rank, in] and [out, rank]
    float scale = 1.0F;
  };
  std::int64_t inputs() const { return static_cast<std::int64_t>(columns_.size()); }
  const Part* part_of_row(std::int64_t row) const;
  std::vector<float>& kept(Kept what);
  void publish();

  Places rows_, columns_;
  std::vector<std::int64_t> heights_;
  std::int64_t source_columns_ = 0, width_ = 0;
  std::vector<Part> parts_;
  std::vector<const Part*> of_weight_;  // of each weight, or null
  std::vector<std::string> names_;
  std::vector<float> master_, gradient_, first_, second_;
  Buffer memory_;
  Element* a_ = nullptr;
};

}  // namespace drover::model
