#include "rounds/arithmetic_prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/random_stream.h"

namespace drover::rounds {
namespace {

constexpr std::array<std::string_view, 4> kWordings = {"What is {}?", "Calculate {}.", "{} = ?", "How much is {}?"};

std::int64_t number_of_digits(base::RandomStream& random, int digits) {
  const std::int64_t low = digits == 1 ? 2 : digits == 2 ? 10 : 100;
  const std::int64_t high = digits == 1 ? 9 : digits == 2 ? 99 : 999;
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

ArithmeticQuestion question(base::RandomStream& random) {
  const int num_operations = random.below(4) == 0 ? 2 : 1;
  const int digits = 1 + static_cast<int>(random.below(num_operations == 2 ? 2 : 3));
  ArithmeticQuestion made{.expression = {}, .value = number_of_digits(random, digits), .difficulty = 0};
  made.expression = std::to_string(made.value);
  bool has_product = false;
  for (int i = 0; i < num_operations; ++i) {
    // A product only alone and with one small factor: chains of them are beyond mental arithmetic.
    const auto operation = random.below(num_operations == 1 ? 3 : 2);
    const auto operand = number_of_digits(random, operation == 2 ? std::min(digits, 1) : digits);
    made.expression += fmt::format(" {} {}", "+-*"[operation], operand);
    made.value = operation == 0 ? made.value + operand : operation == 1 ? made.value - operand : made.value * operand;
    has_product = has_product || operation == 2;
  }
  made.difficulty = static_cast<double>(digits - 1 + (num_operations - 1) + (has_product ? 1 : 0)) / 4.0;
  return made;
}

}  // namespace

std::vector<ArithmeticQuestion> arithmetic_questions(std::int64_t count, std::uint64_t seed) {
  std::vector<ArithmeticQuestion> questions;
  std::set<std::string> seen;
  for (std::uint64_t index = 0; static_cast<std::int64_t>(questions.size()) < count; ++index) {
    base::RandomStream random(seed, "arithmetic question", index);
    auto made = question(random);
    // The space is finite; after many repetitions in a row there is nothing new.
    if (index > 1000 * static_cast<std::uint64_t>(count)) break;
    if (seen.insert(made.expression).second) questions.push_back(std::move(made));
  }
  return questions;
}

std::vector<ledger::Prompt> arithmetic_prompts(std::int64_t count, std::uint64_t seed,
                                               const std::vector<std::string>& held_out) {
  std::vector<ledger::Prompt> prompts;
  const auto stands_in_a_suite = [&](const std::string& expression) {
    return std::any_of(held_out.begin(), held_out.end(),
                       [&](const std::string& text) { return text.find(expression) != std::string::npos; });
  };
  for (const auto& made : arithmetic_questions(2 * count + 100, seed)) {
    if (static_cast<std::int64_t>(prompts.size()) == count) break;
    if (stands_in_a_suite(made.expression)) continue;
    ledger::Prompt prompt;
    const auto wording = kWordings[base::RandomStream(seed, "wording", prompts.size()).below(kWordings.size())];
    prompt.dialog.messages = {
        {.sender = chat::Sender::kUser, .content = fmt::format(fmt::runtime(wording), made.expression)}};
    prompt.tags = {"arithmetic"};
    prompt.difficulty = made.difficulty;
    prompt.checker = "numeric";
    prompt.expected = std::to_string(made.value);
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

}  // namespace drover::rounds
