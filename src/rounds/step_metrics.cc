#include "rounds/step_metrics.h"

namespace drover::rounds {

void record_steps(Workspace& work, const std::string& stage, const std::string& subject,
                  const std::vector<train::StepReport>& steps) {
  ledger::Ledger::Batch batch(work.ledger);
  const auto add = [&](const std::string& name, std::int64_t step, double value) {
    work.ledger.add(ledger::Metric{
        .stage = stage, .name = name, .subject = subject, .step = step, .value = value, .low = {}, .high = {}});
  };
  for (const auto& report : steps) {
    add("loss", report.step, report.loss);
    for (const auto& [name, value] : report.metrics) {
      if (name != "learned_tokens") add("step " + name, report.step, value);
    }
  }
  batch.commit();
}

}  // namespace drover::rounds
