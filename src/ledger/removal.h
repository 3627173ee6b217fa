#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ledger/facts.h"

namespace drover::ledger {

/// What the removal of a source took, or would take, out of a ledger.
struct SourceRemoval {
  std::string source;
  std::vector<std::pair<std::string, std::int64_t>> counts;  ///< table and rows
  std::vector<std::string> stages;                           ///< names of stages that will be done again
  std::vector<ModelFact> models;                             ///< trained on it, or made of a model that was
};

/// One that happened.
struct RecordedRemoval {
  std::string source;
  std::string counts;      ///< JSON: table to rows
  std::string models;      ///< JSON: list of {name, hash}
  std::string removed_at;  ///< UTC, "2026-01-31T12:00:00Z"
};

}  // namespace drover::ledger
