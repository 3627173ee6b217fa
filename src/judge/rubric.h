#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "judge/judge.h"

namespace drover::judge {

/// A property that a reply has or lacks; each one counts a point.
struct Criterion {
  std::string name;
  std::string property;  ///< one sentence that the reply makes true or false
};

struct Rubric {
  std::string name;
  std::vector<Criterion> criteria;
};

/// Three points: accuracy, instruction following, tone and presentation (Llama 3 report, 4.2.3).
const Rubric& general_rubric();
/// Two points for code: bug identification, user intention (the same).
const Rubric& code_rubric();
/// "general" or "code"; throws UserError with the names that exist.
const Rubric& rubric_named(std::string_view name);

/// The points of one reply.
struct PointwiseScore {
  std::vector<std::optional<double>> by_criterion;  ///< 0 or 1, or the probability of 1; empty: no valid answer
  std::optional<double> points;                     ///< their sum; empty when one of them is
  bool is_maximum = false;  ///< every criterion was met; a reply that could not be judged is never high quality
};

/// Judges the last assistant message of each dialog, one criterion at a time.
std::vector<PointwiseScore> score_replies(Judge& judge, const Rubric& rubric, std::span<const chat::Dialog> dialogs);

/// 1 (easy) to 3 (hard), or the expectation over the three probabilities; empty: no valid answer.
std::vector<std::optional<double>> rate_difficulty(Judge& judge, std::span<const chat::Dialog> dialogs);

/// A yes-or-no question about the last assistant message of each dialog; empty: no valid answer.
std::vector<std::optional<bool>> decide(Judge& judge, std::string_view question, std::span<const chat::Dialog> dialogs);

}  // namespace drover::judge
