#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/round_counts.h"

namespace drover::report {

/// A step on the way from prompt to training row.
struct FlowStep {
  std::int64_t count = 0;
  std::string what;                  ///< "replies sampled"
  std::vector<std::string> notes{};  ///< what was added or left behind before the next step
};

/// Steps one below the other, each with a bar as wide as its count, so that one sees where data is lost.
std::string flow_picture(const std::string& title, const std::vector<FlowStep>& steps);

/// The two ways of a round: comparisons to reward model and DPO, replies to SFT.
std::vector<FlowStep> preference_flow(const RoundCounts& counts);
std::vector<FlowStep> reply_flow(const RoundCounts& counts);

}  // namespace drover::report
