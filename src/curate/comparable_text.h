#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::curate {

/// A text as prompts are compared: Unicode normal form NFKC with case folded (so "ﬁ" is "fi" and "ẞ" is "ss"), each run
/// of white space one blank, none at the ends. Bytes that are no UTF-8 become U+FFFD.
std::string comparable_text(std::string_view text);

/// Hashes of the words of a comparable text, in order: runs of letters, marks and digits; what lies between does not
/// count. Characters of scripts without blanks (Han, Kana, Thai, Lao, Khmer, Myanmar) are a word each.
std::vector<std::uint64_t> word_hashes(std::string_view comparable);

}  // namespace drover::curate
