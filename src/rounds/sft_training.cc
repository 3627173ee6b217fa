#include "rounds/sft_training.h"

#include <optional>
#include <vector>

#include "base/error.h"
#include "rounds/steering.h"
#include "rounds/train_variants.h"
#include "train/learned_rows.h"
#include "train/trainer.h"

namespace drover::rounds {

ModelSet train_sft_variants(Workspace& work, const std::string& stage, const std::string& label,
                            const ModelRef& pretrained, const TrainingMix& mix) {
  const auto& section = work.recipe.sft;
  const auto format = work.format(*work.load(pretrained));
  std::vector<model::TokenRow> rows;
  std::vector<ledger::TrainingRow> records;
  std::int64_t num_refused = 0;
  for (const auto& entry : mix.entries) {
    const auto generation = work.ledger.find(entry.generation);
    const auto prompt = work.ledger.find(generation->prompt);
    auto dialog = work.recipe.reject.keep_system_prompt ? prompt->dialog : without_steering(work.recipe, *prompt);
    dialog.messages.insert(dialog.messages.end(), generation->reply.begin(), generation->reply.end());
    std::optional<model::TokenRow> row;
    try {
      row = train::sft_row(*format, dialog, train::Learn::kFinal, {.max_tokens = section.train.max_tokens});
    } catch (const base::UserError&) {
      num_refused += entry.copies;  // too long, most likely
      continue;
    }
    for (std::int64_t copy = 0; copy < entry.copies; ++copy) {
      rows.push_back(*row);
      records.push_back({.stage = stage,
                         .ordinal = static_cast<std::int64_t>(records.size()),
                         .kind = "sft",
                         .generations = {entry.generation}});
    }
  }
  work.ledger.add(ledger::Metric{.stage = stage,
                                 .name = "refused rows",
                                 .subject = "sft",
                                 .step = 0,
                                 .value = static_cast<double>(num_refused),
                                 .low = {},
                                 .high = {}});
  return train_variants(work, stage, label, "sft", pretrained, records, section.train, key_text(section),
                        [&](const auto& start, const auto& chosen, const auto& options, const auto& on_step) {
                          std::vector<model::TokenRow> some;
                          for (const auto i : chosen) some.push_back(rows[i]);
                          return train::train_sft(start, some, options, on_step);
                        });
}

}  // namespace drover::rounds
