#pragma once

#include <functional>
#include <string>

#include "verify/instructions.h"

namespace drover::verify {

/// Says of a reply that is not blank whether it follows an instruction.
using InstructionRule = std::function<bool(const std::u32string& reply)>;

/// Throws UserError for an unknown type, and for an argument that is missing or odd.
InstructionRule rule_of(const Instruction& instruction);

}  // namespace drover::verify
