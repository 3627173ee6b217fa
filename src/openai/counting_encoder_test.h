#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/byte_tokenizer_test.h"
#include "model/encoder.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// Two numbers a text: the number of tokens, and 0.5.
class CountingEncoder final : public model::Encoder {
 public:
  std::int64_t dimension() const override { return 2; }
  std::int64_t max_tokens() const override { return 10; }
  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::vector<std::vector<float>> embed(std::span<const std::string>) const override { throw std::logic_error("not used"); }
  std::vector<std::vector<float>> embed_tokens(std::span<const std::vector<text::TokenId>> texts) const override {
    std::vector<std::vector<float>> vectors;
    for (const auto& text : texts) vectors.push_back({static_cast<float>(text.size()), 0.5F});
    return vectors;
  }

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_ = chat::qwen_bytes();
};

}  // namespace drover::openai
