#include "chat/chatml_family.h"

namespace drover::chat {
namespace {

/// Plain ChatML: no system message of its own, no tools.
class ChatMl final : public ChatMlFamily {
 public:
  explicit ChatMl(std::shared_ptr<const text::Tokenizer> tokenizer)
      : ChatMlFamily("chatml", std::move(tokenizer), {.reads_calls = false, .drops_empty_think = false}, {"<|endoftext|>", "</s>"}) {}

 private:
  bool has_system(const Dialog&, bool is_given) const override { return is_given; }
  void write_system(DialogWriter& writer, const Dialog&, std::optional<std::string_view> given) const override {
    writer.text(given.value_or(""), TokenRole::kContent);
  }
  void write_calls(DialogWriter&, const Message&) const override {}
};

}  // namespace

std::shared_ptr<const ChatFormat> make_chatml(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<ChatMl>(std::move(tokenizer));
}

}  // namespace drover::chat
