#pragma once

#include "text/character_scan.h"

namespace drover::text {

namespace detail {

/// The end of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `position`, which holds an apostrophe, or nullptr. U+017F folds to s.
inline const char* contraction_end(const CharacterScan& scan, const char* position) {
  const auto left = scan.end() - position;
  if (left < 2) return nullptr;
  const auto lower = [position](int i) { return static_cast<char>(position[i] | 0x20); };
  const char second = lower(1);
  if (second == 's' || second == 't' || second == 'm' || second == 'd') return position + 2;
  if (left < 3) return nullptr;
  const char third = lower(2);
  if ((second == 'r' && third == 'e') || (second == 'v' && third == 'e') || (second == 'l' && third == 'l'))
    return position + 3;
  if (position[1] == '\xC5' && position[2] == '\xBF') return position + 3;
  return nullptr;
}

}  // namespace detail

/// The end of the piece that begins at `position` (before the end of the scan) by Llama 3's pattern
///   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,max_digits}|
///   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// with max_digits = 3; Qwen2 to Qwen3 have 1. `kLetterClasses`: the classes that stand in place of \p{L} (Qwen3.5 adds
/// \p{M}).
template <std::uint8_t kLetterClasses = char_class::kLetter>
inline const char* llama3_piece_end(const CharacterScan& scan, const char* position, int max_digits) {
  namespace cc = char_class;
  constexpr std::uint8_t kWordClasses = kLetterClasses | cc::kNumber | cc::kSpace;
  const ScannedCharacter first = scan.at(position);
  if (first.is(kLetterClasses)) return scan.skip(first.after, kLetterClasses);
  if (*position == '\'') {
    if (const char* end = detail::contraction_end(scan, position)) return end;
  }
  if (first.is(cc::kNumber)) {
    const char* after = first.after;
    for (int digits = 1; digits < max_digits; ++digits) {
      const ScannedCharacter next = scan.at(after);
      if (!next.is(cc::kNumber)) break;
      after = next.after;
    }
    return after;
  }
  const ScannedCharacter second = scan.at(first.after);
  if (!first.is(cc::kLineEnd) && second.is(kLetterClasses)) return scan.skip(second.after, kLetterClasses);
  if (!first.is(cc::kSpace) || (*position == ' ' && second.classes != 0 && !second.is(kWordClasses))) {
    return scan.skip(scan.skip_without(first.after, kWordClasses), cc::kLineEnd);
  }
  const char* last = position;           // the last blank, left to the word behind it
  const char* line_end_after = nullptr;  // behind the last \r or \n of the run
  const char* after = position;
  for (ScannedCharacter blank = first; blank.is(cc::kSpace); blank = scan.at(after)) {
    last = after;
    after = blank.after;
    if (blank.is(cc::kLineEnd)) line_end_after = after;
  }
  if (line_end_after != nullptr) return line_end_after;
  return last > position && after < scan.end() ? last : after;
}

}  // namespace drover::text
