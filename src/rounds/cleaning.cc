#include "rounds/cleaning.h"

#include <set>
#include <utility>

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/assistant_turn.h"
#include "evaluate/recorded_replies.h"

namespace drover::rounds {

namespace {

std::vector<ledger::Decision> decisions_of(const ledger::Ledger& ledger, std::span<const FactSet> sets) {
  std::vector<ledger::Decision> all;
  for (const auto& set : sets) {
    for (auto& decision : ledger.decisions_of(set.stage)) all.push_back(std::move(decision));
  }
  return all;
}

}  // namespace

FactSet clean_replies(Workspace& work, const std::string& stage, std::span<const FactSet> candidates) {
  const auto& section = work.recipe.curate;
  FactSet cleaned{.stage = stage, .count = 0, .content = {}};
  base::FieldHasher content;
  std::set<std::pair<std::string, std::string>> seen;
  ledger::Ledger::Batch batch(work.ledger);
  for (const auto& decision : decisions_of(work.ledger, candidates)) {
    if (!decision.is_kept) continue;
    const auto generation = work.ledger.find(decision.generation);
    const auto prompt = work.ledger.find(generation->prompt);
    const auto text = evaluate::text_of(generation->reply);
    const auto question = evaluate::text_of(prompt->dialog.messages);
    std::string rule;
    std::string reason;
    auto dialog = prompt->dialog;
    dialog.messages.insert(dialog.messages.end(), generation->reply.begin(), generation->reply.end());
    const auto nothing = chat::nothing_to_learn(dialog);
    if (evaluate::is_cut(*generation)) {
      rule = "cut reply";
      reason = "it has no end that could be learned";
    } else if (nothing) {
      rule = "nothing to learn";
      reason = *nothing;
    } else if (section.drop_malformed && !generation->fault.empty()) {
      rule = "malformed reply";
      reason = generation->fault;
    } else if (section.drop_duplicates && !seen.insert({question, text}).second) {
      rule = "duplicate";
      reason = "the same prompt and reply stand in an earlier row";
    }
    const bool is_kept = rule.empty();
    work.ledger.add(ledger::Decision{.generation = decision.generation,
                                     .stage = stage,
                                     .rule = is_kept ? "clean" : rule,
                                     .is_kept = is_kept,
                                     .reason = reason});
    if (!is_kept) continue;
    content.add(decision.generation.value()).add(text);
    ++cleaned.count;
  }
  batch.commit();
  cleaned.content = content.finish().hex();
  return cleaned;
}

}  // namespace drover::rounds
