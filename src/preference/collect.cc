#include "preference/collect.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/random_stream.h"

namespace drover::preference {
namespace {

struct Pair {
  std::size_t first = 0;
  std::size_t second = 0;
};

// Two different models in random order.
Pair choose_pair(std::size_t num_models, base::RandomStream& random) {
  const auto first = static_cast<std::size_t>(random.below(num_models));
  const auto other = static_cast<std::size_t>(random.below(num_models - 1));
  return {first, other < first ? other : other + 1};
}

}  // namespace

Collected collect_comparisons(std::span<const ledger::PromptId> prompts,
                              std::span<const evaluate::Responder> responders, Annotator& annotator,
                              const CollectPlan& plan, ledger::Ledger& ledger, const base::OnProgress& on_progress) {
  if (responders.size() < 2) {
    throw base::UserError(
        "Comparisons need replies of two different models, but {} is deployed; name two in models.bootstrap.",
        responders.size());
  }
  std::set<std::string> names;
  for (const auto& responder : responders) names.insert(responder.generator->model_name());
  if (names.size() < responders.size()) {
    throw base::UserError(
        "Two of the {} deployed models have the same weights, so their replies say nothing about each other.",
        responders.size());
  }
  // Which two models meet on a prompt does not depend on what they answer, so each model answers all of its prompts at
  // once.
  std::vector<Pair> pairs;
  std::vector<std::vector<ledger::PromptId>> prompts_of(responders.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    base::RandomStream random(plan.seed, "pair of models", i);
    pairs.push_back(choose_pair(responders.size(), random));
    for (const auto model : {pairs[i].first, pairs[i].second}) prompts_of[model].push_back(prompts[i]);
  }
  std::vector<std::map<ledger::PromptId, std::vector<ledger::GenerationId>>> replies(responders.size());
  for (std::size_t model = 0; model < responders.size(); ++model) {
    evaluate::ReplyPlan replies_plan{.stage = plan.stage,
                                     .sampling = plan.sampling,
                                     .num_replies = plan.comparisons_per_prompt,
                                     .prompts_per_batch = plan.prompts_per_batch};
    // The same random numbers would draw the same reply from two similar models, and there would be nothing to compare.
    replies_plan.sampling.seed = base::FieldHasher()
                                     .add(static_cast<std::int64_t>(plan.seed))
                                     .add(responders[model].generator->model_name())
                                     .finish()
                                     .low >>
                                 1U;
    const auto found =
        evaluate::recorded_replies(responders[model], prompts_of[model], replies_plan, ledger, on_progress);
    for (std::size_t i = 0; i < found.size(); ++i) replies[model][prompts_of[model][i]] = found[i];
  }

  Collected collected;
  ledger::Ledger::Batch batch(ledger);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto prompt = ledger.find(prompts[i]);
    for (std::int64_t turn = 0; turn < plan.comparisons_per_prompt; ++turn) {
      const auto first_id = replies[pairs[i].first].at(prompts[i]).at(static_cast<std::size_t>(turn));
      const auto second_id = replies[pairs[i].second].at(prompts[i]).at(static_cast<std::size_t>(turn));
      const auto first = ledger.find(first_id);
      const auto second = ledger.find(second_id);
      if (first->ids == second->ids) {
        ++collected.num_equal;
        continue;
      }
      const auto judgement = annotator.compare(*prompt, *first, *second);
      if (!judgement) {
        ++collected.num_waiting;
        continue;
      }
      const bool second_wins = judgement->preferred == Judgement::Preferred::kSecond;
      collected.comparisons.push_back(ledger.add(ledger::Comparison{.prompt = prompts[i],
                                                                    .stage = plan.stage,
                                                                    .preferred = second_wins ? second_id : first_id,
                                                                    .other = second_wins ? first_id : second_id,
                                                                    .level = judgement->level,
                                                                    .annotator = annotator.name(),
                                                                    .reason = judgement->reason}));
      ++collected.by_level[judgement->level];
    }
  }
  batch.commit();
  return collected;
}

chat::PreferenceRow preference_row(const ledger::Comparison& comparison, const ledger::Ledger& ledger) {
  DROVER_CHECK(comparison.level != chat::PreferenceLevel::kNone, "No preference is never trained on");
  const auto prompt = ledger.find(comparison.prompt);
  const auto preferred = ledger.find(comparison.preferred);
  const auto other = ledger.find(comparison.other);
  DROVER_CHECK(prompt && preferred && other, "A comparison names facts that the ledger lacks");
  return {.prompt = prompt->dialog, .responses = {preferred->reply, other->reply}, .levels = {comparison.level}};
}

}  // namespace drover::preference
