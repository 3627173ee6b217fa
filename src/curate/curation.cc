#include "curate/curation.h"

#include <numeric>
#include <utility>

#include "base/error.h"

namespace drover::curate {

Curation::Curation(std::vector<Row> rows) : rows_(std::move(rows)), places_(rows_.size()) {
  std::iota(places_.begin(), places_.end(), std::size_t{0});
}

void Curation::apply(const std::string& name, std::span<const Decision> decisions) {
  DROVER_CHECK_EQ(decisions.size(), rows_.size(), "A step decides about each row");
  CurationStep step{.name = name, .before = static_cast<std::int64_t>(rows_.size()), .kept = 0, .rules = {}};
  std::size_t left = 0;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    DROVER_CHECK_EQ(decisions[i].index, i, "Decisions stand in the order of the rows");
    ++step.rules[decisions[i].rule];
    if (!decisions[i].kept || !decisions[i].reason.empty()) {
      auto decision = decisions[i];
      decision.index = places_[i];
      if (decision.other) decision.other = places_[*decision.other];
      recorded_.push_back({.step = steps_.size(), .decision = std::move(decision)});
    }
    if (!decisions[i].kept) continue;
    if (left != i) rows_[left] = std::move(rows_[i]);
    ++left;
    places.push_back(places_[i]);
  }
  rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(left), rows_.end());
  places_ = std::move(places);
  step.kept = static_cast<std::int64_t>(left);
  steps_.push_back(std::move(step));
}

std::vector<chat::Dialog> dialogs_of(std::span<const Row> rows) {
  std::vector<chat::Dialog> dialogs;
  dialogs.reserve(rows.size());
  for (const auto& row : rows) dialogs.push_back(row.dialog);
  return dialogs;
}

}  // namespace drover::curate
