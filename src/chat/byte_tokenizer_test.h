#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace drover::chat {

/// For tests: the 256 bytes are ids 0..255, then come control tokens, then added tokens that are not special. As in real tokenizers,
/// text that spells an added token becomes it; text that spells a control token does not.
class ByteTokenizer final : public text::Tokenizer {
 public:
  explicit ByteTokenizer(std::vector<std::string> controls, std::vector<std::string> added = {})
      : num_controls_(controls.size()), spellings_(std::move(controls)) {
    spellings_.insert(spellings_.end(), added.begin(), added.end());
    for (int byte = 0; byte < 256; ++byte) bytes_ += static_cast<char>(byte);
  }

  void encode_into(std::string_view text, const text::EncodeOptions&, std::vector<text::TokenId>& out) const override {
    while (!text.empty()) {
      std::size_t length = 1;
      text::TokenId id{static_cast<unsigned char>(text.front())};
      for (std::size_t added = num_controls_; added < spellings_.size(); ++added) {
        if (!text.starts_with(spellings_[added])) continue;
        length = spellings_[added].size();
        id = text::TokenId{256 + static_cast<std::int32_t>(added)};
      }
      out.push_back(id);
      text.remove_prefix(length);
    }
  }
  std::string decode(std::span<const text::TokenId> ids, const text::DecodeOptions&) const override {
    std::string text;
    for (const text::TokenId id : ids) text += bytes_of(id);
    return text;
  }
  std::string_view bytes_of(text::TokenId id) const override {
    const auto index = static_cast<std::size_t>(text::to_int(id));
    return index < 256 ? std::string_view(bytes_).substr(index, 1) : std::string_view(spellings_.at(index - 256));
  }
  std::int32_t vocab_size() const override { return 256 + static_cast<std::int32_t>(spellings_.size()); }
  bool is_special(text::TokenId id) const override {
    return text::to_int(id) >= 256 && static_cast<std::size_t>(text::to_int(id)) < 256 + num_controls_;
  }
  std::optional<text::TokenId> special(std::string_view spelling) const override {
    const auto found = std::find(spellings_.begin(), spellings_.end(), spelling);
    if (found == spellings_.end()) return std::nullopt;
    return text::TokenId{256 + static_cast<std::int32_t>(found - spellings_.begin())};
  }
  std::optional<text::TokenId> bos() const override { return std::nullopt; }
  std::optional<text::TokenId> eos() const override { return std::nullopt; }
  std::string hash() const override { return std::string(32, '0'); }

 private:
  std::size_t num_controls_;
  std::vector<std::string> spellings_;
  std::string bytes_;
};

inline std::shared_ptr<const text::Tokenizer> llama3_bytes() {
  return std::make_shared<ByteTokenizer>(std::vector<std::string>{
      "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
      "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
      "<|eot_id|>", "<|python_tag|>"});
}

/// Llama 3.0's names: end of message and the python tag are "reserved".
inline std::shared_ptr<const text::Tokenizer> llama30_bytes() {
  return std::make_shared<ByteTokenizer>(std::vector<std::string>{
      "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
      "<|reserved_special_token_2|>", "<|reserved_special_token_3|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|reserved_special_token_4|>", "<|eot_id|>", "<|reserved_special_token_5|>"});
}

inline std::shared_ptr<const text::Tokenizer> smollm2_bytes() {
  return std::make_shared<ByteTokenizer>(std::vector<std::string>{"<|endoftext|>", "<|im_start|>", "<|im_end|>"});
}

inline std::shared_ptr<const text::Tokenizer> qwen_bytes() {
  return std::make_shared<ByteTokenizer>(
      std::vector<std::string>{"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
      std::vector<std::string>{"<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"});
}

/// Mistral from version 3 on.
inline std::shared_ptr<const text::Tokenizer> mistral_bytes() {
  return std::make_shared<ByteTokenizer>(std::vector<std::string>{"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]",
                                                                  "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
                                                                  "[/TOOL_RESULTS]"});
}

/// Llama 2, and Mistral before version 3.
inline std::shared_ptr<const text::Tokenizer> llama2_bytes() {
  return std::make_shared<ByteTokenizer>(std::vector<std::string>{"<unk>", "<s>", "</s>"});
}

/// A tokenizer that suits the format.
inline std::shared_ptr<const text::Tokenizer> bytes_for(std::string_view format) {
  if (format.starts_with("llama-3") || format == "llama3") return llama3_bytes();
  if (format == "chatml-smollm2") return smollm2_bytes();
  if (format.starts_with("chatml")) return qwen_bytes();
  if (format == "mistral") return mistral_bytes();
  return llama2_bytes();
}

/// The text of rendered ids, control tokens spelled.
inline std::string text_of(const text::Tokenizer& tokenizer, std::span<const text::TokenId> ids) { return tokenizer.decode(ids, {}); }

}  // namespace drover::chat
