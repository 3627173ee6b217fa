#include "model/decoder.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "model/attention.h"
#include "model/cuda/device_attention.h"
#include "model/cuda/kernels_of_device.h"
#include "model/head_log_probs.h"
#include "model/heads.h"
#include "model/packed/float_product.h"
#include "model/rope.h"

namespace drover::model {
namespace {

using at::Tensor;

// Root mean square norm (Zhang and Sennrich 2019) in float32; the result has the weight's type.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor wide = x.to(at::kFloat);
  const Tensor inverse = (wide.square().mean(-1, /*keepdim=*/true) + eps).rsqrt();
  return (wide * inverse * weight.to(at::kFloat)).to(weight.scalar_type());
}

// Rotates the halves of each head: pairs are (i, i + head_dim / 2). `x`: [tokens, heads, head_dim]; cosines and sines:
// [tokens, 1, head_dim / 2] float32.
Tensor rotated(const Tensor& x, const Tensor& cosines, const Tensor& sines) {
  const std::int64_t half = x.size(2) / 2;
  const Tensor wide = x.to(at::kFloat);
  const Tensor first = wide.slice(2, 0, half);
  const Tensor second = wide.slice(2, half);
  return at::cat({first * cosines - second * sines, second * cosines + first * sines}, 2).to(x.scalar_type());
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
}

Tensor id_tensor(std::span<const text::TokenId> tokens, const at::Device& device) {
  Tensor ids = at::empty({static_cast<std::int64_t>(tokens.size())}, at::kLong);
  std::transform(tokens.begin(), tokens.end(), ids.mutable_data_ptr<std::int64_t>(), [](text::TokenId id) { return text::to_int(id); });
  return ids.to(device);
}

Tensor index_tensor(std::span<const std::int64_t> indices, std::int64_t bound, const at::Device& device) {
  Tensor tensor = at::empty({static_cast<std::int64_t>(indices.size())}, at::kLong);
  for (const std::int64_t index : indices) DROVER_CHECK(index >= 0 && index < bound, "Position {} of {} tokens", index, bound);
  std::copy(indices.begin(), indices.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor.to(device);
}

void check_parameter(const std::string& name, const std::vector<std::int64_t>& shape, const Tensor& tensor, const Tensor& first) {
  if (tensor.sizes() != at::IntArrayRef(shape)) {
    throw base::UserError("The tensor '{}' has shape [{}], but the model's configuration asks for [{}].", name,
                          fmt::join(tensor.sizes().vec(), ", "), fmt::join(shape, ", "));
  }
  if (tensor.scalar_type() != at::kFloat && tensor.scalar_type() != at::kBFloat16) {
    throw base::UserError("The tensor '{}' has the type {}; float32 and bfloat16 are possible.", name, at::toString(tensor.scalar_type()));
  }
  DROVER_CHECK(tensor.scalar_type() == first.scalar_type() && tensor.device() == first.device(),
               "Tensor {} differs in type or device from the others", name);
}

// Whether a window hides anything: some path of the row is longer than it.
bool window_matters(const DecoderConfig& config, std::int64_t longest_path) {
  return config.sliding_window > 0 && longest_path > config.sliding_window;
}

// A window of w tokens: a query sees keys less than w positions back (Mistral).
Tensor within_window(const Tensor& query_positions, const Tensor& key_positions, std::int64_t window) {
  return (query_positions.unsqueeze(1) - key_positions.unsqueeze(0)) < window;
}

}  // namespace

Decoder::Decoder(DecoderConfig config, NamedTensors parameters, const std::vector<LowRankPair>& pairs) : config_(std::move(config)) {
  config_.validate();
  std::map<std::string, Tensor, std::less<>> given;
  for (auto& [name, tensor] : parameters) {
    if (!given.emplace(name, std::move(tensor)).second) throw base::UserError("The tensor '{}' appears twice.", name);
  }
  for (const auto& [name, shape] : parameter_shapes(config_)) {
    const auto found = given.find(name);
    if (found == given.end()) throw base::UserError("The tensor '{}' is missing.", name);
    check_parameter(name, shape, found->second, parameters_.empty() ? found->second : parameters_.front().second);
    index_.emplace(name, parameters_.size());
    parameters_.emplace_back(name, found->second);
    given.erase(found);
  }
  if (!given.empty()) {
    throw base::UserError("The tensor '{}' is surplus: a model of this configuration has none of that name.", given.begin()->first);
  }
  gather_layers(pairs);
  const RopeTable table = rope_table(config_);
  rotary_magnitude_ = table.magnitude;
  inverse_frequencies_ = at::empty({static_cast<std::int64_t>(table.inverse_frequencies.size())}, at::kFloat);
  std::copy(table.inverse_frequencies.begin(), table.inverse_frequencies.end(), inverse_frequencies_.mutable_data_ptr<float>());
  inverse_frequencies_ = inverse_frequencies_.to(device());
}

void Decoder::gather_layers(const std::vector<LowRankPair>& pairs) {
  std::size_t pairs_found = 0;
  for (std::int64_t index = 0; index < config_.num_layers; ++index) {
    const auto get = [&](std::string_view name) { return find(fmt::format("model.layers.{}.{}", index, name)); };
    const auto linear_of = [&](const std::string& name) {
      Linear linear{.weight = get(name + ".weight"), .bias = get(name + ".bias"), .a = {}, .b = {}};
      const auto full = fmt::format("model.layers.{}.{}.weight", index, name);
      for (const auto& pair : pairs) {
        if (pair.weight != full) continue;
        linear.a = pair.a;
        linear.b = pair.b;
        linear.scale = pair.scale;
        ++pairs_found;
      }
      return linear;
    };
    layers_.push_back({.input_norm = get("input_layernorm.weight"),
                       .post_attention_norm = get("post_attention_layernorm.weight"),
                       .q = linear_of("self_attn.q_proj"),
                       .k = linear_of("self_attn.k_proj"),
                       .v = linear_of("self_attn.v_proj"),
                       .o = linear_of("self_attn.o_proj"),
                       .q_norm = get("self_attn.q_norm.weight"),
                       .k_norm = get("self_attn.k_norm.weight"),
                       .gate = linear_of("mlp.gate_proj"),
                       .up = linear_of("mlp.up_proj"),
                       .down = linear_of("mlp.down_proj")});
  }
  DROVER_CHECK_EQ(pairs_found, pairs.size(), "Pairs belong to weights of layers, one to each");
}

Tensor Decoder::Linear::operator()(const Tensor& x) const {
  const Tensor plain = linear(x, weight, bias);
  return a.defined() ? plain + at::linear(at::linear(x, a), b) * scale : plain;
}

Tensor Decoder::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? Tensor() : parameters_[found->second].second;
}

