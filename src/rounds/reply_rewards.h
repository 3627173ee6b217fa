#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chat/dialog.h"
#include "generate/scorer.h"

namespace drover::rounds {

/// What a reward model gives a reply.
struct ReplyReward {
  std::optional<float> value;
  std::string fault;  ///< why there is no value; else empty
};

/// The rewards of replies to one prompt, one each. A reply that the reward model cannot read has a fault in place of a value and
/// costs the others nothing: it is longer than the model reads, or the format writes the prompt otherwise once an answer
/// follows (chat::split_at_reply).
std::vector<ReplyReward> reply_rewards(generate::Scorer& scorer, const chat::Dialog& prompt,
                                       std::span<const std::vector<chat::Message>> replies);

}  // namespace drover::rounds
