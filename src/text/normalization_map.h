#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::text {

/// The compiled normalization rules of a SentencePiece model (`precompiled_charsmap`): a double-array trie of strings
/// and what each becomes. Reads hostile data safely: every step is checked against the array.
class NormalizationMap {
 public:
  struct Rule {
    std::size_t length = 0;  ///< bytes of the text that the rule replaces; 0 when none begins here
    std::string_view replacement;
  };

  NormalizationMap() = default;
  /// Throws UserError, with `where` naming the file, when the sizes inside do not fit.
  NormalizationMap(std::string_view charsmap, const std::string& where);

  bool empty() const { return units_.empty(); }

  /// The longest rule that begins at the start of `text`.
  Rule longest(std::string_view text) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace drover::text
