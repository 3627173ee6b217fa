#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "chat/dialog.h"
#include "curate/decision.h"
#include "curate/openings.h"
#include "curate/repetition.h"

namespace drover::curate {

/// What happens to a reply that breaks a rule (Llama 3 report, 4.2.3: "remove or modify").
enum class Treatment {
  kDrop,     ///< the row goes
  kRewrite,  ///< what is too much goes, the row stays
  kLeave,    ///< the rule is off
};

struct CleaningOptions {
  Treatment emojis = Treatment::kRewrite;
  std::int64_t max_emojis = 3;  ///< in a reply
  Treatment exclamation_marks = Treatment::kRewrite;
  std::int64_t max_exclamation_marks = 3;  ///< in a reply; of several in a row only one stays when a reply has more
  bool drop_empty = true;                  ///< nothing to learn: no reply, or one without text and calls
  bool drop_cut = true;                    ///< ends by the length limit, or inside a fenced block of code
  bool drop_malformed =
      true;  ///< broken characters, control tokens as text, calls that could not be read or name no tool
  bool drop_loops = true;
  LoopLimits loops = {};
  bool drop_duplicates = true;  ///< the same dialog, word for word, in an earlier row
  OpeningOptions openings = {};

  void validate() const;  ///< throws UserError naming the field, its value and its range
};

/// What the rules about one reply say, without those that need all rows (duplicates, openings).
struct ReplyVerdict {
  std::string rule = {};  ///< the first that the reply breaks; empty: none
  std::string reason = {};
  bool is_dropped = false;                ///< otherwise it is rewritten
  std::optional<std::size_t> other = {};  ///< Decision's
};

/// Judges the final assistant turn of a dialog. `fault`: why the reply could not be parsed when it was sampled; usually
/// empty.
ReplyVerdict judge_reply(const chat::Dialog& dialog, const std::string& fault, const CleaningOptions& options);

struct Cleaning {
  std::vector<Decision> decisions;  ///< a row that was rewritten is kept, its rule "rewritten"
  std::int64_t num_rewritten = 0;
  std::vector<OpeningPhrase> phrases;  ///< OpeningBalance's
};

/// Applies the rules to the final assistant turn of each dialog and rewrites those that are to be rewritten. `faults`
/// is empty or has one text a dialog (judge_reply). The order is: empty, cut, malformed, loop, duplicate, emojis,
/// exclamation marks, openings; the first rule that drops a row names it.
Cleaning clean(std::span<chat::Dialog> dialogs, std::span<const std::string> faults, const CleaningOptions& options,
               const base::OnProgress& on_progress = {});

}  // namespace drover::curate
