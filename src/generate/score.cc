#include "generate/score.h"

#include "base/error.h"
#include "chat/reply_tokens.h"
#include "model/scores.h"

namespace drover::generate {

std::vector<float> score_replies(const model::Model& reward_model, const chat::ChatFormat& format, const chat::Dialog& prompt,
                                 std::span<const std::vector<chat::Message>> replies) {
  std::vector<text::TokenId> prompt_ids;
  std::vector<std::vector<text::TokenId>> responses;
  for (const auto& reply : replies) {
    if (reply.empty() || reply.front().sender != chat::Sender::kAssistant) {
      throw base::UserError("Reply {} cannot be scored: it does not begin with an assistant's message.", responses.size() + 1);
    }
    chat::Dialog dialog = prompt;
    dialog.messages.insert(dialog.messages.end(), reply.begin(), reply.end());
    auto split = chat::split_at_reply(format, dialog, prompt.messages.size());
    if (split.reply.ids.empty()) throw base::UserError("Reply {} cannot be scored: it has no tokens.", responses.size() + 1);
    prompt_ids = std::move(split.prompt);
    responses.push_back(std::move(split.reply.ids));
  }
  if (responses.empty()) return {};
  return model::rewards(reward_model, prompt_ids, responses);
}

}  // namespace drover::generate
