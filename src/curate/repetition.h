#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::curate {

/// When a repetition counts as a loop that a model did not get out of.
struct LoopLimits {
  std::int64_t repeats = 4;  ///< the same words stand there this often in a row; >= 2
  std::int64_t words = 32;   ///< all repeats together have at least this many words
  std::int64_t bytes = 256;  ///< or one byte stands there this often in a row; >= 128
};

/// A part of a text that repeats itself. A word is a run of ASCII letters and digits or of two-byte characters
/// (accents, Greek, Cyrillic, Arabic); characters of scripts that need three bytes and more (Chinese, Thai, Hindi) are
/// a word each. What stands between words does not count, so lists whose numbers rise are no loops, and the same line
/// with other punctuation is one.
struct Loop {
  std::int64_t repeats = 0;
  std::int64_t words_of_one = 0;  ///< words of one repeat; 0 when it is a single byte
};

/// The longest loop in `text`, if one passes the limits. Sees repeats of up to about 1,000 words. Takes linear time.
std::optional<Loop> find_loop(std::string_view text, const LoopLimits& limits = {});

}  // namespace drover::curate
