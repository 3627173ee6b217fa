#include "model/adapter.h"

#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "base/random_stream.h"

namespace drover::model {
namespace {

using base::UserError;

constexpr std::string_view kWeight = ".weight";

/// "model.layers.0.self_attn.q_proj" for its weight's name.
std::string_view module_of(std::string_view weight) { return weight.substr(0, weight.size() - kWeight.size()); }

bool is_target(std::string_view name, std::span<const std::string> targets) {
  if (!name.starts_with("model.layers.") || !name.ends_with(kWeight)) return false;
  const auto module = module_of(name);
  const auto last = module.substr(module.rfind('.') + 1);
  if (!targets.empty()) return std::find(targets.begin(), targets.end(), last) != targets.end();
  const auto all = lora_target_names();
  return std::find(all.begin(), all.end(), last) != all.end();
}

at::Tensor uniform_tensor(std::int64_t rows, std::int64_t columns, double bound, base::RandomStream stream) {
  at::Tensor tensor = at::empty({rows, columns}, at::kFloat);
  auto* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < rows * columns; ++i) values[i] = static_cast<float>((2.0 * stream.uniform() - 1.0) * bound);
  return tensor;
}

const at::Tensor* whole_of(const Adapter& adapter, std::string_view name) {
  for (const auto& [own, tensor] : adapter.whole) {
    if (own == name) return &tensor;
  }
  return nullptr;
}

}  // namespace

at::Tensor merged_weight(const at::Tensor& weight, const LowRankPair& pair) {
  const at::NoGradGuard no_grad;
  const auto wide = [&](const at::Tensor& tensor) { return tensor.to(weight.device(), at::kFloat); };
  at::Tensor sum = wide(pair.b).matmul(wide(pair.a)).mul_(pair.scale);
  sum.add_(wide(weight));
  return sum.to(weight.scalar_type());
}

Adapter fresh_adapter(const Decoder& start, const LoraOptions& options, std::uint64_t seed) {
  options.validate();
  DROVER_CHECK(options.is_on(), "Adapters have a rank");
  Adapter adapter;
  const auto float32 = at::TensorOptions().dtype(at::kFloat).device(start.device());
  for (const auto& [name, tensor] : start.parameters()) {
    if (name.starts_with("score.")) adapter.whole.emplace_back(name, tensor.detach().to(at::kFloat, false, /*copy=*/true));
    if (!is_target(name, options.targets)) continue;
    const std::int64_t out = tensor.size(0), in = tensor.size(1);
    const base::RandomStream stream(seed, "lora", adapter.pairs.size());
    adapter.pairs.push_back({.weight = name,
                             .a = uniform_tensor(options.rank, in, 1.0 / std::sqrt(static_cast<double>(in)), stream).to(start.device()),
                             .b = at::zeros({out, options.rank}, float32),
                             .scale = options.scale()});
  }
  if (!adapter.whole.empty()) adapter.head = start.config().head;
  return adapter;
}

NamedTensors tensors_of(const Adapter& adapter) {
  NamedTensors tensors;
  for (const auto& pair : adapter.pairs) {
    tensors.emplace_back(fmt::format("{}.lora_A.weight", module_of(pair.weight)), pair.a);
    tensors.emplace_back(fmt::format("{}.lora_B.weight", module_of(pair.weight)), pair.b);
  }
  tensors.insert(tensors.end(), adapter.whole.begin(), adapter.whole.end());
  return tensors;
}

Adapter with_tensors(const Adapter& adapter, const NamedTensors& tensors) {
  const auto own = tensors_of(adapter);
  DROVER_CHECK_EQ(tensors.size(), own.size(), "The tensors of an adapter");
  for (std::size_t i = 0; i < own.size(); ++i) {
    DROVER_CHECK(tensors[i].first == own[i].first && tensors[i].second.sizes() == own[i].second.sizes(), "{} in the place of {}", tensors[i].first, own[i].first);
  }
  Adapter changed = adapter;
  std::size_t next = 0;
  for (auto& pair : changed.pairs) {
    pair.a = tensors[next++].second;
    pair.b = tensors[next++].second;
  }
  for (auto& [name, tensor] : changed.whole) tensor = tensors[next++].second;
  return changed;
}

DecoderConfig merged_config(const DecoderConfig& base, const Adapter& adapter) {
  DecoderConfig config = base;
  if (adapter.head) config.head = *adapter.head;
  return config;
}

void check_fits(const Adapter& adapter, const DecoderConfig& base, std::string_view where) {
  const auto config = merged_config(base, adapter);
  config.validate();
  const auto shapes = parameter_shapes(config);
  const auto shape_of = [&](std::string_view name) {
    const auto found = std::find_if(shapes.begin(), shapes.end(), [&](const auto& shape) { return shape.first == name; });
    if (found == shapes.end()) throw UserError("{}: it changes '{}', which the base model does not have. Was it made for another base?", where, name);
    return found->second;
  };
  for (const auto& pair : adapter.pairs) {
    const auto shape = shape_of(pair.weight);
    if (shape.size() == 2 && pair.a.size(1) == shape[1] && pair.b.size(0) == shape[0]) continue;
    throw UserError("{}: the pair of '{}' is made for a weight of shape [{}, {}], but the base model's has [{}]. Was it made for another base?", where,
                    pair.weight, pair.b.size(0), pair.a.size(1), fmt::join(shape, ", "));
  }
  for (const auto& [name, tensor] : adapter.whole) {
    const auto shape = shape_of(name);
    if (config.tied_embeddings && name == "model.embed_tokens.weight") {
      throw UserError("{}: '{}' was trained whole, but the base model's language head is the same tensor; this is not supported.", where, name);
    }
    if (tensor.sizes() == at::IntArrayRef(shape)) continue;
    throw UserError("{}: '{}' has shape [{}], but the base model's has [{}]. Was it made for another base?", where, name, fmt::join(tensor.sizes().vec(), ", "),
                    fmt::join(shape, ", "));
  }
  for (const auto& [name, shape] : shapes) {
    if (!name.starts_with("score.") || base.head == config.head || whole_of(adapter, name) != nullptr) continue;
    throw UserError("{}: '{}' is missing: the head is not whole.", where, name);
  }
}

at::Tensor merged_parameter(const Decoder& base, const Adapter& adapter, std::string_view name) {
  if (const auto* whole = whole_of(adapter, name)) return whole->to(base.device(), base.dtype());
  const at::Tensor& weight = base.parameter(name);
  const auto pair = std::find_if(adapter.pairs.begin(), adapter.pairs.end(), [&](const auto& candidate) { return candidate.weight == name; });
  return pair == adapter.pairs.end() ? weight : merged_weight(weight, *pair);
}

std::shared_ptr<const Decoder> merged(const Decoder& base, const Adapter& adapter) {
  const auto config = merged_config(base.config(), adapter);
  NamedTensors parameters;
  for (const auto& [name, shape] : parameter_shapes(config)) parameters.emplace_back(name, merged_parameter(base, adapter, name));
  return std::make_shared<const Decoder>(config, std::move(parameters));
}

}  // namespace drover::model
