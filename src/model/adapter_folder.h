#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/lora_options.h"
#include "model/model.h"

namespace drover::model {

struct Adapter;  // model/adapter.h, which needs LibTorch

/// Where an adapter's training began.
struct AdapterOrigin {
  std::filesystem::path base;  ///< the base model, as adapter_config.json will name it
  std::string start;           ///< `weights_hash` of the base
  std::uint64_t seed = 0;      ///< what A was drawn from
  std::filesystem::path tokenizer_source;   ///< folder or GGUF file: tokenizer files are put beside the adapter
  std::optional<std::string> chat_template = {};
};

/// Writes an adapter as PEFT does: adapter_config.json and adapter_model.safetensors, float32, under PEFT's names. What else drover knows
/// (start, seed, names of classes) stands in the safetensors file's metadata, which PEFT passes over. The folder appears whole or not at
/// all, as `write_folder` says.
void save_adapter(const Adapter& adapter, const LoraOptions& options, const AdapterOrigin& origin, const std::filesystem::path& folder);

/// Whether this is a folder of an adapter, and not also one of a model.
bool is_adapter_folder(const std::filesystem::path& path);

/// The base model that the folder's adapter_config.json names. Throws UserError when it names none.
std::string adapter_base(const std::filesystem::path& folder);

/// Base and adapter as one model: W + scale * B A in float32, rounded once to the type that was asked for. Throws UserError when a file
/// is damaged, holds what is not supported (adapter_config.h), does not fit the base, or was trained over other weights than the base's.
std::shared_ptr<const Model> load_with_adapter(const std::filesystem::path& folder, const std::filesystem::path& base, const LoadOptions& options);

/// What a merge did.
struct MergeReport {
  std::int64_t pairs = 0;           ///< weights that were changed
  std::int64_t whole = 0;           ///< parameters that were replaced
  ComputeType type = ComputeType::kBFloat16;
  bool is_start_known = false;      ///< the adapter says which weights it was trained over, and the base has them
};

/// Writes base and adapter as one model folder, one merged tensor in memory at a time, with the base as its start in the lineage. `type`:
/// of the result; nothing: bfloat16 where all weights of the base are stored so, else float32. Throws as `load_with_adapter`.
MergeReport merge_adapter(const std::filesystem::path& folder, const std::filesystem::path& base, const std::filesystem::path& target,
                          std::optional<ComputeType> type = {});

}  // namespace drover::model
