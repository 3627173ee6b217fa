#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "model/config.h"
#include "model/lineage.h"
#include "model/model.h"

namespace drover::model {

/// All of a Hugging Face model folder but its weights.
struct ModelFolder {
  DecoderConfig config;
  ComputeType type = ComputeType::kBFloat16;  ///< what config.json says of the weights
  Lineage lineage;
  std::filesystem::path tokenizer_source;     ///< folder or GGUF file
  std::optional<std::string> chat_template;
};

/// Throws UserError when `write_folder` could not write there: a file, a folder that is not empty and lacks `mark`, or
/// holds folders or other files than models come with (which would go with it), a mount point, "." or "..".
void check_place(const std::filesystem::path& folder, std::string_view what, std::string_view mark);

/// Writes a folder that appears whole or not at all, also when the process is killed: `write` gets the folder that its files belong into.
/// An earlier folder at this place is replaced as `check_place` says, whose UserError calls what is written `what`. A finished folder that
/// the system does not let into its place is kept (put_in_place.h).
void write_folder(const std::filesystem::path& target, std::string_view what, std::string_view mark,
                  const std::function<void(const std::filesystem::path& folder)>& write);

/// Writes a model folder; `write_weights` gets the folder that its files belong into. The folder appears whole or not at all, also when
/// the process is killed; an earlier model at this place is replaced, any other folder that is not empty throws UserError.
void write_model_folder(const std::filesystem::path& target, const ModelFolder& model,
                        const std::function<void(const std::filesystem::path& folder)>& write_weights);

/// `Model::save` with a lineage.
void save_model(const Model& model, const Lineage& lineage, const std::filesystem::path& folder);

}  // namespace drover::model
