#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/progress_line.h"
#include "generate/generator.h"
#include "judge/answer_forms.h"
#include "judge/standing.h"

namespace drover::cli {

/// Which judge a command asks, and what it is measured on first.
struct JudgeRequest {
  std::string model;  ///< empty: none
  std::vector<std::string> calibration = {"pandalm", "llmbar"};  ///< sets by name (the parts that ship), or files
  std::int64_t pairs = 40;                                       ///< of each; 0: all
  bool is_forced = false;                                        ///< its points count although it is not above chance
};

/// Throws UserError for pairs that cannot be read.
std::vector<judge::LabelledSet> calibration_sets(const JudgeRequest& request);

/// What the judge is worth, and whether its points count.
struct MeasuredJudge {
  judge::Standing standing;
  bool is_forced = false;

  bool counts() const { return is_forced || standing.is_above_chance(); }
};

/// Measures the judge against people and says in one sentence on standard error what came out.
MeasuredJudge measure_judge(generate::Generator& generator, const judge::AnswerForms& forms, const JudgeRequest& request,
                            std::span<const judge::LabelledSet> sets, ProgressLine& progress);

}  // namespace drover::cli
