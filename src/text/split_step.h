#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace drover::text {

/// What happens to the matches of a pattern (Hugging Face tokenizers' SplitDelimiterBehavior).
enum class SplitBehavior { kIsolated, kRemoved, kContiguous, kMergedWithPrevious, kMergedWithNext };

/// One step of a pre-tokenizer, applied to each piece that the steps before it left.
struct SplitStep {
  enum class Kind {
    kPattern,         ///< cut at a regular expression
    kLiteral,         ///< cut at a literal string
    kAddPrefixSpace,  ///< put a blank in front of pieces that do not begin with one
    kSpellBytes,      ///< spell bytes as in byte_spelling.h; later steps see that spelling
  };
  Kind kind = Kind::kPattern;
  std::string pattern = {};  ///< of kPattern and kLiteral
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  ///< matches and gaps change places

  bool operator==(const SplitStep&) const = default;
};

/// Reads `pre_tokenizer` of a tokenizer.json: ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit,
/// CharDelimiterSplit and Sequences of these. Throws UserError for others, and when no ByteLevel is among them.
std::vector<SplitStep> read_split_steps(const nlohmann::json& pre_tokenizer, std::string_view where);

/// The steps that llama.cpp takes for a `tokenizer.ggml.pre` of a byte-level BPE. Throws UserError for a name it does
/// not know; an empty name is "default".
std::vector<SplitStep> split_steps_of_gguf(std::string_view pre, std::string_view where);

}  // namespace drover::text
