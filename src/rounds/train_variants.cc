#include "rounds/train_variants.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/random_stream.h"
#include "model/average.h"
#include "rounds/step_metrics.h"

namespace drover::rounds {
namespace {

// The rows of one variant, in their first order (the trainer shuffles).
std::vector<std::size_t> share_of_rows(std::size_t num_rows, double share, std::uint64_t seed) {
  std::vector<std::size_t> rows(num_rows);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  if (share >= 1) return rows;
  base::RandomStream(seed, "share of rows").shuffle(std::span<std::size_t>(rows));
  rows.resize(std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(share * static_cast<double>(num_rows)))));
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::string hash_of(const std::vector<ledger::TrainingRow>& rows, const std::vector<std::size_t>& chosen) {
  base::FieldHasher hasher;
  for (const auto index : chosen) {
    for (const auto generation : rows[index].generations) hasher.add(generation.value());
    hasher.add("row");
  }
  return hasher.finish().hex();
}

}  // namespace

train::TrainOptions train_options(const Workspace& work, const TrainSection& section, std::uint64_t seed) {
  train::TrainOptions options;
  options.learning_rate = section.learning_rate;
  options.steps = section.steps;
  options.epochs = section.epochs;
  options.rows_per_step = section.rows_per_step;
  options.schedule.shape = *train::schedule_shape_of(section.schedule);
  options.schedule.warmup_steps = section.warmup_steps;
  options.schedule.final_share = section.final_share;
  options.adamw.weight_decay = section.weight_decay;
  options.clip_norm = section.clip_norm;
  options.packed_tokens = section.packed_tokens;
  options.seed = seed;
  options.compute_type = work.compute_type();
  return options;
}

ModelSet train_variants(Workspace& work, const std::string& stage, const std::string& label, const std::string& kind,
                        const ModelRef& start, const std::vector<ledger::TrainingRow>& rows,
                        const TrainSection& section, const std::string& options, const TrainOne& train_one) {
  if (rows.empty()) {
    throw base::UserError(
        "{} has no rows for {} training: nothing passed the stages before. More prompts or more replies per prompt "
        "may help; `drover status` shows the counts.",
        label, kind);
  }
  {
    ledger::Ledger::Batch batch(work.ledger);
    for (const auto& row : rows) work.ledger.add(row);
    batch.commit();
  }
  ModelSet models;
  std::vector<std::shared_ptr<const model::Model>> trained;
  ledger::ModelFact average{.hash = {},
                            .name = fmt::format("{} {}", label, kind),
                            .stage = stage,
                            .folder = {},
                            .made_by = "average",
                            .data = {},
                            .options = options,
                            .parents = {}};
  for (std::int64_t variant = 1; variant <= section.variants; ++variant) {
    const auto name = fmt::format("{} {} {}", label, kind, variant);
    const auto seed = work.seed(name);
    auto own = section;
    if (const auto& rates = section.variant_learning_rates; !rates.empty())
      own.learning_rate = rates[static_cast<std::size_t>(variant - 1) % rates.size()];
    const auto chosen = share_of_rows(rows.size(), section.data_share, seed);
    std::vector<train::StepReport> steps;
    trained.push_back(
        train_one(work.load_for_training(start), chosen, train_options(work, own, seed), work.watch_steps(name, steps)));
    record_steps(work, stage, name, steps);
    models.variants.push_back(work.keep(trained.back(), {.hash = {},
                                                         .name = name,
                                                         .stage = stage,
                                                         .folder = {},
                                                         .made_by = kind,
                                                         .data = hash_of(rows, chosen),
                                                         .options = options,
                                                         .parents = {{start.hash, 1}}}));
    average.parents.push_back({models.variants.back().hash, 1.0 / static_cast<double>(section.variants)});
  }
  models.average = section.variants == 1 ? models.variants[0] : work.keep(model::average(trained), average);
  return models;
}

}  // namespace drover::rounds
