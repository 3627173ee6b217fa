#pragma once

#include "text/character_scan.h"

namespace drover::text {

/// The end of the piece that begins at `position` (before the end of the scan) by GPT-2's pattern
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// With `kIsolateNumbers` every character of \p{N} is a piece by itself first and the pattern sees only the text
/// between them, as the tokenizers of StarCoder and SmolLM do: blanks before a number then end their text and stay
/// together.
template <bool kIsolateNumbers>
inline const char* gpt2_piece_end(const CharacterScan& scan, const char* position) {
  namespace cc = char_class;
  constexpr std::uint8_t kWordClasses = cc::kLetter | cc::kNumber | cc::kSpace;
  const auto begins_text = [](ScannedCharacter character) {
    return character.classes != 0 && !character.is(kIsolateNumbers ? cc::kSpace | cc::kNumber : cc::kSpace);
  };
  ScannedCharacter first = scan.at(position);
  if (*position == ' ') {
    const ScannedCharacter next = scan.at(position + 1);
    if (begins_text(next)) first = next;
  } else if (*position == '\'' && scan.end() - position >= 2) {
    const char second = position[1];
    if (second == 's' || second == 't' || second == 'm' || second == 'd') return position + 2;
    if (scan.end() - position >= 3) {
      const char third = position[2];
      if ((second == 'r' && third == 'e') || (second == 'v' && third == 'e') || (second == 'l' && third == 'l'))
        return position + 3;
    }
  }
  if (first.is(cc::kLetter)) return scan.skip(first.after, cc::kLetter);
  if (first.is(cc::kNumber)) return kIsolateNumbers ? first.after : scan.skip(first.after, cc::kNumber);
  if (!first.is(cc::kSpace)) return scan.skip_without(first.after, kWordClasses);
  const char* last = position;  // the last blank, left to the word behind it
  const char* after = first.after;
  for (ScannedCharacter blank = scan.at(after); blank.is(cc::kSpace); blank = scan.at(after)) {
    last = after;
    after = blank.after;
  }
  return last > position && begins_text(scan.at(after)) ? last : after;
}

}  // namespace drover::text
