#include "report/dropped_replies.h"

#include <algorithm>

namespace drover::report {
namespace {

constexpr std::size_t kNumExamples = 3;

}  // namespace

std::string text_of(const std::vector<chat::Message>& messages) {
  std::string text;
  const auto add = [&](const std::string& line) {
    if (line.empty()) return;
    if (!text.empty()) text.push_back('\n');
    text += line;
  };
  for (const auto& message : messages) {
    add(message.content);
    for (const auto& call : message.calls) add("call of " + call.name);
  }
  return text;
}

std::vector<DroppedByRule> dropped_replies(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage) {
  std::vector<DroppedByRule> rules;
  for (const auto& decision : ledger.decisions_of(stage)) {
    if (decision.is_kept) continue;
    auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& each) { return each.rule == decision.rule; });
    if (rule == rules.end()) rule = rules.insert(rules.end(), {.round = round, .rule = decision.rule});
    ++rule->count;
    if (rule->examples.size() == kNumExamples) continue;
    const auto generation = ledger.find(decision.generation);
    if (!generation) continue;
    const auto prompt = ledger.find(generation->prompt);
    rule->examples.push_back({.id = decision.generation.hex(),
                              .question = prompt && !prompt->dialog.messages.empty()
                                              ? text_of({prompt->dialog.messages.back()})
                                              : std::string(),
                              .text = text_of(generation->reply),
                              .reason = decision.reason});
  }
  return rules;
}

}  // namespace drover::report
