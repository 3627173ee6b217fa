#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "weights/safetensors.h"
#include "weights/safetensors_writer.h"

namespace drover::cli {

/// Puts a byte pattern that is NaN in every type into all weights.
inline void break_weights(const std::filesystem::path& folder) {
  const std::filesystem::path broken = folder.string() + "-broken";
  std::filesystem::create_directory(broken);
  {
    const auto file = weights::ShardedTensors::open(folder);
    std::vector<std::byte> nan;
    weights::write_sharded(broken, file.tensors(), 5'000'000'000, weights::kPyTorchMetadata, [&](std::size_t index) {
      nan.assign(file.tensors()[index].bytes.size(), std::byte{0xFF});
      return std::span<const std::byte>(nan);
    });
  }
  std::filesystem::rename(broken / "model.safetensors", folder / "model.safetensors");
  std::filesystem::remove(broken);
}

}  // namespace drover::cli
