#include "chat/llama_family.h"

namespace drover::chat {
namespace {

/// Llama 3.0: no system prompt of its own, no tools.
class Llama3 final : public LlamaFamily {
 public:
  explicit Llama3(std::shared_ptr<const text::Tokenizer> tokenizer)
      : LlamaFamily("llama3", std::move(tokenizer), {.reads_calls = false, .many_calls = false}) {}

 private:
  std::optional<std::string> system_text(const Dialog&, std::optional<std::string_view> given) const override {
    if (!given) return std::nullopt;
    return std::string(*given);
  }
  std::string tool_prompt(const Dialog&) const override { return {}; }
  std::string call_text_of(const Message&, std::string_view) const override { return {}; }
  bool tags_function_calls() const override { return false; }
};

}  // namespace

std::shared_ptr<const ChatFormat> make_llama3(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<Llama3>(std::move(tokenizer));
}

}  // namespace drover::chat
