#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "verify/checker.h"

namespace drover::verify {

/// The letter (A to J, as a capital) that a reply to a multiple-choice question chooses: after the last "answer is" or
/// "answer:", else inside the last \boxed{...}, else the first letter that stands alone or in brackets ("B", "(B)",
/// "B.", "**B**"). "I" and "A" alone inside a sentence are words, not choices, but an "A" directly behind "answer is",
/// "answer:" or "\boxed{" is a choice: "The answer is A because it floats".
std::optional<char> chosen_letter(std::string_view reply);

/// `expected` is one letter, with or without brackets.
std::shared_ptr<const Checker> make_choice_checker();

}  // namespace drover::verify
