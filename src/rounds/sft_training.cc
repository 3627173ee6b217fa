#include "rounds/sft_training.h"

#include "rounds/steering.h"
#include "rounds/train_variants.h"
#include "train/learned_rows.h"
#include "train/trainer.h"

namespace drover::rounds {

ModelSet train_sft_variants(Workspace& work, const std::string& stage, const std::string& label,
                            const ModelRef& pretrained, const TrainingMix& mix) {
  const auto& section = work.recipe.sft;
  std::vector<chat::Dialog> dialogs;
  std::vector<ledger::TrainingRow> records;
  for (const auto& entry : mix.entries) {
    const auto generation = work.ledger.find(entry.generation);
    const auto prompt = work.ledger.find(generation->prompt);
    auto dialog = work.recipe.reject.keep_system_prompt ? prompt->dialog : without_steering(work.recipe, *prompt);
    dialog.messages.insert(dialog.messages.end(), generation->reply.begin(), generation->reply.end());
    for (std::int64_t copy = 0; copy < entry.copies; ++copy) {
      dialogs.push_back(dialog);
      records.push_back({.stage = stage,
                         .ordinal = static_cast<std::int64_t>(records.size()),
                         .kind = "sft",
                         .generations = {entry.generation}});
    }
  }
  const auto format = work.format(*work.load(pretrained));
  return train_variants(work, stage, label, "sft", pretrained, records, section.train, key_text(section),
                        [&](const auto& start, const auto& chosen, const auto& options, const auto& on_step) {
                          std::vector<model::TokenRow> rows;
                          for (const auto i : chosen) {
                            rows.push_back(train::sft_row(*format, dialogs[i], train::Learn::kFinal,
                                                          {.max_tokens = section.train.max_tokens}));
                          }
                          return train::train_sft(start, rows, options, on_step);
                        });
}

}  // namespace drover::rounds
