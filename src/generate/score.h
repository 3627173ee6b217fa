#pragma once

#include <span>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"
#include "model/model.h"

namespace drover::generate {

/// The rewards that a reward model gives K replies to one prompt; the prompt is computed once. A reply's reward stands at its last
/// token: its terminator, or the last token of a reply that was cut. Replies are rendered in the reward model's own format, so they may
/// come from a model with another tokenizer. Throws UserError when the model has no reward head or a reply has no tokens.
std::vector<float> score_replies(const model::Model& reward_model, const chat::ChatFormat& format, const chat::Dialog& prompt,
                                 std::span<const std::vector<chat::Message>> replies);

}  // namespace drover::generate
