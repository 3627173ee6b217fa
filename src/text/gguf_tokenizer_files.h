#pragma once

#include <filesystem>
#include <string>

namespace drover::text {

/// The files of a Hugging Face folder that hold a tokenizer; an empty string stands for a file that is not needed.
struct TokenizerFiles {
  std::string tokenizer_json;         ///< tokenizer.json of a byte-level BPE
  std::string tokenizer_model;        ///< tokenizer.model (SentencePiece) of a BPE over pieces
  std::string tokenizer_config_json;  ///< tokenizer_config.json
};

/// Writes the tokenizer of a GGUF file in the forms that Hugging Face's loaders read. Throws UserError for a tokenizer that is neither
/// a byte-level BPE ("gpt2") nor a SentencePiece BPE ("llama").
TokenizerFiles tokenizer_files_of_gguf(const std::filesystem::path& gguf_file);

}  // namespace drover::text