const Tensor& Decoder::parameter(std::string_view name) const {
  const auto found = index_.find(name);
  DROVER_CHECK(found != index_.end(), "The model has no parameter {}", name);
  return parameters_[found->second].second;
}

std::int64_t Decoder::num_parameters() const {
  std::int64_t sum = 0;
  for (const auto& [name, tensor] : parameters_) sum += tensor.numel();
  return sum;
}

Decoder Decoder::to(at::ScalarType type, const at::Device& device) const {
  NamedTensors converted;
  for (const auto& [name, tensor] : parameters_) converted.emplace_back(name, tensor.detach().to(device, type));
  return Decoder(config_, std::move(converted));
}

const Tensor& Decoder::head_weight() const {
  DROVER_CHECK(config_.head.kind == HeadKind::kLanguage, "The model has a {} head instead of a language head", name_of(config_.head.kind));
  return parameter(config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
}

const PackedMatrix* Decoder::packed_head() const {
  const Tensor& weight = head_weight();
  if (weight.requires_grad() || !has_float_product(weight)) return nullptr;
  std::call_once(packed_head_->once, [&] { packed_head_->matrix = pack_matrix(weight, {}); });
  return &packed_head_->matrix;
}

Tensor Decoder::attention(const Layer& layer, std::size_t index, const Tensor& x, const Tensor& cosines, const Tensor& sines,
                          const Attend& attend) const {
  const std::int64_t tokens = x.size(0);
  Tensor q = layer.q(x).view({tokens, config_.num_heads, config_.head_dim});
  Tensor k = layer.k(x).view({tokens, config_.num_kv_heads, config_.head_dim});
  const Tensor v = layer.v(x).view({tokens, config_.num_kv_heads, config_.head_dim});
  if (config_.qk_norm) {
    q = rms_norm(q, layer.q_norm, config_.rms_norm_eps);
    k = rms_norm(k, layer.k_norm, config_.rms_norm_eps);
  }
  const Tensor attended = attend(index, rotated(q, cosines, sines), rotated(k, cosines, sines), v);
  return layer.o(attended.reshape({tokens, config_.num_heads * config_.head_dim}));
}

Tensor Decoder::hidden_with(std::span<const text::TokenId> tokens, std::span<const std::int32_t> positions, const Attend& attend) const {
  for (const text::TokenId id : tokens) {
    DROVER_CHECK(text::to_int(id) >= 0 && text::to_int(id) < config_.vocab_size, "Token id {} in a vocabulary of {}", text::to_int(id),
                 config_.vocab_size);
  }
  Tensor position = at::empty({static_cast<std::int64_t>(positions.size())}, at::kFloat);
  std::copy(positions.begin(), positions.end(), position.mutable_data_ptr<float>());
  const Tensor angles = (position.to(device()).unsqueeze(1) * inverse_frequencies_).unsqueeze(1);
  const Tensor cosines = angles.cos() * rotary_magnitude_;
  const Tensor sines = angles.sin() * rotary_magnitude_;

  // The stream that all layers add to stays float32: in bfloat16 its rounding would outweigh that of everything else.
  Tensor x = at::embedding(parameter("model.embed_tokens.weight"), id_tensor(tokens, device())).to(at::kFloat);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    x = x + attention(layer, i, rms_norm(x, layer.input_norm, config_.rms_norm_eps), cosines, sines, attend);
    const Tensor h = rms_norm(x, layer.post_attention_norm, config_.rms_norm_eps);
    const Tensor gated = at::silu(layer.gate(h)) * layer.up(h);
    x = x + layer.down(gated);
  }
  return rms_norm(x, parameter("model.norm.weight"), config_.rms_norm_eps);
}

