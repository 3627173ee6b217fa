#include "rounds/reply_rewards.h"

#include "base/error.h"

namespace drover::rounds {

std::vector<ReplyReward> reply_rewards(generate::Scorer& scorer, const chat::Dialog& prompt,
                                       std::span<const std::vector<chat::Message>> replies) {
  std::vector<ReplyReward> rewards;
  try {
    for (const auto value : scorer.rewards(prompt, replies)) rewards.push_back({.value = value, .fault = {}});
  } catch (const base::UserError& error) {
    if (replies.size() == 1) return {{.value = {}, .fault = error.what()}};
    // One of them cannot be read: each alone shows which.
    for (std::size_t i = 0; i < replies.size(); ++i) rewards.push_back(reply_rewards(scorer, prompt, replies.subspan(i, 1)).at(0));
  }
  return rewards;
}

}  // namespace drover::rounds
