#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/measured_judge.h"
#include "curate/curation.h"
#include "curate/mix_table.h"
#include "curate/openings.h"
#include "curate/row.h"

namespace drover::cli {

/// Rows of all input files; `places[i]` is where row i stood: "FILE, line N".
struct CuratedInput {
  std::vector<curate::Row> rows;
  std::vector<std::string> places;
};

/// What the summary says beside the steps.
struct CuratedFacts {
  std::vector<std::string> places;
  std::string unit;  ///< what the table counts: "tokens" or "words"
  std::vector<curate::OpeningPhrase> phrases = {};
  std::vector<curate::SftTableLine> table = {};
  std::optional<MeasuredJudge> judge = std::nullopt;  ///< empty: none was asked about quality
};

/// Each row so often as `copies` says. The file holds its old content until all of them are written; "-" is standard
/// output.
void write_rows(const std::filesystem::path& path, std::span<const curate::Row> rows,
                std::span<const std::int64_t> copies);

/// {"row": "FILE, line N", "step": ..., "kept": ..., "rule": ..., "reason": ..., "other": "FILE, line N"} a line.
void write_decisions(const std::filesystem::path& path, const curate::Curation& curation, const CuratedFacts& facts);

/// For people: what each step kept and dropped by rule, with an example of each rule, overused phrases, and the table
/// beside the report's.
std::string shown(const curate::Curation& curation, const CuratedFacts& facts);

nlohmann::ordered_json json_of(const curate::Curation& curation, const CuratedFacts& facts);

}  // namespace drover::cli
