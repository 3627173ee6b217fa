#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/ledger.h"

namespace drover::report {

/// One stage of the latest run.
struct StageLine {
  std::string name;
  std::string key;
  bool is_finished = false;
  double seconds = 0;
};

/// One model on one suite, in the order of evaluation.
struct AccuracyLine {
  std::string stage;
  std::string model_name;
  std::string model;  ///< hash
  std::string suite;
  double accuracy = 0;
  double low = 0;  ///< 95% interval
  double high = 0;
  std::int64_t count = 0;
  std::optional<double> p_value;  ///< exact paired test against the best model of the start; empty for the start itself
};

struct LossCurve {
  std::string name;
  std::vector<double> losses;
};

/// One reply of rejection sampling with what was said about it.
struct ReplyLine {
  std::string id;
  std::string text;
  double score = 0;
  bool is_kept = false;
  std::string reason;
};

struct SampledPrompt {
  std::string question;
  std::string expected;
  std::vector<ReplyLine> replies;
};

/// What the ledger knows about the run that began last.
struct RunSummary {
  std::string recipe_name;
  std::string recipe_text;
  std::vector<StageLine> stages;
  std::vector<AccuracyLine> accuracies;
  std::vector<std::pair<std::string, std::int64_t>> comparisons;  ///< level and count, over all rounds
  std::vector<LossCurve> losses;
  std::vector<ledger::ModelFact> models;
  std::vector<SampledPrompt> samples;                         ///< a few of the last round
  std::vector<std::pair<std::string, std::int64_t>> dropped;  ///< rule of a "curate" stage and count
  std::vector<std::pair<std::string, std::int64_t>> facts;    ///< kinds of facts in the whole ledger
};

/// Throws UserError when no run has begun.
RunSummary summarise(const ledger::Ledger& ledger);

/// A run in a few lines: its stages with their times.
std::string describe_stages(const RunSummary& summary);
/// The models' accuracies with their 95% intervals, before and after.
std::string describe_accuracies(const RunSummary& summary);

}  // namespace drover::report
