#include "rounds/collect_stage.h"

#include "base/content_hash.h"
#include "preference/annotator.h"
#include "preference/collect.h"

namespace drover::rounds {

CollectedPreferences collect_preferences(Workspace& work, const std::string& stage, std::span<const ModelRef> deployed,
                                         std::span<const ledger::PromptId> prompts) {
  const auto& section = work.recipe.collect;
  std::vector<std::unique_ptr<generate::Generator>> generators;
  std::vector<evaluate::Responder> responders;
  for (const auto& model : deployed) responders.push_back(work.responder(model, generators));
  const auto annotator = preference::make_verifier_annotator();
  const auto seed = work.seed(stage);
  const auto collected = preference::collect_comparisons(prompts, responders, *annotator,
                                                         {.stage = stage,
                                                          .sampling = sampling_options(section.sampling, seed),
                                                          .comparisons_per_prompt = section.comparisons_per_prompt,
                                                          .seed = seed,
                                                          .prompts_per_batch = section.sampling.prompts_per_batch},
                                                         work.ledger, work.on_progress);
  base::FieldHasher content;
  for (const auto id : collected.comparisons) {
    const auto comparison = work.ledger.find(id);
    for (const auto side : {comparison->preferred, comparison->other}) {
      content.add(side.value()).add(evaluate::text_of(work.ledger.find(side)->reply));
    }
    content.add(static_cast<std::int64_t>(comparison->level));
  }
  ledger::Ledger::Batch batch(work.ledger);
  const auto add_count = [&](std::string_view subject, std::int64_t count) {
    work.ledger.add(ledger::Metric{.stage = stage,
                                   .name = "comparisons",
                                   .subject = std::string(subject),
                                   .step = 0,
                                   .value = static_cast<double>(count),
                                   .low = {},
                                   .high = {}});
  };
  for (const auto& [level, count] : collected.by_level) add_count(chat::name_of(level), count);
  add_count("equal replies", collected.num_equal);
  batch.commit();
  return {.facts = {.stage = stage,
                    .count = static_cast<std::int64_t>(collected.comparisons.size()),
                    .content = content.finish().hex()},
          .num_waiting = collected.num_waiting};
}

}  // namespace drover::rounds
