#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "judge/calibration.h"
#include "judge/judge.h"
#include "judge/labelled_pairs.h"

namespace drover::judge {

/// Judged pairs under a name.
struct LabelledSet {
  std::string name;
  std::vector<LabelledPair> pairs;
};

/// What a judge's calibration on one set or several says about it. A judge that is not above chance has no say about
/// quality unless its user forces that.
struct Standing {
  std::vector<std::pair<std::string, Calibration>> sets;  ///< each with its name

  /// The one-sided exact test of Calibration::p_value, on the pairs of all sets together.
  double p_value() const;
  bool is_above_chance() const { return p_value() < 0.05; }

  /// "above chance on pandalm, llmbar: it decides 50 of 80 pairs and is right on 40 of these, p = 0.0000"
  std::string describe() const;
  /// A list of the sets' calibrations, each with "set".
  chat::Json to_json() const;

 private:
  Calibration sum() const;
};

/// Calibrates the judge on each set; see `calibrate`, also about give_up_after.
Standing measure_standing(Judge& judge, std::span<const LabelledSet> sets, const PairwiseOptions& options = {});

}  // namespace drover::judge
