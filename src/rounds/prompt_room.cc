#include "rounds/prompt_room.h"

#include <algorithm>

namespace drover::rounds {

PromptRoom::PromptRoom(Workspace& work, std::span<const ModelRef> models) {
  for (const auto& ref : models) {
    if (ref.is_remote()) continue;
    const auto model = work.load(ref);
    const auto hash = model->tokenizer().hash();
    const auto positions = model->config().max_positions;
    const bool is_known = std::any_of(readers_.begin(), readers_.end(), [&](const Reader& reader) {
      return reader.tokenizer == hash && reader.max_positions == positions;
    });
    if (!is_known) readers_.push_back({.tokenizer = hash, .format = work.format(*model), .max_positions = positions});
  }
}

std::int64_t PromptRoom::num_tokens(const Reader& reader, const chat::Dialog& dialog) {
  return static_cast<std::int64_t>(reader.format->render(dialog, {.generation_prompt = true}).ids.size());
}

std::int64_t PromptRoom::tokens_too_many(const chat::Dialog& dialog) const {
  std::int64_t most = 0;
  for (const auto& reader : readers_) most = std::max(most, num_tokens(reader, dialog) - (reader.max_positions - 1));
  return most;
}

std::vector<ledger::PromptId> PromptRoom::fitting(std::span<const ledger::PromptId> prompts, const std::string& stage,
                                                  ledger::Ledger& ledger) const {
  std::vector<ledger::PromptId> chosen;
  for (const auto id : prompts) {
    const auto dialog = ledger.find(id)->dialog;
    if (has_room_for(dialog)) {
      chosen.push_back(id);
      continue;
    }
    ledger.add(ledger::Metric{.stage = stage,
                              .name = "prompt too long",
                              .subject = id.hex(),
                              .step = 0,
                              .value = static_cast<double>(num_tokens(readers_.front(), dialog)),
                              .low = {},
                              .high = {}});
  }
  return chosen;
}

}  // namespace drover::rounds
