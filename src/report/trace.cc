#include "report/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "chat/dialog_json.h"

namespace drover::report {
namespace {

std::string stage_name(const ledger::Ledger& ledger, const std::string& key) {
  const auto stage = ledger.find_stage(key);
  return stage ? stage->name : key;
}

std::string model_name(const ledger::Ledger& ledger, const std::string& hash) {
  const auto model = ledger.find_model(hash);
  return model ? fmt::format("{} ({})", model->name, hash.substr(0, 12)) : hash.substr(0, 12);
}

std::string prompt_lines(const ledger::Prompt& prompt, ledger::PromptId id) {
  std::string text = fmt::format("prompt {}  from {}{}\n", id.hex(), prompt.source,
                                 prompt.licence.empty() ? "" : ", " + prompt.licence);
  for (const auto& message : prompt.dialog.messages)
    text += fmt::format("  {}: {}\n", chat::name_of(message.sender), message.content);
  if (!prompt.checker.empty()) text += fmt::format("  expected ({}): {}\n", prompt.checker, prompt.expected);
  return text;
}

std::string reply_lines(const ledger::Ledger& ledger, const ledger::Generation& generation, ledger::GenerationId id) {
  std::string text = fmt::format("reply {}  sample {} of {} in {}\n", id.hex(), generation.sample,
                                 model_name(ledger, generation.model), stage_name(ledger, generation.stage));
  for (const auto& message : generation.reply) {
    text += fmt::format("  {}: {}  [ends: {}]\n", chat::name_of(message.sender), message.content,
                        chat::name_of(message.ending));
  }
  double sum = 0;
  for (const float value : generation.log_probs) sum += value;
  return text + fmt::format("  {} tokens, log-probability {:.3f}, options {}\n", generation.ids.size(), sum,
                            generation.options);
}

std::string said_lines(const ledger::Ledger& ledger, ledger::GenerationId id) {
  std::string text;
  for (const auto& score : ledger.scores_of(id)) {
    text += fmt::format("  score {:.4f} by {} in {}\n", score.value, model_name(ledger, score.scorer),
                        stage_name(ledger, score.stage));
  }
  for (const auto& answer : ledger.checked_answers_of(id)) {
    text += fmt::format("  checked in {}: {} ({})\n", stage_name(ledger, answer.stage),
                        answer.is_right ? "right" : "wrong", answer.reason);
  }
  for (const auto comparison_id : ledger.comparisons_with(id)) {
    const auto comparison = ledger.find(comparison_id);
    const bool is_preferred = comparison->preferred == id;
    const auto other = is_preferred ? comparison->other : comparison->preferred;
    const auto what = comparison->level == chat::PreferenceLevel::kNone ? "no preference against"
                      : is_preferred                                    ? "preferred over"
                                                                        : "less liked than";
    text += fmt::format("  {} {} ({}, {}) in {}\n", what, other.hex(), chat::name_of(comparison->level),
                        comparison->annotator, stage_name(ledger, comparison->stage));
  }
  for (const auto& decision : ledger.decisions_of(id)) {
    text += fmt::format("  {} in {}: {}{}\n", decision.is_kept ? "kept" : "dropped", stage_name(ledger, decision.stage),
                        decision.rule, decision.reason.empty() ? "" : " (" + decision.reason + ")");
  }
  return text;
}

std::string after_lines(const ledger::Ledger& ledger, ledger::GenerationId id) {
  std::string text;
  std::vector<std::string> stages;
  for (const auto& row : ledger.training_rows_with(id)) {
    text += fmt::format("  row {} of {} training in {}\n", row.ordinal, row.kind, stage_name(ledger, row.stage));
    if (std::find(stages.begin(), stages.end(), row.stage) == stages.end()) stages.push_back(row.stage);
  }
  if (stages.empty()) return "  no training row: nothing was learned from it\n";
  for (const auto& model : ledger.descendants_of(stages))
    text += fmt::format("  went into {} ({})\n", model.name, model.hash.substr(0, 12));
  return text;
}

std::string trace_reply(const ledger::Ledger& ledger, ledger::GenerationId id) {
  const auto generation = ledger.find(id);
  const auto prompt = ledger.find(generation->prompt);
  return prompt_lines(*prompt, generation->prompt) + reply_lines(ledger, *generation, id) + "said about it\n" +
         said_lines(ledger, id) + "after it\n" + after_lines(ledger, id);
}

std::string trace_prompt(const ledger::Ledger& ledger, ledger::PromptId id) {
  auto text = prompt_lines(*ledger.find(id), id);
  for (const auto reply : ledger.replies_to(id)) {
    const auto generation = ledger.find(reply);
    text += reply_lines(ledger, *generation, reply) + said_lines(ledger, reply);
  }
  return text;
}

}  // namespace

std::string describe_trace(const ledger::Ledger& ledger, std::string_view sample) {
  const auto replies = ledger.generations_beginning(sample);
  const auto prompts = ledger.prompts_beginning(sample);
  if (replies.size() + prompts.size() > 1) {
    throw base::UserError("{} or more samples begin with '{}'; give more digits.", replies.size() + prompts.size(),
                          sample);
  }
  if (replies.size() == 1) return trace_reply(ledger, replies[0]);
  if (prompts.size() == 1) return trace_prompt(ledger, prompts[0]);
  throw base::UserError(
      "No sample's name begins with '{}'. The report and `drover trace` of a prompt show names: hexadecimal digits.",
      sample);
}

}  // namespace drover::report
