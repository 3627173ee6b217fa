#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/facts.h"

namespace drover::rounds {

/// A sum, difference, product or short chain of them, as a question whose answer a program knows.
struct ArithmeticQuestion {
  std::string expression;  ///< "25 - 759", with * for products
  std::int64_t value = 0;
  double difficulty = 0;   ///< 0 easy .. 1 hard: digits and number of operations
};

/// Different questions, each by its own random stream: the first n of them do not depend on how many are asked for.
std::vector<ArithmeticQuestion> arithmetic_questions(std::int64_t count, std::uint64_t seed);

/// Prompts that ask them in changing words, checked as numbers. Questions whose expression stands in one of `held_out`
/// (the texts of suites) are passed over. Tags: "arithmetic".
std::vector<ledger::Prompt> arithmetic_prompts(std::int64_t count, std::uint64_t seed, const std::vector<std::string>& held_out);

}  // namespace drover::rounds
