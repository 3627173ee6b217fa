#include "rounds/preference_training.h"

#include "base/error.h"
#include "preference/collect.h"
#include "rounds/train_variants.h"
#include "train/learned_rows.h"
#include "train/trainer.h"

namespace drover::rounds {
namespace {

// Comparisons that are clear enough, and what a trainer records about each.
struct ClearComparisons {
  std::vector<chat::PreferenceRow> rows;
  std::vector<ledger::TrainingRow> records;
};

ClearComparisons clear_comparisons(const Workspace& work, const std::vector<FactSet>& comparisons,
                                   const std::string& lowest_level, const std::string& stage, const std::string& kind) {
  const auto lowest = *chat::preference_level_of(lowest_level);
  ClearComparisons clear;
  for (const auto& set : comparisons) {
    for (const auto id : work.ledger.comparisons_of(set.stage)) {
      const auto comparison = work.ledger.find(id);
      if (comparison->level < lowest) continue;
      clear.rows.push_back(preference::preference_row(*comparison, work.ledger));
      clear.records.push_back({.stage = stage,
                               .ordinal = static_cast<std::int64_t>(clear.records.size()),
                               .kind = kind,
                               .generations = {comparison->preferred, comparison->other}});
    }
  }
  return clear;
}

}  // namespace

ModelSet train_reward_models(Workspace& work, const std::string& stage, const std::string& label,
                             const ModelRef& pretrained, const std::vector<FactSet>& comparisons) {
  const auto& section = work.recipe.reward;
  const auto clear = clear_comparisons(work, comparisons, section.lowest_level, stage, "reward");
  const auto format = work.format(*work.load(pretrained));
  // Heads that begin at different places cannot be averaged, so all variants share the first one.
  const auto head_seed = work.seed(label + " reward head");
  return train_variants(
      work, stage, label, "reward", pretrained, clear.records, section.train, key_text(section),
      [&](const auto& start, const auto& chosen, const auto& options, const auto& on_step) {
        std::vector<model::TokenRow> rows;
        for (const auto i : chosen) {
          rows.push_back(train::reward_row(*format, clear.rows[i], {.max_tokens = section.train.max_tokens}));
        }
        return train::train_reward(start, rows, {.train = options, .head_seed = head_seed}, on_step);
      });
}

ModelSet train_dpo_variants(Workspace& work, const std::string& stage, const std::string& label, const ModelRef& tuned,
                            const FactSet& comparisons) {
  const auto& section = work.recipe.dpo;
  const auto clear = clear_comparisons(work, {comparisons}, section.lowest_level, stage, "dpo");
  const auto format = work.format(*work.load(tuned));
  return train_variants(work, stage, label, "dpo", tuned, clear.records, section.train, key_text(section),
                        [&](const auto& start, const auto& chosen, const auto& options, const auto& on_step) {
                          std::vector<train::DpoRow> rows;
                          for (const auto i : chosen) {
                            rows.push_back(train::dpo_row(*format, clear.rows[i],
                                                          {.rows = {.max_tokens = section.train.max_tokens},
                                                           .mask_format_tokens = section.mask_format_tokens}));
                          }
                          train::DpoOptions dpo;
                          dpo.train = options;
                          dpo.beta = section.beta;
                          dpo.nll_weight = section.nll_weight;
                          return train::train_dpo(start, rows, dpo, on_step);
                        });
}

}  // namespace drover::rounds
