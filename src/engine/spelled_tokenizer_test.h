#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace drover::engine {

/// A tokenizer of given spellings; the last ones are control tokens. Encodes by the longest token that fits.
class SpelledTokenizer final : public text::Tokenizer {
 public:
  explicit SpelledTokenizer(std::vector<std::string> ordinary, std::vector<std::string> control = {})
      : spellings_(std::move(ordinary)), num_ordinary_(spellings_.size()) {
    spellings_.insert(spellings_.end(), control.begin(), control.end());
  }

  /// All bytes, and `more`.
  static SpelledTokenizer with_all_bytes(const std::vector<std::string>& more, std::vector<std::string> control = {}) {
    std::vector<std::string> ordinary;
    for (int byte = 0; byte < 256; ++byte) ordinary.emplace_back(1, static_cast<char>(byte));
    ordinary.insert(ordinary.end(), more.begin(), more.end());
    return SpelledTokenizer(std::move(ordinary), std::move(control));
  }

  void encode_into(std::string_view text, const text::EncodeOptions&, std::vector<text::TokenId>& out) const override {
    while (!text.empty()) {
      std::size_t best = num_ordinary_;
      for (std::size_t i = 0; i < num_ordinary_; ++i) {
        const bool fits = !spellings_[i].empty() && text.starts_with(spellings_[i]);
        if (fits && (best == num_ordinary_ || spellings_[i].size() > spellings_[best].size())) best = i;
      }
      if (best == num_ordinary_) return;
      out.push_back(text::TokenId{static_cast<std::int32_t>(best)});
      text.remove_prefix(spellings_[best].size());
    }
  }

  std::string decode(std::span<const text::TokenId> ids, const text::DecodeOptions&) const override {
    std::string text;
    for (const text::TokenId id : ids) text += bytes_of(id);
    return text;
  }

  std::string_view bytes_of(text::TokenId id) const override { return spellings_[static_cast<std::size_t>(text::to_int(id))]; }
  std::int32_t vocab_size() const override { return static_cast<std::int32_t>(spellings_.size()); }
  bool is_special(text::TokenId id) const override { return static_cast<std::size_t>(text::to_int(id)) >= num_ordinary_; }
  std::optional<text::TokenId> special(std::string_view spelling) const override {
    for (std::size_t i = num_ordinary_; i < spellings_.size(); ++i) {
      if (spellings_[i] == spelling) return text::TokenId{static_cast<std::int32_t>(i)};
    }
    return std::nullopt;
  }
  std::optional<text::TokenId> bos() const override { return std::nullopt; }
  std::optional<text::TokenId> eos() const override { return std::nullopt; }
  std::string hash() const override { return "spelled"; }

 private:
  std::vector<std::string> spellings_;
  std::size_t num_ordinary_;
};

/// All bytes and pieces that JSON is often cut into, some across the borders of values.
inline std::vector<std::string> json_pieces() {
  return {"{\"",   "\": ", "\":",  "\", \"", "\",\"", "\"}",   "\"]",   "]}",    "}}",   "}]",     "[[",    "[{\"",  "true",   "false",  "null",
          "12",    "123",  "-1",   ".5",     "e+",    "0.",    ", ",    ",",     ":",    " ",      "  ",    "abc",   "ab\"",   "\"a",    "\"b\"",
          "\\n",   "\\u",  "\\\"", "\\u00",  "ud83d", "\\ude", "\xC3",  "\xC3\xA9", "\xA9\"", "\xE4\xBD", "\xA0\xE5", "\xF0\x9F\x98", "\x80\"}",
          "name",  "id",   "e\": ", "},{",   "}, {\"", "], [", "1,2",   "1, 2",  "1]",   "2}",     "\"\"",  "\": {\"", "\": [", "null}", "\x01"};
}

}  // namespace drover::engine
