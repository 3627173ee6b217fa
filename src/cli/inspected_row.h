#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"
#include "chat/preference_row.h"
#include "text/token_id.h"

namespace drover::cli {

/// A kind of training that gives tokens weights.
enum class Objective { kSft, kReward, kDpoPreference, kDpoLikelihood };

/// "sft", "reward", "dpo", "dpo-nll".
std::string_view name_of(Objective objective);

/// What one kind of training does with a token.
struct LearnedMark {
  Objective objective = Objective::kSft;
  float weight = 1.0F;
  /// The index in `InspectedRow::tokens` of the token at which it is learned: the one before, whose output predicts this token; for
  /// the reward the token itself.
  std::int64_t position = 0;
};

struct InspectedToken {
  text::TokenId id{};
  std::string spelling;              ///< the token's bytes
  chat::TokenRole role{};
  std::int64_t position = 0;         ///< counts from 0 over prompt and response
  std::int32_t response = -1;        ///< which response it belongs to; -1 for the prompt
  std::vector<LearnedMark> marks;
};

/// One row of a file as training would see it.
struct InspectedRow {
  std::int64_t line = 0;
  std::int64_t num_responses = 0;
  std::vector<InspectedToken> tokens;    ///< the prompt, then one response after the other
  std::vector<Objective> objectives;     ///< which columns the row has
  std::vector<std::string> refusals;     ///< "sft: ...": why a kind of training refuses the row
};

/// A dialog under supervised fine-tuning.
InspectedRow inspect_dialog(const chat::ChatFormat& format, const chat::Dialog& dialog, bool learn_all);

/// A preference row under reward-model training and DPO.
InspectedRow inspect_preference(const chat::ChatFormat& format, const chat::PreferenceRow& preference);

}  // namespace drover::cli
