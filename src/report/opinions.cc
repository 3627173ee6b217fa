#include "report/opinions.h"

#include <algorithm>

#include "report/stage_output.h"

namespace drover::report {
namespace {

// The latest of these, should a stage have been done twice.
const ledger::Metric* find_metric(const std::vector<ledger::Metric>& metrics, const std::string& name,
                                  const std::string& subject) {
  const auto found = std::find_if(metrics.rbegin(), metrics.rend(),
                                  [&](const auto& metric) { return metric.name == name && metric.subject == subject; });
  return found == metrics.rend() ? nullptr : &*found;
}

std::optional<double> value_of(const std::vector<ledger::Metric>& metrics, const std::string& name,
                               const std::string& subject) {
  const auto* metric = find_metric(metrics, name, subject);
  return metric == nullptr ? std::nullopt : std::optional(metric->value);
}

// Subjects of a metric, each once, in the order of their first record.
std::vector<std::string> subjects_of(const std::vector<ledger::Metric>& metrics, const std::string& name) {
  std::vector<std::string> subjects;
  for (const auto& metric : metrics) {
    if (metric.name == name && std::find(subjects.begin(), subjects.end(), metric.subject) == subjects.end())
      subjects.push_back(metric.subject);
  }
  return subjects;
}

}  // namespace

std::vector<AgreementLine> agreements(const std::string& stage, const std::vector<ledger::Metric>& metrics) {
  std::vector<AgreementLine> lines;
  for (const auto& subject : subjects_of(metrics, "agreement")) {
    const auto* raw = find_metric(metrics, "agreement", subject);
    lines.push_back({.stage = stage,
                     .annotators = subject,
                     .raw = raw->value,
                     .kappa = value_of(metrics, "agreement kappa", subject),
                     .alpha = value_of(metrics, "agreement alpha", subject),
                     .pairs = raw->count});
  }
  return lines;
}

std::vector<RewardAccuracyLine> reward_accuracies(const std::string& stage,
                                                  const std::vector<ledger::Metric>& metrics) {
  std::vector<RewardAccuracyLine> lines;
  for (const bool is_unseen : {true, false}) {
    const std::string name = is_unseen ? "reward accuracy on new" : "reward accuracy";
    for (const auto& level : subjects_of(metrics, name)) {
      const auto* metric = find_metric(metrics, name, level);
      lines.push_back({.stage = stage,
                       .is_unseen = is_unseen,
                       .level = level,
                       .accuracy = metric->value,
                       .low = metric->low.value_or(0),
                       .high = metric->high.value_or(1),
                       .count = metric->count});
    }
  }
  return lines;
}

std::vector<ComplexityLine> complexities(const std::string& stage, const std::vector<ledger::Metric>& metrics) {
  std::vector<ComplexityLine> lines;
  for (const auto& capability : subjects_of(metrics, "complexity before")) {
    const auto* before = find_metric(metrics, "complexity before", capability);
    const auto* after = find_metric(metrics, "complexity after", capability);
    if (after == nullptr) continue;
    lines.push_back({.stage = stage,
                     .capability = capability,
                     .before = before->value,
                     .after = after->value,
                     .num_before = before->count,
                     .num_after = after->count});
  }
  return lines;
}

std::optional<JudgeSummary> judge_summary(const chat::Json& output) {
  const auto& model = part_at(output, "model");
  if (text_at(model, "hash").empty()) return std::nullopt;
  JudgeSummary summary{.name = text_at(model, "name"),
                       .is_above_chance = flag_at(output, "is_above_chance"),
                       .is_used = flag_at(output, "is_used")};
  const auto& sets = part_at(output, "calibrations");
  if (!sets.is_array()) return summary;
  for (const auto& set : sets) {
    const auto& interval = part_at(set, "accuracy_interval");
    const bool has_interval =
        interval.is_array() && interval.size() == 2 && interval[0].is_number() && interval[1].is_number();
    summary.lines.push_back({.set = text_at(set, "set"),
                             .pairs = static_cast<std::int64_t>(number_at(set, "pairs")),
                             .accuracy = number_at(set, "accuracy"),
                             .low = has_interval ? interval[0].get<double>() : 0,
                             .high = has_interval ? interval[1].get<double>() : 1,
                             .contradictions = static_cast<std::int64_t>(number_at(set, "contradictions")),
                             .invalid = static_cast<std::int64_t>(number_at(set, "invalid")),
                             .p_value = number_at(set, "p_value", 1)});
  }
  return summary;
}

}  // namespace drover::report
