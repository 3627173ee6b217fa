#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/config.h"
#include "model/low_rank_pair.h"
#include "model/packed/packed_matrix.h"
#include "model/token_tree.h"

namespace drover::model {

/// Names and tensors in one fixed order: that of `parameter_shapes`.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
using NamedShapes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

/// The parameters that a decoder of this shape has, by their Hugging Face names and in the order of the computation: the embedding,
/// layer by layer, the final norm, then `lm_head.weight` (absent when tied) or `score.weight` (and `score.bias`). Matrices are
/// [out, in].
NamedShapes parameter_shapes(const DecoderConfig& config);

/// How attention over a row is computed; both give the same numbers.
enum class AttentionPath {
  kBlocks,  ///< flash attention over what is visible: on the CPU one kernel call for each query run and ancestor, merged by log-sum-exp; on a
            ///< GPU own kernels (cuda/device_attention.h) where they are built in and the heads fit, else LibTorch's under a mask
  kDense,   ///< scores of all pairs under a mask: the plainly right reference, quadratic in the row's length
};

/// A Llama-like decoder: embedding, layers of attention and gated MLP, final norm, head. Holds its parameters and nothing that
/// changes, so one object may be used by many threads. Copies share the tensors.
///
/// Everything is differentiable by LibTorch's autograd with respect to the parameters: construct it over leaf tensors that require
/// gradients to train, and wrap calls in c10::NoGradGuard (or hold parameters without gradients) to compute only. Activations have the
/// parameters' type; norms, rotary angles and log-softmax are float32.
class Decoder {
 public:
  /// Takes parameters in any order; they must be exactly those of `parameter_shapes(config)`, of one type (float32 or bfloat16) on
  /// one device. Throws UserError that names the tensor which is missing, surplus or of the wrong shape or type.
  Decoder(DecoderConfig config, NamedTensors parameters) : Decoder(std::move(config), std::move(parameters), {}) {}

  /// The same with low-rank pairs beside some of the layers' weights, in the parameters' type: for training. Whoever reads
  /// `parameters` sees the weights without them.
  Decoder(DecoderConfig config, NamedTensors parameters, const std::vector<LowRankPair>& pairs);

  const DecoderConfig& config() const { return config_; }

  /// In the order of `parameter_shapes`. Tensors of a loaded model may lie over a read-only file: clone before writing to them.
  const NamedTensors& parameters() const { return parameters_; }
  /// The parameter must exist (checked).
  const at::Tensor& parameter(std::string_view name) const;
  std::int64_t num_parameters() const;

  at::ScalarType dtype() const { return parameters_.front().second.scalar_type(); }
  at::Device device() const { return parameters_.front().second.device(); }

  /// The same decoder with its parameters converted; tensors that already fit are shared.
  Decoder to(at::ScalarType type, const at::Device& device) const;

  /// The trunk's output after the final norm: [tokens, hidden_size] in the parameters' type.
  at::Tensor hidden(const TokenRow& row, AttentionPath path = AttentionPath::kBlocks) const;

  /// Natural-log probabilities of the row's learned targets: [learned] float32, in the order of `row.learned` (weights are not
  /// applied). Only learned positions reach the head, in chunks; the logits of a row never exist at once, in the backward pass neither.
  at::Tensor log_probs(const TokenRow& row, AttentionPath path = AttentionPath::kBlocks) const;
  /// The same from `hidden`, the trunk's output for the row.
  at::Tensor log_probs_of(const at::Tensor& hidden, const TokenRow& row) const;

  /// The language head's logits at these positions of the row: [positions, vocab_size] float32.
  at::Tensor logits(const TokenRow& row, std::span<const std::int64_t> positions, AttentionPath path = AttentionPath::kBlocks) const;

  /// The outputs of a reward, steps or classes head at these positions: [positions, num_labels] float32 logits.
  at::Tensor scores(const TokenRow& row, std::span<const std::int64_t> positions, AttentionPath path = AttentionPath::kBlocks) const;
  /// The same from `hidden`, the trunk's output for the row.
  at::Tensor scores_of(const at::Tensor& hidden, std::span<const std::int64_t> positions) const;

  /// Rotated queries [tokens, heads, head_dim], rotated keys and values [tokens, kv_heads, head_dim] of a layer to the attended
  /// values [tokens, heads, head_dim].
  using Attend = std::function<at::Tensor(std::size_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)>;

  /// `hidden` for tokens whose keys and values the caller keeps: each at its rotary position, attention by `attend`.
  at::Tensor hidden_with(std::span<const text::TokenId> tokens, std::span<const std::int32_t> positions, const Attend& attend) const;

  /// The logits of a language head, or the scores of another, for rows of `hidden`: [rows, vocab_size or num_labels] float32.
  at::Tensor outputs_of(const at::Tensor& hidden) const;

 private:
  struct Linear {
    at::Tensor operator()(const at::Tensor& x) const;

    at::Tensor weight, bias;  // no bias: undefined
    at::Tensor a, b;          // of the low-rank pair; undefined without one
    double scale = 0.0;
  };
  struct Layer {
    at::Tensor input_norm, post_attention_norm;
    Linear q, k, v, o;
    at::Tensor q_norm, k_norm;  // undefined where heads are not normalised
    Linear gate, up, down;
  };
  at::Tensor find(std::string_view name) const;  // undefined when the model has no such parameter
  void gather_layers(const std::vector<LowRankPair>& pairs);
  const at::Tensor& head_weight() const;
  const PackedMatrix* packed_head() const;  // null where head_log_probs has to pack by itself, or cannot
  at::Tensor attention(const Layer& layer, std::size_t index, const at::Tensor& x, const at::Tensor& cosines,
                       const at::Tensor& sines, const Attend& attend) const;
  at::Tensor scores_of_rows(const at::Tensor& rows) const;

  DecoderConfig config_;
  NamedTensors parameters_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<Layer> layers_;
  at::Tensor inverse_frequencies_;  // [head_dim / 2] float32 on the device
  struct PackedHead {
    std::once_flag once;
    PackedMatrix matrix;
  };
  std::shared_ptr<PackedHead> packed_head_ = std::make_shared<PackedHead>();  // made when first asked for
  double rotary_magnitude_ = 1.0;   // what cosines and sines are multiplied with (yarn)
};

}  // namespace drover::model
