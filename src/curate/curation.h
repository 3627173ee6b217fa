#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "curate/decision.h"
#include "curate/row.h"

namespace drover::curate {

/// What one step did.
struct CurationStep {
  std::string name;
  std::int64_t before = 0;
  std::int64_t kept = 0;
  std::map<std::string, std::int64_t> rules;  ///< rows by the rule that decided, kept ones included
};

/// A decision beside the step that made it; `index` and `other` count among the rows that curation began with.
struct RecordedDecision {
  std::size_t step = 0;
  Decision decision;
};

/// Rows on their way through steps. A step sees the rows that are left and returns decisions; they are recorded under
/// the rows' first numbers.
class Curation {
 public:
  explicit Curation(std::vector<Row> rows);

  /// The rows that are left, for the next step to read, fill in or rewrite.
  std::span<Row> rows() { return rows_; }
  std::span<const Row> rows() const { return rows_; }
  /// Where each of them stood at the beginning.
  std::span<const std::size_t> places() const { return places_; }

  /// Records what a step decided about each of rows() and drops those that it does not keep.
  void apply(const std::string& name, std::span<const Decision> decisions);

  const std::vector<CurationStep>& steps() const { return steps_; }
  /// Of rows that were dropped, and of kept ones with a reason (rewritten, repeated).
  const std::vector<RecordedDecision>& recorded() const { return recorded_; }

 private:
  std::vector<Row> rows_;
  std::vector<std::size_t> places_;
  std::vector<CurationStep> steps_;
  std::vector<RecordedDecision> recorded_;
};

/// The dialogs of rows, for steps that take no more.
std::vector<chat::Dialog> dialogs_of(std::span<const Row> rows);

}  // namespace drover::curate
