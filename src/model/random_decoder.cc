#include "model/random_decoder.h"

#include "model/decoder.h"
#include "model/random_tensor.h"

namespace drover::model {

at::Tensor normal_tensor(const std::vector<std::int64_t>& shape, double deviation, base::RandomStream stream) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  auto* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * stream.normal());
  return tensor;
}

std::shared_ptr<const Decoder> random_decoder(const DecoderConfig& config, std::uint64_t seed, ComputeType type) {
  config.validate();
  NamedTensors parameters;
  for (const auto& [name, shape] : parameter_shapes(config)) {
    at::Tensor tensor = name.ends_with(".bias") ? at::zeros(shape)
                        : shape.size() == 1     ? at::ones(shape)
                                                : normal_tensor(shape, 0.02, base::RandomStream(seed, "weights of " + name));
    parameters.emplace_back(name, tensor.to(type == ComputeType::kFloat32 ? at::kFloat : at::kBFloat16));
  }
  return std::make_shared<const Decoder>(config, std::move(parameters));
}

DecoderConfig tiny_config(std::int64_t vocab_size, std::int64_t hidden_size) {
  DecoderConfig config;
  config.vocab_size = vocab_size;
  config.hidden_size = hidden_size;
  config.intermediate_size = 3 * hidden_size;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = hidden_size / 4;
  config.max_positions = 2048;
  config.tied_embeddings = true;
  return config;
}

}  // namespace drover::model
