#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "verify/checker.h"

namespace drover::verify {

/// A text as exact answers are compared: letters in lower case, ASCII punctuation and the articles "a", "an", "the" left
/// out, white space as single blanks: the normalisation of SQuAD's scorer.
std::string normalised_answer(std::string_view text);

/// How far a reply's words overlap with an answer's, 0 to 1: SQuAD's F1 over normalised words, the best of the alternatives in `expected` (one a
/// line).
double answer_f1(std::string_view reply, std::string_view expected);

/// The whole reply must be the expected answer after normalisation; `expected` may list alternatives, one a line.
std::shared_ptr<const Checker> make_exact_checker();

}  // namespace drover::verify
