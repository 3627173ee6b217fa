#pragma once

#include <string>

#include "verify/call_answer.h"

namespace drover::verify {

// The rules for one call. Expected answers are those that refuse_odd_answers let pass.

/// Throws UserError unless each answer is one function's acceptable values, its function is described, and the types of its parameters have
/// rules in the language.
void refuse_odd_answers(const ExpectedCalls& expected);

/// The description of the function that a possible answer names; nothing when there is none.
const chat::Json* description_of(const ExpectedCalls& expected, const chat::Json& answer);

/// Why a call is not the possible answer; empty when it is.
std::string fault_of_call(const WrittenCall& call, const chat::Json& description, const chat::Json& answer, CallLanguage language);

}  // namespace drover::verify
