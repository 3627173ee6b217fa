#include "openai/forced_call.h"

#include <algorithm>

#include "base/error.h"

namespace drover::openai {

std::vector<text::TokenId> forced_call(const chat::ChatFormat& format, const chat::Dialog& dialog, std::span<const std::string> functions) {
  const auto prompt = format.render(dialog, {.generation_prompt = true}).ids;
  std::vector<text::TokenId> common;
  bool is_first = true;
  for (const auto& function : functions) {
    // Whatever differs between these depends on the arguments.
    for (const chat::Json& arguments : {chat::Json::object(), chat::Json{{"a", 1}}, chat::Json{{"b", "c"}, {"d", nullptr}}}) {
      auto with_call = dialog;
      chat::Message message;
      message.sender = chat::Sender::kAssistant;
      message.ending = chat::Ending::kMessage;
      message.calls.push_back({.kind = chat::ToolCall::Kind::kFunction, .id = "", .name = function, .arguments = arguments, .code = ""});
      with_call.messages.push_back(std::move(message));
      const auto ids = format.render(with_call).ids;
      const auto [behind, unused] = std::mismatch(ids.begin(), ids.end(), prompt.begin(), prompt.end());
      if (unused != prompt.end()) throw base::UserError("The format {} cannot be made to call: its calls do not follow the prompt.", format.name());
      if (is_first) {
        common.assign(behind, ids.end());
        is_first = false;
      }
      const auto [end, other] = std::mismatch(common.begin(), common.end(), behind, ids.end());
      common.erase(end, common.end());
    }
  }
  if (common.empty()) throw base::UserError("The format {} cannot be made to call: its calls have no common beginning.", format.name());
  return common;
}

}  // namespace drover::openai
