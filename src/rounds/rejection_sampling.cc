#include "rounds/rejection_sampling.h"

#include <optional>

#include "base/content_hash.h"
#include "base/error.h"
#include "evaluate/recorded_replies.h"
#include "generate/scorer.h"

namespace drover::rounds {
namespace {

struct Candidate {
  ledger::GenerationId id;
  std::vector<chat::Message> reply;
};

}  // namespace

FactSet keep_best_replies(Workspace& work, const std::string& stage, const ModelRef& sampler,
                          const ModelRef& reward_model, std::span<const ledger::PromptId> prompts) {
  const auto& section = work.recipe.reject;
  std::vector<std::unique_ptr<generate::Generator>> generators;
  const auto replies = evaluate::recorded_replies(work.responder(sampler, generators), prompts,
                                                  {.stage = stage,
                                                   .sampling = sampling_options(section.sampling, work.seed(stage)),
                                                   .num_replies = section.replies_per_prompt,
                                                   .prompts_per_batch = section.sampling.prompts_per_batch},
                                                  work.ledger, work.on_progress);
  const auto judge = work.load(reward_model);
  const auto format = work.format(*judge);
  generate::Scorer scorer(judge, format);
  FactSet kept{.stage = stage, .count = 0, .content = {}};
  base::FieldHasher content;
  ledger::Ledger::Batch batch(work.ledger);
  const auto decide = [&](ledger::GenerationId id, bool is_kept, const std::string& reason) {
    work.ledger.add(
        ledger::Decision{.generation = id, .stage = stage, .rule = "best of K", .is_kept = is_kept, .reason = reason});
  };
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    std::vector<ledger::GenerationId> ids;
    std::vector<std::vector<chat::Message>> texts;
    for (const auto id : replies[i]) {
      const auto generation = work.ledger.find(id);
      if (generation->reply.empty() || generation->ids.empty() ||
          (evaluate::is_cut(*generation) && !section.allow_cut)) {
        decide(id, false, "cut by the length limit");
        continue;
      }
      ids.push_back(id);
      texts.push_back(generation->reply);
    }
    if (ids.empty()) continue;
    const auto prompt = work.ledger.find(prompts[i]);
    const auto scores = scorer.rewards(prompt->dialog, texts);
    std::size_t best = 0;
    for (std::size_t k = 1; k < scores.size(); ++k) {
      if (scores[k] > scores[best]) best = k;
    }
    for (std::size_t k = 0; k < ids.size(); ++k) {
      work.ledger.add(
          ledger::Score{.generation = ids[k], .stage = stage, .scorer = reward_model.hash, .value = scores[k]});
      decide(ids[k], k == best, fmt::format("reward {:.4f}, best of {} {:.4f}", scores[k], ids.size(), scores[best]));
    }
    content.add(ids[best].value()).add(evaluate::text_of(texts[best]));
    ++kept.count;
  }
  batch.commit();
  kept.content = content.finish().hex();
  return kept;
}

}  // namespace drover::rounds
