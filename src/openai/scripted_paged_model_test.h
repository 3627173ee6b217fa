#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "chat/byte_tokenizer_test.h"
#include "engine/paged_model.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// A model for tests that says what it is told. In a ChatML dialog whose last user message is "say X" the reply is X; "forever" is
/// answered with "a" without end. Any other sequence goes on with "z". Its log-probabilities are nearly 0.
class ScriptedPagedModel final : public engine::PagedModel {
 public:
  explicit ScriptedPagedModel(std::shared_ptr<const text::Tokenizer> tokenizer, std::chrono::microseconds step = {})
      : tokenizer_(std::move(tokenizer)), step_(step) {}

  std::int64_t page_tokens() const override { return 16; }
  std::int64_t bytes_per_page() const override { return 1024; }
  std::int64_t max_positions() const override { return 4000; }
  std::int64_t vocab_size() const override { return tokenizer_->vocab_size(); }
  std::int64_t output_width() const override { return vocab_size(); }
  void reserve_pages(std::int64_t) override {}

  void forward(std::span<const engine::SequenceChunk> chunks) override {
    std::this_thread::sleep_for(step_);
    if (before_step) before_step();
    for (const auto& chunk : chunks) {
      for (std::size_t i = 0; i < chunk.tokens.size(); ++i) {
        const auto position = static_cast<std::size_t>(chunk.begin) + i;
        auto& page = pages_[chunk.pages[position / 16]];
        page.resize(16);
        page[position % 16] = chunk.tokens[i];
      }
      const auto end = static_cast<std::size_t>(chunk.begin) + chunk.tokens.size();
      for (std::size_t row = 0; row < chunk.outputs.size(); ++row) {
        const auto length = end - chunk.outputs.size() + row + 1;
        std::vector<text::TokenId> sequence;
        for (std::size_t position = 0; position < length; ++position) sequence.push_back(pages_[chunk.pages[position / 16]][position % 16]);
        float* const logits = chunk.outputs[row];
        std::fill(logits, logits + vocab_size(), -20.0F);
        logits[text::to_int(next(sequence))] = 20.0F;
      }
    }
  }

  void copy_page(engine::PageId from, engine::PageId to, std::int64_t num_tokens) override {
    pages_[to] = pages_[from];
    pages_[to].resize(static_cast<std::size_t>(num_tokens));
  }
  void discard_page(engine::PageId page) override { pages_.erase(page); }
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) override {
    for (std::int64_t i = 0; i < count; ++i) work(i);
  }

  std::function<void()> before_step;

  /// The ids of a reply to "say X", the terminator included.
  std::vector<text::TokenId> reply_ids(const std::string& text) const {
    auto ids = tokenizer_->encode(text);
    ids.push_back(*tokenizer_->special("<|im_end|>"));
    return ids;
  }

 private:
  text::TokenId next(const std::vector<text::TokenId>& sequence) const {
    const std::string header = "<|im_start|>assistant\n";
    const std::string text = tokenizer_->decode(sequence);
    const auto assistant = text.rfind(header);
    const auto user = text.rfind("<|im_start|>user\n", assistant);
    if (assistant == std::string::npos || user == std::string::npos) return text::TokenId{'z'};
    const auto begin = user + std::string("<|im_start|>user\n").size();
    const auto asked = text.substr(begin, text.find("<|im_end|>", begin) - begin);
    if (!asked.starts_with("say ")) return text::TokenId{'a'};
    const auto reply = reply_ids(asked.substr(4));
    const auto said = tokenizer_->encode(std::string_view(text).substr(assistant + header.size())).size();
    return said < reply.size() ? reply[said] : reply.back();
  }

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::chrono::microseconds step_;
  std::map<engine::PageId, std::vector<text::TokenId>> pages_;
};

}  // namespace drover::openai
