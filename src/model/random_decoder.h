#pragma once

#include <cstdint>
#include <memory>

#include "model/config.h"
#include "model/model.h"

namespace drover::model {

/// A decoder with random parameters for tests and tiny recipes: matrices normal with deviation 0.02, norms 1, biases 0. It depends
/// on the configuration and the seed only.
std::shared_ptr<const Decoder> random_decoder(const DecoderConfig& config, std::uint64_t seed,
                                              ComputeType type = ComputeType::kFloat32);

/// A small Llama-like configuration: 2 layers, 4 heads over 2 key-value heads, tied embeddings.
DecoderConfig tiny_config(std::int64_t vocab_size, std::int64_t hidden_size = 32);

}  // namespace drover::model