Tensor Decoder::hidden(const TokenRow& row, AttentionPath path) const {
  row.validate();
  if (row.tokens.empty()) return at::empty({0, config_.hidden_size}, parameters_.front().second.options());
  const std::vector<AttentionBlock> blocks = attention_blocks(row);
  const bool windowed = window_matters(config_, *std::max_element(row.positions.begin(), row.positions.end()) + 1);
  if (path == AttentionPath::kBlocks && device().is_cpu() && !windowed) {
    return hidden_with(row.tokens, row.positions,
                       [&](std::size_t, const Tensor& q, const Tensor& k, const Tensor& v) { return attend_blocks(q, k, v, blocks); });
  }
  const DeviceKernels* kernels = kernels_of(device());
  if (path == AttentionPath::kBlocks && kernels != nullptr && heads_fit_kernels(config_)) {
    const std::int64_t window = windowed ? config_.sliding_window : 0;
    const auto planned = make_device_row(visible_pieces(row, window), row.num_tokens(), window, config_.num_heads / config_.num_kv_heads, dtype(), device(), *kernels);
    return hidden_with(row.tokens, row.positions,
                       [&](std::size_t, const Tensor& q, const Tensor& k, const Tensor& v) { return attend_on_device(q, k, v, planned); });
  }
  Tensor mask = mask_of(blocks, row.num_tokens(), row.num_tokens());
  if (windowed) {
    Tensor positions = at::empty({row.num_tokens()}, at::kInt);
    std::copy(row.positions.begin(), row.positions.end(), positions.mutable_data_ptr<std::int32_t>());
    mask = mask.logical_and(within_window(positions, positions, config_.sliding_window));
  }
  mask = mask.to(device());
  const auto attend = path == AttentionPath::kDense ? attend_masked : attend_fused;
  return hidden_with(row.tokens, row.positions,
                     [&](std::size_t, const Tensor& q, const Tensor& k, const Tensor& v) { return attend(q, k, v, mask); });
}

Tensor Decoder::log_probs(const TokenRow& row, AttentionPath path) const { return log_probs_of(hidden(row, path), row); }

Tensor Decoder::log_probs_of(const Tensor& hidden, const TokenRow& row) const {
  std::vector<std::int64_t> positions;
  std::vector<text::TokenId> targets;
  for (const LearnedPosition& entry : row.learned) {
    DROVER_CHECK(text::to_int(entry.target) < config_.vocab_size, "Target {} in a vocabulary of {}", text::to_int(entry.target),
                 config_.vocab_size);
    positions.push_back(entry.position);
    targets.push_back(entry.target);
  }
  const Tensor picked = hidden.index_select(0, index_tensor(positions, row.num_tokens(), device()));
  return head_log_probs(picked, head_weight(), id_tensor(targets, device()), packed_head());
}

Tensor Decoder::logits(const TokenRow& row, std::span<const std::int64_t> positions, AttentionPath path) const {
  const Tensor& weight = head_weight();
  const Tensor picked = hidden(row, path).index_select(0, index_tensor(positions, row.num_tokens(), device()));
  return at::linear(picked, weight).to(at::kFloat);
}

Tensor Decoder::scores(const TokenRow& row, std::span<const std::int64_t> positions, AttentionPath path) const {
  return scores_of(hidden(row, path), positions);
}

Tensor Decoder::scores_of(const Tensor& hidden, std::span<const std::int64_t> positions) const {
  DROVER_CHECK(config_.head.kind != HeadKind::kLanguage, "The model has a language head, which gives no scores");
  return scores_of_rows(hidden.index_select(0, index_tensor(positions, hidden.size(0), device())));
}

Tensor Decoder::scores_of_rows(const Tensor& rows) const {
  // Float32, because a bfloat16 product would leave three digits to compare rewards by.
  const Tensor bias = find("score.bias");
  return linear(rows.to(at::kFloat), parameter("score.weight").to(at::kFloat), bias.defined() ? bias.to(at::kFloat) : bias);
}

Tensor Decoder::outputs_of(const Tensor& hidden) const {
  return config_.head.kind == HeadKind::kLanguage ? at::linear(hidden, head_weight()).to(at::kFloat) : scores_of_rows(hidden);
}

}  // namespace drover::model
