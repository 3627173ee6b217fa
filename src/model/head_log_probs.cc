#include "model/head_log_probs.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "model/packed/float_product.h"

namespace drover::model {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows a chunk: its float32 logits stay near 64 MiB.
std::int64_t chunk_rows(std::int64_t vocab) { return std::clamp<std::int64_t>((std::int64_t{1} << 24) / vocab, 16, 4096); }

// Float32 logits: of bfloat16 numbers too where there is a kernel for it, because a logit that is rounded to bfloat16 is wrong by up to a
// sixteenth.
class Logits {
 public:
  Logits(const Tensor& hidden, const Tensor& weight, const PackedMatrix* packed) : weight_(weight), packed_(packed) {
    if (packed_ != nullptr || !has_float_product(hidden)) return;
    own_ = pack_matrix(weight, {});
    packed_ = &own_;
  }
  Logits(const Logits&) = delete;
  Logits& operator=(const Logits&) = delete;

  Tensor of(const Tensor& hidden) const {
    return packed_ != nullptr ? float_product(hidden, *packed_) : at::linear(hidden, weight_).to(at::kFloat);
  }

 private:
  const Tensor& weight_;
  const PackedMatrix* packed_;
  PackedMatrix own_;
};

class HeadLogProbs : public torch::autograd::Function<HeadLogProbs> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                        const PackedMatrix* packed) {
    const Logits logits_of(hidden, weight, packed);
    const std::int64_t rows = hidden.size(0);
    const Tensor chosen = at::empty({rows}, hidden.options().dtype(at::kFloat));
    const Tensor log_sum_exp = at::empty_like(chosen);
    const std::int64_t step = chunk_rows(weight.size(0));
    for (std::int64_t begin = 0; begin < rows; begin += step) {
      const std::int64_t end = std::min(rows, begin + step);
      const Tensor logits = logits_of.of(hidden.slice(0, begin, end));
      log_sum_exp.slice(0, begin, end).copy_(at::logsumexp(logits, 1));
      chosen.slice(0, begin, end).copy_(logits.gather(1, targets.slice(0, begin, end).unsqueeze(1)).squeeze(1));
    }
    context->save_for_backward({hidden, weight, targets, log_sum_exp});
    return chosen - log_sum_exp;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &hidden = saved[0], &weight = saved[1], &targets = saved[2], &log_sum_exp = saved[3];
    const bool needs_weight = context->needs_input_grad(1);
    const Tensor d_hidden = at::empty_like(hidden);
    Tensor d_weight;
    if (needs_weight) d_weight = at::zeros(weight.sizes(), weight.options().dtype(at::kFloat));
    const Logits logits_of(hidden, weight, nullptr);  // weights that learn may have changed since they were packed
    const std::int64_t rows = hidden.size(0);
    const std::int64_t step = chunk_rows(weight.size(0));
    for (std::int64_t begin = 0; begin < rows; begin += step) {
      const std::int64_t end = std::min(rows, begin + step);
      const Tensor part = hidden.slice(0, begin, end);
      const Tensor gradient = gradients[0].slice(0, begin, end).unsqueeze(1);
      // d log p(target) / d logit_j = [j = target] - p_j
      Tensor d_logits = (logits_of.of(part) - log_sum_exp.slice(0, begin, end).unsqueeze(1)).exp_().mul_(-gradient);
      d_logits.scatter_add_(1, targets.slice(0, begin, end).unsqueeze(1), gradient.contiguous());
      d_logits = d_logits.to(hidden.scalar_type());
      d_hidden.slice(0, begin, end).copy_(at::matmul(d_logits, weight));
      if (needs_weight) d_weight.add_(at::matmul(d_logits.t(), part));
    }
    return {d_hidden, needs_weight ? d_weight.to(weight.scalar_type()) : Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor head_log_probs(const Tensor& hidden, const Tensor& weight, const Tensor& targets, const PackedMatrix* packed) {
  return HeadLogProbs::apply(hidden, weight, targets, packed);
}

}  // namespace drover::model
