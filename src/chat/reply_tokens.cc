#include "chat/reply_tokens.h"

#include <algorithm>

#include "base/error.h"

namespace drover::chat {
namespace {

bool is_said(const RenderedDialog& rendered, std::size_t token, const Dialog& dialog) {
  const auto role = rendered.roles[token];
  const auto message = rendered.messages[token];
  return (role == TokenRole::kContent || role == TokenRole::kToolCall || role == TokenRole::kTerminator) && message >= 0 &&
         dialog.messages[static_cast<std::size_t>(message)].sender == Sender::kAssistant;
}

}  // namespace

PromptAndReply split_at_reply(const ChatFormat& format, const Dialog& dialog, std::size_t first_of_reply) {
  DROVER_CHECK(first_of_reply < dialog.messages.size(), "Message {} of {} cannot begin a reply", first_of_reply, dialog.messages.size());
  DROVER_CHECK(dialog.messages[first_of_reply].sender == Sender::kAssistant, "Message {} is not the assistant's", first_of_reply);
  Dialog before = dialog;
  before.messages.resize(first_of_reply);
  PromptAndReply split;
  split.prompt = format.render(before, {.generation_prompt = true}).ids;

  const RenderedDialog whole = format.render(dialog);
  const std::size_t begin = split.prompt.size();
  if (begin > whole.ids.size() || !std::equal(split.prompt.begin(), split.prompt.end(), whole.ids.begin())) {
    throw base::UserError(
        "The format '{}' writes what stands before message {} in another way once that message is there, so it cannot be learned or scored "
        "as it would be sampled. End the dialog at an answer to a user or to a tool.",
        format.name(), first_of_reply);
  }
  std::size_t end = whole.ids.size();
  while (end > begin && !is_said(whole, end - 1, dialog)) --end;
  for (std::size_t token = begin; token < end; ++token) {
    split.reply.ids.push_back(whole.ids[token]);
    split.reply.roles.push_back(whole.roles[token]);
    split.reply.messages.push_back(whole.messages[token]);
    split.said.push_back(is_said(whole, token, dialog) ? 1 : 0);
  }
  return split;
}

}  // namespace drover::chat
