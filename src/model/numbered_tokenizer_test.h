#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace drover::model {

/// A tokenizer for tests that never encode: ids 0 .. size-1 spelled as their numbers.
class NumberedTokenizer final : public text::Tokenizer {
 public:
  explicit NumberedTokenizer(std::int32_t size, std::string name = "numbers") : size_(size), name_(std::move(name)) {}

  void encode_into(std::string_view, const text::EncodeOptions&, std::vector<text::TokenId>&) const override {}
  std::string decode(std::span<const text::TokenId>, const text::DecodeOptions&) const override { return {}; }
  std::string_view bytes_of(text::TokenId) const override { return {}; }
  std::int32_t vocab_size() const override { return size_; }
  bool is_special(text::TokenId) const override { return false; }
  std::optional<text::TokenId> special(std::string_view) const override { return std::nullopt; }
  std::optional<text::TokenId> bos() const override { return std::nullopt; }
  std::optional<text::TokenId> eos() const override { return std::nullopt; }
  std::string hash() const override { return name_; }

 private:
  std::int32_t size_;
  std::string name_;
};

}  // namespace drover::model
