#include "preference/dialogs.h"

#include <algorithm>

#include "base/error.h"

namespace drover::preference {
namespace {

/// A dialog that goes on.
struct LiveDialog {
  std::size_t opening = 0;
  ledger::PromptId prompt;       ///< what is answered next
  std::int64_t turn = 1;         ///< user turns so far
  std::int64_t num_messages = 1; ///< assistant messages of this turn, with the next one
};

class Conversation {
 public:
  Conversation(std::span<const evaluate::Responder> responders, Annotator& annotator, const DialogPlan& plan,
               ledger::Ledger& ledger, const base::OnProgress& on_progress)
      : responders_(responders), annotator_(annotator), plan_(plan), ledger_(ledger), on_progress_(on_progress) {}

  Collected hold(std::span<const ledger::PromptId> openings) {
    std::vector<LiveDialog> live;
    for (std::size_t i = 0; i < openings.size(); ++i) live.push_back({.opening = i, .prompt = openings[i]});
    Collected collected;
    for (std::int64_t step = 0; !live.empty(); ++step) {
      auto answered = answer(live, step);
      live = continued(live, answered);
      collected.add(answered);
    }
    return collected;
  }

 private:
  Collected answer(std::span<const LiveDialog> live, std::int64_t step) {
    std::vector<ledger::PromptId> prompts;
    for (const auto& dialog : live) prompts.push_back(dialog.prompt);
    auto plan = plan_.collect;
    plan.unit = ledger::ComparisonUnit::kTurn;
    // Another pair of models at the next turn, as when people talk to whatever is deployed.
    plan.seed += static_cast<std::uint64_t>(step) * 0x9E3779B97F4A7C15ULL;
    return collect_comparisons(prompts, responders_, annotator_, plan, ledger_, on_progress_);
  }

  // The dialogs that have a next message to answer.
  std::vector<LiveDialog> continued(std::span<const LiveDialog> live, const Collected& answered) {
    std::vector<LiveDialog> next;
    std::vector<LiveDialog> at_users_turn;
    std::vector<chat::Dialog> dialogs;
    for (std::size_t i = 0; i < live.size(); ++i) {
      const auto& best = answered.outcomes[i].best;
      if (!best) continue;  // it waits for a person
      const auto reply = ledger_.find(*best);
      if (evaluate::is_cut(*reply)) continue;  // nobody goes on from half a message
      auto dialog = ledger_.find(live[i].prompt)->dialog;
      dialog.messages.insert(dialog.messages.end(), reply->reply.begin(), reply->reply.end());
      if (!reply->reply.back().calls.empty()) {
        if (auto prompt = after_tools(live[i], dialog)) next.push_back(*prompt);
      } else if (live[i].turn < plan_.max_turns && plan_.next_user_turns) {
        at_users_turn.push_back(live[i]);
        dialogs.push_back(std::move(dialog));
      }
    }
    auto of_users = after_users(at_users_turn, dialogs);
    next.insert(next.end(), of_users.begin(), of_users.end());
    if (plan_.has_room) std::erase_if(next, [&](const auto& dialog) { return !plan_.has_room(ledger_.find(dialog.prompt)->dialog); });
    std::sort(next.begin(), next.end(), [](const auto& a, const auto& b) { return a.opening < b.opening; });
    return next;
  }

  std::optional<LiveDialog> after_tools(const LiveDialog& live, const chat::Dialog& dialog) {
    if (!plan_.tool_results || live.num_messages >= plan_.max_messages) return std::nullopt;
    if (const auto known = known_next(live.prompt, dialog)) {
      return LiveDialog{.opening = live.opening, .prompt = *known, .turn = live.turn, .num_messages = live.num_messages + 1};
    }
    const auto results = plan_.tool_results(dialog, dialog.messages.back());
    if (results.empty()) return std::nullopt;
    auto longer = dialog;
    longer.messages.insert(longer.messages.end(), results.begin(), results.end());
    return LiveDialog{.opening = live.opening,
                      .prompt = add_prompt(live, std::move(longer), live.turn - 1),
                      .turn = live.turn,
                      .num_messages = live.num_messages + 1};
  }

