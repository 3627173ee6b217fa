#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/load_options.h"
#include "text/tokenizer.h"

namespace drover::model {

class Decoder;  // model/decoder.h, which needs LibTorch

/// A model as it is used: weights on a device, its tokenizer and its chat template. Immutable; share it between threads.
/// This header is free of LibTorch, so that every room can hold models.
class Model {
 public:
  /// Loads a Hugging Face folder or a .gguf file; a folder of a PEFT adapter is merged into the base model that it names. Throws UserError that names the file and the fault.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path, const LoadOptions& options = {});

  /// Puts a model together from its parts (training, averaging, tests). Throws UserError when the tokenizer has more ids than the
  /// embedding has rows.
  Model(std::shared_ptr<const Decoder> decoder, std::shared_ptr<const text::Tokenizer> tokenizer,
        std::optional<std::string> chat_template, std::filesystem::path tokenizer_source);
  ~Model();

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// This model with other weights or another head: same tokenizer, template and tokenizer files.
  std::shared_ptr<const Model> with_decoder(std::shared_ptr<const Decoder> decoder) const;

  const DecoderConfig& config() const;
  const Decoder& decoder() const { return *decoder_; }
  std::shared_ptr<const Decoder> shared_decoder() const { return decoder_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  std::shared_ptr<const text::Tokenizer> shared_tokenizer() const { return tokenizer_; }
  const std::optional<std::string>& chat_template() const { return chat_template_; }
  /// The folder or GGUF file that the tokenizer came from.
  const std::filesystem::path& tokenizer_source() const { return tokenizer_source_; }
  ComputeType compute_type() const;

  /// Names the weights (heads included), the configuration and the tokenizer: equal hash, equal outputs. 32 hexadecimal digits.
  /// Computed when first asked for: one pass over the weights.
  const std::string& hash() const;

  /// Writes a Hugging Face folder (config.json, model.safetensors, tokenizer files) that loads here and in transformers. The folder
  /// appears whole or not at all; an earlier model there is replaced, any other folder that is not empty throws UserError.
  void save(const std::filesystem::path& folder) const;

 private:
  std::shared_ptr<const Decoder> decoder_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::optional<std::string> chat_template_;
  std::filesystem::path tokenizer_source_;  ///< folder or GGUF file whose tokenizer files `save` copies or converts
  mutable std::once_flag hash_once_;
  mutable std::string hash_;
};

}  // namespace drover::model
