#include "curate/comparable_text.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "base/content_hash.h"
#include "base/error.h"
#include "text/unicode.h"

namespace drover::curate {
namespace {

bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all = static_cast<unsigned char>(all | static_cast<unsigned char>(c));
  return all < 0x80;
}

std::string folded(std::string_view text) {
  if (is_ascii(text)) {
    std::string lower(text);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    return lower;
  }
  const auto valid = text::replace_invalid_utf8(text);
  utf8proc_uint8_t* made = nullptr;
  const auto length = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), static_cast<utf8proc_ssize_t>(valid.size()), &made,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(made, &std::free);
  DROVER_CHECK(length >= 0, "utf8proc refused valid UTF-8: {}", utf8proc_errmsg(length));
  return {reinterpret_cast<const char*>(made), static_cast<std::size_t>(length)};
}

bool is_word_by_itself(char32_t c) {
  return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) ||
         (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFF);
}

}  // namespace

std::string comparable_text(std::string_view text) {
  const auto lower = folded(text);
  std::string out;
  out.reserve(lower.size());
  bool blank_is_due = false;
  const char* at = lower.data();
  const char* const end = at + lower.size();
  while (at < end) {
    const auto [c, length] = text::decode_character(at, end);
    if ((text::char_class_of(c) & text::char_class::kSpace) != 0) {
      blank_is_due = !out.empty();
    } else {
      if (blank_is_due) out += ' ';
      blank_is_due = false;
      out.append(at, length);
    }
    at += length;
  }
  return out;
}

std::vector<std::uint64_t> word_hashes(std::string_view comparable) {
  std::vector<std::uint64_t> hashes;
  const char* word = nullptr;  // where the word at hand begins
  const char* at = comparable.data();
  const char* const end = at + comparable.size();
  const auto finish = [&] {
    if (word != nullptr)
      hashes.push_back(base::content_hash(std::string_view(word, static_cast<std::size_t>(at - word))).low);
    word = nullptr;
  };
  while (at < end) {
    const auto [c, length] = text::decode_character(at, end);
    if (is_word_by_itself(c)) {
      finish();
      hashes.push_back(base::content_hash(std::string_view(at, length)).low);
    } else if ((text::char_class_of(c) &
                (text::char_class::kLetter | text::char_class::kMark | text::char_class::kNumber)) != 0) {
      if (word == nullptr) word = at;
    } else {
      finish();
    }
    at += length;
  }
  finish();
  return hashes;
}

}  // namespace drover::curate
