#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "chat/dialog.h"

namespace drover::chat {

/// How much better one response is than another, as annotators rate it (Llama 3 report, arXiv:2407.21783, section 4.2.1).
enum class PreferenceLevel {
  kNone,         ///< no preference: stored and counted, never trained on
  kMarginal,     ///< marginally better
  kSlight,       ///< slightly better
  kBetter,       ///< better; also what a row means that states no level, unless its reader is told otherwise
  kSignificant,  ///< significantly better
};

/// "none", "marginally_better", "slightly_better", "better", "significantly_better".
std::string_view name_of(PreferenceLevel level);
std::optional<PreferenceLevel> preference_level_of(std::string_view name);

/// One prompt and responses to it, best first.
struct PreferenceRow {
  Dialog prompt{};                                ///< up to the message that the responses answer; with tools and dates
  std::vector<std::vector<Message>> responses{};  ///< at least two; each one begins with an assistant message
  std::vector<PreferenceLevel> levels{};          ///< levels[i]: how much responses[i] is better than responses[i + 1]

  bool operator==(const PreferenceRow&) const = default;

  /// The prompt continued by one response.
  Dialog with_response(std::size_t response) const;
};

/// Reads a preference row in one of these shapes; throws UserError as dialog_json.h says.
///   {"prompt": P, "chosen": R, "rejected": R, "edited": R, "level": ...}
///       TRL's; `edited`, when there, is better than `chosen`. P and R are lists of messages or texts.
///   {"chosen": [messages], "rejected": [messages]}
///       TRL's implicit prompt: the beginning that both share.
///   {"prompt": P, "responses": [R, ...], "ranking": [best, ..., worst], "levels": [...]}
///       drover's; `ranking` holds indices into `responses` (without it they stand best first).
/// Each may have "tools", "core_tools", "today"; levels have the names above and follow the ranking. Ratings beside them ("score_chosen"
/// and "score_rejected", or "scores") must agree with the order. Equal responses are refused: there is nothing to prefer. A row that
/// states no level gets `unstated`; an edited response always counts as "better" than the chosen one.
PreferenceRow preference_row_from_json(const Json& row, PreferenceLevel unstated = PreferenceLevel::kBetter);

/// The third shape, best first.
Json preference_row_to_json(const PreferenceRow& row);

}  // namespace drover::chat
