#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_id.h"

namespace drover::weights {
class GgufFile;
}

namespace drover::text {

/// `tokenizer.ggml.token_type` of a GGUF file.
enum class GgufTokenType : std::uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

/// The vocabulary that a GGUF file's metadata holds (keys `tokenizer.ggml.*`). Views point into the file.
struct GgufVocabulary {
  std::string where;  ///< names the file in messages
  std::string model;  ///< "gpt2", "llama", "bert" ...
  std::string pre;    ///< name of the pre-tokenizer; empty when the file has none
  std::vector<std::string_view> tokens;
  std::vector<GgufTokenType> types;  ///< as many as tokens; all kNormal when the file has none
  std::vector<double> scores;        ///< as many as tokens, or empty
  std::vector<std::string_view> merges;
  std::optional<TokenId> bos, eos, unknown, separator, padding, mask, cls;
  std::optional<bool> add_bos, add_eos, add_sep, add_space_prefix, remove_extra_whitespaces;
};

/// Reads and checks the vocabulary. Throws UserError when it is missing or its parts do not fit together.
GgufVocabulary read_gguf_vocabulary(const weights::GgufFile& file, std::string_view where);

}  // namespace drover::text
