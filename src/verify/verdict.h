#pragma once

#include <string>

namespace drover::verify {

/// What a checker says about a reply.
enum class Outcome {
  kRight,
  kWrong,
  kNoAnswer  ///< nothing in the reply could be read as an answer; counts as wrong, but says something else about the
             ///< model
};

struct Verdict {
  Outcome outcome = Outcome::kNoAnswer;
  std::string answer;  ///< what was read as the answer; empty with kNoAnswer
  std::string reason;  ///< one short sentence for people: "'8' is not '7'"

  bool is_right() const { return outcome == Outcome::kRight; }
};

}  // namespace drover::verify
