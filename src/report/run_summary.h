#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/ledger.h"
#include "report/data_sources.h"
#include "report/dropped_replies.h"
#include "report/mix_tables.h"
#include "report/opinions.h"
#include "report/reward_spread.h"
#include "report/round_counts.h"
#include "report/row_ratings.h"
#include "report/score_changes.h"
#include "report/training_curves.h"

namespace drover::report {

/// One stage of the latest run.
struct StageLine {
  std::string name;
  std::string key;
  bool is_finished = false;
  double seconds = 0;
  std::string ended_at{};  ///< UTC
  std::int64_t revision = 1;
  std::uint64_t seed = 0;
  std::string inputs{};   ///< JSON: name to hash
  std::string options{};  ///< JSON
  std::string hash{};     ///< of what it left
};

/// One reply of rejection sampling with what was said about it.
struct ReplyLine {
  std::string id;
  std::string text;
  std::optional<double> score;  ///< empty: it took no part
  bool is_kept = false;
  std::string reason;
};

struct SampledPrompt {
  std::string question;
  std::string expected;
  std::vector<ReplyLine> replies;  ///< by score, those without one last
};

/// A model that a round hands on.
struct DeployedModel {
  std::int64_t round = 0;
  std::string hash;
  std::string name;
  std::string folder;             ///< relative to the home
  std::vector<std::string> team{};  ///< hashes of all that answer in the next round, best first
};

/// What the ledger knows about the run that began last.
struct RunSummary {
  std::string recipe_name;
  std::string recipe_text;
  std::string began_at;
  std::vector<StageLine> stages;
  std::vector<AccuracyLine> accuracies;
  std::vector<RoundCounts> rounds;
  std::vector<ComplexityLine> complexities;
  std::vector<AgreementLine> agreements;
  std::optional<JudgeSummary> judge;
  std::vector<RewardAccuracyLine> reward_accuracies;
  std::vector<CurveGroup> curves;
  std::vector<RewardSpread> reward_spreads;
  std::vector<SampledPrompt> samples;  ///< a few of the last round
  std::vector<DroppedByRule> dropped;
  std::vector<RowRating> ratings;  ///< topics and difficulty of curated replies
  std::vector<MixTable> mix_tables;
  std::vector<ledger::ModelFact> models;  ///< each hash once, in the order in which they were made
  std::vector<DeployedModel> deployed;    ///< the average that each finished round chose
  std::vector<DataSource> sources;
  std::vector<std::pair<std::string, std::int64_t>> facts;  ///< kinds of facts in the whole ledger

  bool is_finished() const;
  double seconds() const;  ///< of all finished stages
  /// From the start to the model that was deployed last; empty before a round has finished.
  std::vector<ScoreChange> changes() const;
};

/// Throws UserError when no run has begun.
RunSummary summarise(const ledger::Ledger& ledger);

/// A run in a few lines: its stages with their times.
std::string describe_stages(const RunSummary& summary);
/// The models' accuracies with their 95% intervals, before and after.
std::string describe_accuracies(const RunSummary& summary);

}  // namespace drover::report
