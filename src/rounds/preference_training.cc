#include "rounds/preference_training.h"

#include "base/error.h"
#include "preference/collect.h"
#include "rounds/preference_mix.h"
#include "rounds/reward_accuracy.h"
#include "rounds/train_variants.h"
#include "train/learned_rows.h"
#include "train/ranked_pairs.h"
#include "train/reward_facts.h"
#include "train/trainer.h"

namespace drover::rounds {
namespace {

// Rows for a trainer, and what is recorded about each.
template <typename Row>
struct ClearRows {
  std::vector<Row> rows;
  std::vector<ledger::TrainingRow> records;
};

// The rows of the comparisons. `make_row` gives nothing where no two replies are far enough apart. A comparison that gives no row for
// another reason (an empty reply leaves DPO nothing to count) is left out and counted as the metric "refused rows".
template <typename Row, typename MakeRow>
ClearRows<Row> clear_rows(const Workspace& work, std::span<const FactSet> comparisons, const std::string& stage, const std::string& kind,
                          const MakeRow& make_row) {
  ClearRows<Row> clear;
  std::int64_t num_refused = 0;
  for (const auto& set : comparisons) {
    for (const auto id : work.ledger.comparisons_of(set.stage)) {
      const auto comparison = work.ledger.find(id);
      if (comparison->level == chat::PreferenceLevel::kNone) continue;
      try {
        std::optional<Row> row = make_row(preference::preference_row(*comparison, work.ledger));
        if (!row) continue;
        clear.rows.push_back(*std::move(row));
      } catch (const base::UserError&) {
        ++num_refused;
        continue;
      }
      clear.records.push_back({.stage = stage,
                               .ordinal = static_cast<std::int64_t>(clear.records.size()),
                               .kind = kind,
                               .generations = preference::ranked_replies(*comparison)});
    }
  }
  work.ledger.add(ledger::Metric{.stage = stage,
                                 .name = "refused rows",
                                 .subject = kind,
                                 .step = 0,
                                 .value = static_cast<double>(num_refused),
                                 .low = {},
                                 .high = {}});
  return clear;
}

template <typename Row>
std::vector<Row> chosen_rows(const std::vector<Row>& rows, const std::vector<std::size_t>& chosen) {
  std::vector<Row> some;
  for (const auto i : chosen) some.push_back(rows[i]);
  return some;
}

// A ranking for the reward model: all its replies, of whose pairs those count that are far enough apart. An edited reply is "better" than
// the one it was made of, however close that one was to the rejected reply.
struct RewardRow {
  model::TokenRow tree;
  train::RewardFacts facts;
};

}  // namespace

ModelSet train_reward_models(Workspace& work, const std::string& stage, const std::string& label,
                             const ModelRef& pretrained, std::span<const FactSet> comparisons,
                             const std::optional<ModelRef>& previous, std::span<const FactSet> newest) {
  const auto& section = work.recipe.reward;
  record_preference_mix(work, stage, pretrained, newest);
  if (previous) record_reward_accuracy(work, stage, "reward accuracy on new", *previous, newest);
  const auto format = work.format(*work.load(pretrained));
  const auto lowest = *chat::preference_level_of(section.lowest_level);
  const auto clear =
      clear_rows<RewardRow>(work, comparisons, stage, "reward", [&](const chat::PreferenceRow& row) -> std::optional<RewardRow> {
        if (train::clear_pairs(row.levels, lowest).empty()) return std::nullopt;
        auto tree = train::reward_row(*format, row, {.max_tokens = section.train.max_tokens});
        auto facts = train::reward_facts(tree, row);
        return RewardRow{.tree = std::move(tree), .facts = std::move(facts)};
      });
  // Heads that begin at different places cannot be averaged, so all variants share the first one.
  const auto head_seed = work.seed(label + " reward head");
  auto models =
      train_variants(work, stage, label, "reward", pretrained, clear.records, section.train, key_text(section),
                     [&](const auto& start, const auto& chosen, const auto& options, const auto& on_step) {
                       std::vector<model::TokenRow> trees;
                       train::RewardOptions reward{.train = options, .head_seed = head_seed, .lowest_level = lowest};
                       for (const auto i : chosen) {
                         trees.push_back(clear.rows[i].tree);
                         reward.facts.push_back(clear.rows[i].facts);
                       }
                       return train::train_reward(start, trees, reward, on_step);
                     });
  record_reward_accuracy(work, stage, "reward accuracy", models.average, comparisons);
  return models;
}

ModelSet train_dpo_variants(Workspace& work, const std::string& stage, const std::string& label, const ModelRef& tuned,
                            std::span<const FactSet> comparisons) {
  const auto& section = work.recipe.dpo;
  const auto format = work.format(*work.load(tuned));
  const train::DpoRowOptions row_options{.rows = {.max_tokens = section.train.max_tokens},
                                         .mask_format_tokens = section.mask_format_tokens};
  const auto lowest = *chat::preference_level_of(section.lowest_level);
  const auto clear =
      clear_rows<train::DpoRow>(work, comparisons, stage, "dpo", [&](const chat::PreferenceRow& row) -> std::optional<train::DpoRow> {
        if (train::level_between(row.levels, 0, row.levels.size()) < lowest) return std::nullopt;
        return train::dpo_row(*format, row, row_options);
      });
  return train_variants(work, stage, label, "dpo", tuned, clear.records, section.train, key_text(section),
                        [&](const auto& start, const auto& chosen, const auto& options, const auto& on_step) {
                          train::DpoOptions dpo;
                          dpo.train = options;
                          dpo.beta = section.beta;
                          dpo.nll_weight = section.nll_weight;
                          return train::train_dpo(start, chosen_rows(clear.rows, chosen), dpo, on_step);
                        });
}

}  // namespace drover::rounds
