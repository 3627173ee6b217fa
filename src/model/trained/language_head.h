#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/trained/buffer.h"
#include "model/trained/trained_matrix.h"

namespace drover::model {

/// Log-probabilities of targets under softmax(hidden * W^T), and their backward. Logits exist for 128 positions at a time; what is kept
/// for the backward pass are probabilities, for as many positions as `most_kept_bytes` hold, at least
/// 128. Others are computed again. A target's own term stays in float32: what a confident token still has to learn, 1 - p, is less than
/// a bfloat16 of p can tell.
template <typename Element>
class LanguageHead {
 public:
  static constexpr std::int64_t kKeptBytes = std::int64_t{192} << 20;

  /// `matrix`: [vocabulary, hidden]; must outlive this.
  LanguageHead(TrainedMatrix<Element>& matrix, std::int64_t vocab_size, std::int64_t most_kept_bytes = kKeptBytes)
      : matrix_(&matrix), vocab_size_(vocab_size), most_kept_bytes_(most_kept_bytes) {}

  /// `hidden` [count, inputs of the matrix] must stay until `backward`. Writes [count].
  void forward(const Element* hidden, std::span<const std::int32_t> targets, float* log_probs);

  /// From the derivatives with respect to each log-probability: `hidden_gradients` [count, inputs] is written, the matrix's gradient
  /// added to unless it is frozen.
  void backward(const float* gradients, float* hidden_gradients);

  /// Gives its memory back; only after `backward`.
  void free() {
    for (auto* buffer : {&logits_, &kept_, &parts_, &pairs_}) buffer->free();
  }

  /// Bytes that `count` positions keep at most.
  std::int64_t kept_bytes(std::int64_t count) const;

 private:
  std::int64_t width() const { return matrix_->outputs(); }
  std::int64_t positions_kept() const;
  void probabilities(std::int64_t begin, std::int64_t end);
  void add_hidden_gradients(const float* gradients, std::int64_t begin, std::int64_t end, float* out);
  void add_weight_gradients(const float* gradients, std::int64_t begin, std::int64_t end);

  TrainedMatrix<Element>* matrix_;
  std::int64_t vocab_size_;
  std::int64_t most_kept_bytes_;
  const Element* hidden_ = nullptr;
  std::vector<std::int32_t> targets_;
  std::vector<float> log_probs_;
  std::vector<float> misses_;    // 1 - p of each target, exact where p is nearly 1
  std::int64_t kept_begin_ = 0;  // the first position whose probabilities are kept
  Buffer logits_, kept_, parts_, pairs_;
};

}  // namespace drover::model
