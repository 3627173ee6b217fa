#include <fmt/format.h>

#include "base/error.h"
#include "chat/dialog_writer.h"
#include "chat/inst_formats.h"
#include "chat/inst_reply.h"

namespace drover::chat {
namespace {

constexpr std::string_view kName = "llama-2";

/// "<s>[INST] <<SYS>>\nSYSTEM\n<</SYS>>\n\nQUESTION [/INST] ANSWER </s><s>[INST] ..." Questions and the system message are trimmed as
/// in the published template; answers stay as they are (the template trims them too).
class Llama2 final : public ChatFormat {
 public:
  explicit Llama2(std::shared_ptr<const text::Tokenizer> tokenizer)
      : tokenizer_(std::move(tokenizer)),
        begin_(require_control(*tokenizer_, "<s>", kName)),
        end_(require_control(*tokenizer_, "</s>", kName)),
        adds_blank_(adds_blank(*tokenizer_)) {}

  std::string_view name() const override { return kName; }
  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::vector<text::TokenId> stop_ids() const override { return {end_}; }

  RenderedDialog render(const Dialog& dialog, const RenderOptions&) const override {
    if (!dialog.tools.empty() || !dialog.core_tools.empty()) throw base::UserError("The format '{}' has no tools. Leave them out.", kName);
    check_alternation(dialog, kName);
    DialogWriter writer(*tokenizer_);
    const auto& messages = dialog.messages;
    const bool has_system = !messages.empty() && messages.front().sender == Sender::kSystem;
    for (std::size_t i = has_system ? 1 : 0; i < messages.size(); ++i) {
      const Message& message = messages[i];
      writer.begin_message(static_cast<std::int32_t>(i));
      if (!message.calls.empty() || message.sender == Sender::kTool) {
        throw base::UserError("message {}: the format '{}' has no tools.", i, kName);
      }
      if (message.sender == Sender::kUser) {
        const std::string system =
            has_system && i == 1 ? fmt::format("<<SYS>>\n{}\n<</SYS>>\n\n", trimmed(messages.front().content)) : std::string();
        writer.control(begin_, TokenRole::kBegin);
        writer.text(fmt::format("[INST] {}{} [/INST]", system, trimmed(message.content)), TokenRole::kContent);
        writer.boundary();
      } else {
        const bool is_cut = message.ending == Ending::kCut;
        writer.text(fmt::format("{}{}{}", adds_blank_ ? "" : " ", message.content, is_cut ? "" : " "), TokenRole::kContent);
        if (!is_cut) writer.control(end_, TokenRole::kTerminator);
      }
    }
    return writer.finish();
  }

  std::unique_ptr<ReplyParser> start_reply(const Dialog& dialog) const override {
    const InstReplyGrammar::Rules rules{.blank_before = true, .blank_after = true, .tool_calls = std::nullopt};
    return std::make_unique<GrammarReplyParser>(tokenizer_, std::make_unique<InstReplyGrammar>(rules, end_, OfferedTools(dialog)));
  }

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  text::TokenId begin_;
  text::TokenId end_;
  bool adds_blank_;
};

}  // namespace

std::shared_ptr<const ChatFormat> make_llama2(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<Llama2>(std::move(tokenizer));
}

}  // namespace drover::chat
