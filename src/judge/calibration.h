#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/proportion.h"
#include "chat/dialog.h"
#include "judge/judge.h"
#include "judge/labelled_pairs.h"

namespace drover::judge {

/// How well a judge agrees with people, on pairs where people prefer one reply.
struct Calibration {
  std::string judge;               ///< its name
  std::int64_t pairs = 0;          ///< where people prefer one reply
  std::int64_t people_tie = 0;     ///< pairs that were left out because people call them a tie
  std::int64_t right = 0;          ///< the judge prefers what people prefer
  std::int64_t wrong = 0;          ///< the judge prefers the other one
  std::int64_t ties = 0;           ///< valid, but no preference; most of them contradictions between the two orders
  std::int64_t contradictions = 0; ///< of these
  std::int64_t invalid = 0;        ///< no valid answer in one order at least
  std::int64_t shown_first = 0;    ///< orders won by the reply that was shown first
  std::int64_t decided = 0;        ///< orders that prefer one

  /// Right among all pairs; ties and invalid ones count as wrong.
  double accuracy() const;
  base::Interval accuracy_interval() const;  ///< Wilson, 95%
  /// Right among the pairs on which the judge has a preference; 0.5 is chance.
  double accuracy_when_decided() const;
  base::Interval accuracy_when_decided_interval() const;
  /// Share of orders won by the reply that was shown first. Each pair is shown in both orders, so a judge that looks at
  /// the content only comes to 0.5; 1: always the first.
  double position_bias() const;
  double invalid_share() const;
  /// How often a coin would be right at least so often on the pairs that the judge decides (one-sided, exact).
  double p_value() const;
  /// Whether the judge is better than a coin, at 95%. A judge that is not has no say about quality.
  bool is_above_chance() const { return p_value() < 0.05; }

  /// Several lines for people.
  std::string describe() const;
  chat::Json to_json() const;
  /// Reads back to_json(). Throws UserError for anything else.
  static Calibration from_json(const chat::Json& json);
};

/// Lets the judge compare the pairs. A judge that never answers validly is a result here, so give it
/// JudgeOptions::give_up_after = 0.
Calibration calibrate(Judge& judge, std::span<const LabelledPair> pairs, const PairwiseOptions& options = {});

}  // namespace drover::judge
