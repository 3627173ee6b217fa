#include "report/score_changes.h"

#include <algorithm>

#include "base/proportion.h"

namespace drover::report {

std::vector<ScoreChange> score_changes(const std::vector<AccuracyLine>& lines, const std::string& model) {
  std::vector<ScoreChange> changes;
  for (const auto& line : lines) {
    if (line.model != model || !line.stage.starts_with("round ")) continue;
    const AccuracyLine* before = nullptr;
    for (const auto& other : lines) {
      if (other.suite != line.suite || !other.stage.starts_with("start ")) continue;
      if (before == nullptr || other.accuracy > before->accuracy) before = &other;
    }
    if (before == nullptr) continue;
    const auto known = std::find_if(changes.begin(), changes.end(),
                                    [&](const auto& change) { return change.after.suite == line.suite; });
    if (known == changes.end()) {
      changes.push_back({.before = *before, .after = line, .corrected_p = {}});
    } else {
      known->after = line;
    }
  }
  std::vector<double> p_values;
  for (const auto& change : changes) {
    if (change.after.p_value) p_values.push_back(*change.after.p_value);
  }
  const auto corrected = base::holm_corrected(p_values);
  std::size_t next = 0;
  for (auto& change : changes) {
    if (change.after.p_value) change.corrected_p = corrected[next++];
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const auto& a, const auto& b) { return a.difference() < b.difference(); });
  return changes;
}

}  // namespace drover::report
