#include "preference/edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/error.h"
#include "chat/dialog.h"
#include "verify/checker.h"

namespace drover::preference {
namespace {

constexpr std::string_view kRule = "edit";

verify::Verdict verdict_on(const ledger::Prompt& prompt, const ledger::Generation& reply) {
  if (evaluate::is_cut(reply)) return {.answer = {}, .reason = "it was cut"};
  return verify::make_checker(prompt.checker)->check_messages(reply.reply, prompt.expected);
}

bool ends_with_call(const ledger::Generation& reply) { return !reply.reply.empty() && !reply.reply.back().calls.empty(); }

bool calls_something(const ledger::Generation& reply) {
  return std::any_of(reply.reply.begin(), reply.reply.end(), [](const chat::Message& message) { return !message.calls.empty(); });
}

struct Opinion {
  bool is_accepted = false;
  std::string reason;
};

class ModelEditor final : public Editor {
 public:
  ModelEditor(evaluate::Responder responder, EditOptions options, ledger::Ledger& ledger)
      : responder_(std::move(responder)), options_(std::move(options)), ledger_(ledger) {}

  std::vector<std::optional<ledger::GenerationId>> edit(std::span<const EditTask> tasks) override {
    if (!known_) known_ = recorded_edits();
    std::vector<std::optional<ledger::GenerationId>> edits(tasks.size());
    std::vector<std::size_t> open;
    std::vector<generate::GenerationRequest> requests;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const auto& chosen = tasks[i].chosen;
      if (chosen.reply.empty() || ends_with_call(chosen)) continue;
      if (const auto found = known_->find(ledger::id_of(chosen)); found != known_->end()) {
        edits[i] = found->second;
        continue;
      }
      open.push_back(i);
      generate::GenerationRequest request;
      request.dialog = edit_dialog(tasks[i], options_.feedback ? options_.feedback(tasks[i].prompt, chosen) : "");
      request.options = options_.sampling;
      requests.push_back(std::move(request));
    }
    if (open.empty()) return edits;
    generate::GenerationCallbacks callbacks;
    callbacks.on_failure = [](std::size_t, const std::string&) {};  // the prompt with the reply may be too long: no edit
    const auto results = responder_.generator->generate(requests, callbacks);
    std::vector<std::optional<std::pair<ledger::Generation, Opinion>>> made(open.size());
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (results[k].responses.empty() || results[k].responses[0].reply.messages.empty()) continue;
      const auto& task = tasks[open[k]];
      auto edited = generation_of(task, requests[k].dialog.messages.back().content, results[k].responses[0]);
      auto opinion = opinion_on(task, edited);
      made[k] = {std::move(edited), std::move(opinion)};
    }
    ledger::Ledger::Batch batch(ledger_);
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (!made[k]) continue;
      const auto& [edited, opinion] = *made[k];
      const auto id = ledger_.add(edited);
      ledger_.add(ledger::Decision{.generation = id,
                                   .stage = options_.stage,
                                   .rule = std::string(kRule),
                                   .is_kept = opinion.is_accepted,
                                   .reason = opinion.reason});
      if (opinion.is_accepted) edits[open[k]] = id;
    }
    batch.commit();
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (made[k]) (*known_)[made[k]->first.edited_from] = edits[open[k]];
    }
    return edits;
  }

 private:
  // By the reply that was edited; empty: the edit was refused.
  using Edits = std::map<ledger::GenerationId, std::optional<ledger::GenerationId>>;

  Edits recorded_edits() const {
    Edits known;
    for (const auto& decision : ledger_.decisions_of(options_.stage)) {
      if (decision.rule != kRule) continue;
      const auto edited = ledger_.find(decision.generation);
      known[edited->edited_from] = decision.is_kept ? std::optional(decision.generation) : std::nullopt;
    }
    return known;
  }

  ledger::Generation generation_of(const EditTask& task, const std::string& request, const generate::Response& response) const {
    ledger::Generation edited;
    edited.prompt = ledger::id_of(task.prompt);
    edited.stage = options_.stage;
    edited.model = responder_.generator->model_name();
    edited.tokenizer = responder_.tokenizer;
    edited.ids = response.ids;  // log-probabilities belong to another prompt, with the feedback in it
    edited.reply = response.reply.messages;
    if (response.reply.fault) edited.fault = response.reply.fault->reason;
    edited.options = chat::Json{{"feedback", request}, {"sampling", options_.sampling.describe()}}.dump(
        -1, ' ', false, chat::Json::error_handler_t::replace);
    edited.kind = ledger::GenerationKind::kEdited;
    edited.origin = edited.model;
    edited.edited_from = ledger::id_of(task.chosen);
    return edited;
  }

  Opinion opinion_on(const EditTask& task, const ledger::Generation& edited) const {
    if (evaluate::is_cut(edited)) return {false, "the edit was cut"};
    if (!edited.fault.empty()) return {false, "the edit is malformed: " + edited.fault};
    const auto text = evaluate::text_of(edited.reply);
    const bool is_blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
    if (is_blank && !calls_something(edited)) return {false, "the edit is empty"};
    if (says_the_same(edited.reply, task.chosen.reply)) return {false, "the edit changes nothing"};
    if (task.prompt.checker.empty()) return opinion_of_scorers(task, edited);
    const auto after = verdict_on(task.prompt, edited);
    if (!after.is_right()) return {false, "the verifier does not agree: " + after.reason};
    const auto before = verdict_on(task.prompt, task.chosen);
    if (!before.is_right()) return {true, "the verifier agrees: " + after.reason};
    auto opinion = opinion_of_scorers(task, edited);
    opinion.reason = "right as before; " + opinion.reason;
    return opinion;
  }

  Opinion opinion_of_scorers(const EditTask& task, const ledger::Generation& edited) const {
    bool is_higher = false;
    bool is_lower = false;
    std::string reason;
    for (const auto& [name, scorer] : {std::pair("reward model", &options_.reward), std::pair("judge", &options_.judge)}) {
      if (!*scorer) continue;
      const std::array replies = {task.chosen.reply, edited.reply};
      const auto values = (*scorer)(task.prompt.dialog, replies);
      DROVER_CHECK_EQ(values.size(), replies.size(), "A scorer gives each reply one number");
      is_higher = is_higher || values[1] > values[0];  // false for NaN
      is_lower = is_lower || values[1] < values[0];
      reason += fmt::format("{}{}: {:.3f} after {:.3f}", reason.empty() ? "" : ", ", name, values[1], values[0]);
    }
    if (reason.empty()) return {false, "nobody can say whether the edit is better"};
    return {is_higher && !is_lower, reason};
  }

  evaluate::Responder responder_;
  EditOptions options_;
  ledger::Ledger& ledger_;
  std::optional<Edits> known_;  ///< read when the first are asked for; nobody else edits in this stage
};

}  // namespace

