#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/dialog.h"
#include "ledger/facts.h"

namespace drover::report {

/// How two annotators agree on pairs that both saw.
struct AgreementLine {
  std::string stage;
  std::string annotators;
  double raw = 0;               ///< share of pairs on which both prefer the same
  std::optional<double> kappa;  ///< Cohen's: 0 chance, 1 full agreement
  std::optional<double> alpha;  ///< Krippendorff's over the levels
  std::int64_t pairs = 0;
};

/// A judge on pairs that people have judged.
struct JudgeLine {
  std::string set;
  std::int64_t pairs = 0;
  double accuracy = 0;
  double low = 0;  ///< 95% interval
  double high = 1;
  std::int64_t contradictions = 0;  ///< pairs whose verdict turned with the order of the replies
  std::int64_t invalid = 0;         ///< no answer in the asked form
  double p_value = 1;               ///< against chance
};

/// What a run knows about its judge.
struct JudgeSummary {
  std::string name;
  bool is_above_chance = false;
  bool is_used = false;
  std::vector<JudgeLine> lines{};
};

/// Whether a reward model ranks pairs as their annotators did.
struct RewardAccuracyLine {
  std::string stage;
  bool is_unseen = false;  ///< of the round before, on comparisons that came later
  std::string level;       ///< "better"; "edited": the edited reply above the one it was made of; "all"
  double accuracy = 0;
  double low = 0;
  double high = 1;
  std::int64_t count = 0;
};

/// The mean complexity of one weak capability's prompts, in the round before and in this one.
struct ComplexityLine {
  std::string stage;
  std::string capability;  ///< "weakest": the mean of them
  double before = 0;
  double after = 0;
  std::int64_t num_before = 0;
  std::int64_t num_after = 0;
};

std::vector<AgreementLine> agreements(const std::string& stage, const std::vector<ledger::Metric>& metrics);
std::vector<RewardAccuracyLine> reward_accuracies(const std::string& stage, const std::vector<ledger::Metric>& metrics);
std::vector<ComplexityLine> complexities(const std::string& stage, const std::vector<ledger::Metric>& metrics);
/// From what "start / calibrate" left; empty when the run has no judge.
std::optional<JudgeSummary> judge_summary(const chat::Json& output);

}  // namespace drover::report
