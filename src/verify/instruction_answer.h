#pragma once

#include <memory>

#include "verify/checker.h"

namespace drover::verify {

/// IFEval's strict score of a prompt: the reply follows every instruction. `expected` is what parse_instructions reads. The verdict's answer
/// says how many are followed, strictly and loosely: "2 of 3, loosely 3".
std::shared_ptr<const Checker> make_instruction_checker();

}  // namespace drover::verify
