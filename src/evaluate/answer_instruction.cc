#include "evaluate/answer_instruction.h"

namespace drover::evaluate {

std::string_view question_alone(std::string_view prompt) {
  for (const auto instruction : {kStepByStep, kLetterAlone, kFewWords}) {
    if (prompt.ends_with(instruction)) return prompt.substr(0, prompt.size() - instruction.size());
  }
  return prompt;
}

}  // namespace drover::evaluate
