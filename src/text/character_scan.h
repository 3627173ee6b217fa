#pragma once

#include <cstdint>

#include "text/unicode.h"

namespace drover::text {

/// A character of a text under scan, with its `char_class` bits.
struct ScannedCharacter {
  const char* after;     ///< where the next one begins
  std::uint8_t classes;  ///< 0 at the end of the text

  bool is(std::uint8_t any_of) const { return (classes & any_of) != 0; }
};

/// Walks over text by character classes: what hand-written pre-tokenizers are made of.
class CharacterScan {
 public:
  explicit CharacterScan(const char* end) : end_(end), classes_(char_class_table()) {}

  const char* end() const { return end_; }

  ScannedCharacter at(const char* position) const {
    if (position >= end_) return {position, 0};
    const auto first = static_cast<unsigned char>(*position);
    if (first < 0x80) return {position + 1, classes_[first]};
    return long_character(position);
  }

  /// The first place from `position` on whose character has none of the classes.
  const char* skip(const char* position, std::uint8_t any_of) const {
    while (position < end_) {
      const auto first = static_cast<unsigned char>(*position);
      if (first < 0x80) {
        if (!(classes_[first] & any_of)) return position;
        ++position;
      } else {
        const ScannedCharacter character = long_character(position);
        if (!character.is(any_of)) return position;
        position = character.after;
      }
    }
    return position;
  }

  /// The first place from `position` on whose character has one of the classes.
  const char* skip_without(const char* position, std::uint8_t none_of) const {
    while (position < end_) {
      const ScannedCharacter character = at(position);
      if (character.is(none_of)) return position;
      position = character.after;
    }
    return position;
  }

 private:
  ScannedCharacter long_character(const char* position) const {
    const auto byte = [position](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(position[i])); };
    const std::uint32_t first = byte(0);
    // The two common forms inline; the rest, and everything invalid, in the full decoder.
    if (first >= 0xC2 && first < 0xE0) {
      if (end_ - position >= 2 && (byte(1) & 0xC0) == 0x80) {
        return {position + 2, classes_[(first & 0x1F) << 6 | (byte(1) & 0x3F)]};
      }
    } else if (first >= 0xE1 && first < 0xED) {
      if (end_ - position >= 3 && (byte(1) & 0xC0) == 0x80 && (byte(2) & 0xC0) == 0x80) {
        return {position + 3, classes_[(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)]};
      }
    }
    const DecodedCharacter character = decode_character(position, end_);
    return {position + character.length, classes_[character.code_point]};
  }

  const char* end_;
  const std::uint8_t* classes_;
};

}  // namespace drover::text
