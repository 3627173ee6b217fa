#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "weights/tensor.h"

namespace drover::weights {

/// What Hugging Face's loaders expect in `__metadata__`.
inline const std::map<std::string, std::string> kPyTorchMetadata = {{"format", "pt"}};

/// Writes one safetensors file, whole or not at all. Tensors are stored in the order of the reference writer: wide types first, then
/// by name; the header is padded to a multiple of 8. Names must be unique and types plain (checked). When `bytes` is set it provides
/// each tensor's bytes (index into `tensors`) and the views' own bytes are not looked at. Throws SurroundingsError when the disk
/// refuses.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = kPyTorchMetadata, const TensorBytes& bytes = {});

/// Writes `model.safetensors` into an existing folder, or shards of at most `max_shard_bytes` of tensor data each (a larger tensor
/// gets a shard of its own) and `model.safetensors.index.json` after them. Tensors go to shards in the order given. Removes what an
/// earlier write left of the other kind.
void write_sharded(const std::filesystem::path& folder, std::span<const TensorView> tensors,
                   std::uint64_t max_shard_bytes = 5'000'000'000,
                   const std::map<std::string, std::string>& metadata = kPyTorchMetadata, const TensorBytes& bytes = {});

}  // namespace drover::weights
