#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::verify {

struct ConstraintOptions {
  std::uint64_t seed = 0;
  int fewest = 1;  ///< constraints on a prompt
  int most = 3;
  std::vector<std::string> types;  ///< instruction ids to draw from; empty: all that constraint_types() names
};

/// An instruction with verifiable constraints, as a training prompt.
struct ConstrainedPrompt {
  std::string text;              ///< the instruction, then the constraints in words of drover's own, none of them a suite's text
  std::string expected;          ///< what the checker "ifeval" takes
  std::vector<std::string> ids;  ///< the instruction types, in the order of the text
};

/// The types that constraints are drawn from: IFEval's 25 without constrained_response, which fits few instructions.
std::vector<std::string_view> constraint_types();

/// Attaches constraints that can be followed together. The result depends on (seed, index, instruction) alone. Throws UserError when the
/// options name an unknown type or ask for no or more than 6 constraints; takes fewer constraints where no further type is compatible.
ConstrainedPrompt constrain(std::string_view instruction, std::int64_t index, const ConstraintOptions& options = {});

}  // namespace drover::verify
