#include "rounds/preference_mix.h"

#include <vector>

#include "curate/mix_table.h"
#include "preference/collect.h"
#include "rounds/prompt_pool.h"

namespace drover::rounds {
namespace {

void record(Workspace& work, const std::string& stage, const std::string& name,
            std::span<const curate::PreferenceTableLine> lines) {
  std::int64_t place = 0;
  for (const auto& line : lines) {
    const auto add = [&](const char* column, double value) {
      work.ledger.add(ledger::Metric{.stage = stage,
                                     .name = name,
                                     .subject = line.dataset + " / " + column,
                                     .step = place,
                                     .value = value,
                                     .low = {},
                                     .high = {}});
    };
    add("percent", line.percent);
    add("turns", line.turns);
    add("tokens", line.tokens);
    add("prompt_tokens", line.prompt_tokens);
    add("response_tokens", line.response_tokens);
    if (line.comparisons > 0) add("comparisons", static_cast<double>(line.comparisons));
    ++place;
  }
}

}  // namespace

void record_preference_mix(Workspace& work, const std::string& stage, const ModelRef& model,
                           std::span<const FactSet> comparisons) {
  std::vector<chat::PreferenceRow> rows;
  std::vector<std::string> capabilities;
  for (const auto& set : comparisons) {
    for (const auto id : work.ledger.comparisons_of(set.stage)) {
      const auto comparison = *work.ledger.find(id);
      if (comparison.level == chat::PreferenceLevel::kNone) continue;
      rows.push_back(preference::preference_row(comparison, work.ledger));
      capabilities.push_back(capability_of(*work.ledger.find(comparison.prompt)));
    }
  }
  const auto& tokenizer = work.load(model)->tokenizer();
  const auto lines = curate::preference_table(rows, capabilities, [&](std::string_view text) {
    return static_cast<std::int64_t>(tokenizer.encode(text).size());
  });
  ledger::Ledger::Batch batch(work.ledger);
  record(work, stage, "preference mix", lines);
  record(work, stage, "preference mix of Llama 3", curate::report_preference_lines());
  batch.commit();
}

}  // namespace drover::rounds