  std::vector<LiveDialog> after_users(std::span<const LiveDialog> live, std::span<const chat::Dialog> dialogs) {
    std::vector<LiveDialog> next;
    std::vector<std::size_t> open;
    std::vector<DialogSoFar> so_far;
    for (std::size_t i = 0; i < live.size(); ++i) {
      if (const auto known = known_next(live[i].prompt, dialogs[i])) {
        next.push_back({.opening = live[i].opening, .prompt = *known, .turn = live[i].turn + 1});
        continue;
      }
      open.push_back(i);
      so_far.push_back({.opening = live[i].opening, .turn = live[i].turn, .dialog = dialogs[i]});
    }
    if (open.empty()) return next;
    const auto said = plan_.next_user_turns(so_far);
    DROVER_CHECK_EQ(said.size(), so_far.size(), "A user answers each dialog");
    ledger::Ledger::Batch batch(ledger_);
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (!said[k]) continue;
      auto longer = dialogs[open[k]];
      longer.messages.push_back(*said[k]);
      const auto& before = live[open[k]];
      next.push_back({.opening = before.opening,
                      .prompt = add_prompt(before, std::move(longer), before.turn),
                      .turn = before.turn + 1});
    }
    batch.commit();
    return next;
  }

  // A prompt of an earlier try that goes on from this very dialog.
  std::optional<ledger::PromptId> known_next(ledger::PromptId before, const chat::Dialog& dialog) const {
    for (const auto id : ledger_.next_turns_of(before)) {
      const auto prompt = ledger_.find(id);
      const auto& messages = prompt->dialog.messages;
      if (messages.size() <= dialog.messages.size()) continue;
      if (std::equal(dialog.messages.begin(), dialog.messages.end(), messages.begin())) return id;
    }
    return std::nullopt;
  }

  ledger::PromptId add_prompt(const LiveDialog& live, chat::Dialog dialog, std::int64_t turn) {
    const auto before = ledger_.find(live.prompt);
    // The checker knows the answer to the opening only.
    return ledger_.add(ledger::Prompt{.dialog = std::move(dialog),
                                      .source = before->source,
                                      .licence = before->licence,
                                      .tags = before->tags,
                                      .difficulty = before->difficulty,
                                      .checker = {},
                                      .expected = {},
                                      .parent = live.prompt,
                                      .turn = turn});
  }

  std::span<const evaluate::Responder> responders_;
  Annotator& annotator_;
  const DialogPlan& plan_;
  ledger::Ledger& ledger_;
  const base::OnProgress& on_progress_;
};

}  // namespace

ImportedDialogs split_dialogs(std::span<const ledger::Prompt> dialogs) {
  ImportedDialogs split;
  for (const auto& whole : dialogs) {
    const auto& messages = whole.dialog.messages;
    const auto is_users = [](const chat::Message& message) { return message.sender == chat::Sender::kUser; };
    const auto first = std::find_if(messages.begin(), messages.end(), is_users);
    if (first == messages.end()) throw base::UserError("A dialog of {} has no message of the user.", whole.source);
    auto opening = whole;
    opening.dialog.messages.assign(messages.begin(), first + 1);
    split.openings.push_back(std::move(opening));
    auto& later = split.user_turns.emplace_back();
    std::copy_if(first + 1, messages.end(), std::back_inserter(later), is_users);
  }
  return split;
}

NextUserTurns imported_user_turns(std::vector<std::vector<chat::Message>> user_turns) {
  return [user_turns = std::move(user_turns)](std::span<const DialogSoFar> dialogs) {
    std::vector<std::optional<chat::Message>> said;
    for (const auto& dialog : dialogs) {
      const auto& turns = user_turns.at(dialog.opening);
      const auto next = static_cast<std::size_t>(dialog.turn) - 1;
      said.push_back(next < turns.size() ? std::optional(turns[next]) : std::nullopt);
    }
    return said;
  };
}

Collected collect_dialogs(std::span<const ledger::PromptId> openings, std::span<const evaluate::Responder> responders,
                          Annotator& annotator, const DialogPlan& plan, ledger::Ledger& ledger,
                          const base::OnProgress& on_progress) {
  if (plan.max_turns < 1) throw base::UserError("Dialogs of {} turns are not possible; max_turns must be at least 1.", plan.max_turns);
  return Conversation(responders, annotator, plan, ledger, on_progress).hold(openings);
}

}  // namespace drover::preference