bool says_the_same(std::span<const chat::Message> one, std::span<const chat::Message> other) {
  const auto calls_of = [](std::span<const chat::Message> reply) {
    std::vector<chat::ToolCall> calls;
    for (const auto& message : reply) calls.insert(calls.end(), message.calls.begin(), message.calls.end());
    for (auto& call : calls) call.id.clear();  // ties its result to it, and says nothing
    return calls;
  };
  return evaluate::text_of(one) == evaluate::text_of(other) && calls_of(one) == calls_of(other);
}

FeedbackSource verifier_feedback() {
  return [](const ledger::Prompt& prompt, const ledger::Generation& reply) -> std::string {
    if (prompt.checker.empty()) return "";
    const auto verdict = verdict_on(prompt, reply);
    if (verdict.is_right()) return "";
    if (evaluate::is_cut(reply)) return "Your answer is too long: it was cut off before its end.";
    if (verdict.outcome == verify::Outcome::kNoAnswer) return "Your answer does not state a result that can be read.";
    return fmt::format("Your result \"{}\" is not right. Check each step.", verdict.answer);
  };
}

FeedbackSource judge_feedback(judge::Judge& judge, const judge::Rubric& rubric) {
  return [&judge, rubric](const ledger::Prompt& prompt, const ledger::Generation& reply) -> std::string {
    auto dialog = prompt.dialog;
    dialog.messages.insert(dialog.messages.end(), reply.reply.begin(), reply.reply.end());
    const auto score = judge::score_replies(judge, rubric, std::span(&dialog, 1)).front();
    for (std::size_t i = 0; i < rubric.criteria.size(); ++i) {
      if (score.by_criterion[i] && *score.by_criterion[i] < 0.5) {
        return fmt::format("Your answer lacks this: {}", rubric.criteria[i].property);
      }
    }
    return "";
  };
}

FeedbackSource first_feedback(std::vector<FeedbackSource> sources) {
  return [sources = std::move(sources)](const ledger::Prompt& prompt, const ledger::Generation& reply) -> std::string {
    for (const auto& source : sources) {
      if (auto feedback = source(prompt, reply); !feedback.empty()) return feedback;
    }
    return "";
  };
}

ReplyScorer judge_scorer(judge::Judge& judge, const judge::Rubric& rubric) {
  return [&judge, rubric](const chat::Dialog& prompt, std::span<const std::vector<chat::Message>> replies) {
    std::vector<chat::Dialog> dialogs;
    for (const auto& reply : replies) {
      dialogs.push_back(prompt);
      dialogs.back().messages.insert(dialogs.back().messages.end(), reply.begin(), reply.end());
    }
    std::vector<double> points;
    for (const auto& score : judge::score_replies(judge, rubric, dialogs)) points.push_back(score.points.value_or(std::nan("")));
    return points;
  };
}

std::unique_ptr<Editor> make_model_editor(evaluate::Responder responder, EditOptions options, ledger::Ledger& ledger) {
  options.sampling.validate();
  return std::make_unique<ModelEditor>(std::move(responder), std::move(options), ledger);
}

chat::Dialog edit_dialog(const EditTask& task, const std::string& feedback) {
  auto dialog = task.prompt.dialog;
  for (auto message : task.chosen.reply) {
    if (message.ending == chat::Ending::kCut) message.ending = chat::Ending::kTurn;  // it stands in the middle now
    dialog.messages.push_back(std::move(message));
  }
  dialog.messages.push_back(
      {.sender = chat::Sender::kUser,
       .content = fmt::format("{} Write your answer to my last message again, better than before. Write only the new answer.",
                              feedback.empty() ? "Your answer can be more accurate, complete and clear." : feedback)});
  return dialog;
}

}  // namespace drover::preference
