#pragma once

#include <string_view>

namespace drover::evaluate {

// What suites put behind a question, so that its answer can be read.

inline constexpr std::string_view kStepByStep = "\n\nWork it out step by step. End with \"The answer is\" and the number.";
inline constexpr std::string_view kLetterAlone = "\n\nAnswer with the letter alone.";
inline constexpr std::string_view kFewWords = "\n\nAnswer with the name, date or number alone, in as few words as possible.";

/// A suite's prompt without such an instruction, as its set asks it: data of others holds it in that form.
std::string_view question_alone(std::string_view prompt);

}  // namespace drover::evaluate
