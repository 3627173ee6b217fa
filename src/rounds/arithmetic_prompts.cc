#include "rounds/arithmetic_prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>

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

/// Every expression that a question can be and that stands somewhere in some texts, also within a longer one: "25 - 759" holds
/// "5 - 7". One pass over the texts, however many questions are looked up.
class WrittenExpressions {
 public:
  explicit WrittenExpressions(const std::vector<std::string>& texts) {
    for (const std::string_view text : texts) {
      for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_operator(text, at)) add_around(text, at);
      }
    }
  }

  bool contain(const std::string& expression) const { return expressions_.contains(expression); }

 private:
  static constexpr std::size_t kMostDigits = 3;

  static bool is_digit(std::string_view text, std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }

  // Whether "1 + 2" has its operator at `at`.
  static bool is_operator(std::string_view text, std::size_t at) {
    return (text[at] == '+' || text[at] == '-' || text[at] == '*') && at >= 2 && text[at - 1] == ' ' && is_digit(text, at - 2) &&
           at + 1 < text.size() && text[at + 1] == ' ' && is_digit(text, at + 2);
  }

  // The expressions whose first operator stands at `at`.
  void add_around(std::string_view text, std::size_t at) {
    const auto second = at + 2;
    auto end_of_second = second;
    while (is_digit(text, end_of_second)) ++end_of_second;
    const auto next = end_of_second + 1;
    const bool goes_on = end_of_second - second <= kMostDigits && next < text.size() && is_operator(text, next);
    for (std::size_t begin = at - 2, digits = 1; digits <= kMostDigits && is_digit(text, begin); --begin, ++digits) {
      add_ends(text, begin, second);
      if (goes_on) add_ends(text, begin, next + 2);
      if (begin == 0) break;
    }
  }

  // From `begin` to each end that the number at `last` may have.
  void add_ends(std::string_view text, std::size_t begin, std::size_t last) {
    for (auto end = last; end < last + kMostDigits && is_digit(text, end); ++end) expressions_.emplace(text.substr(begin, end + 1 - begin));
  }

  std::unordered_set<std::string> expressions_;
};

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
  const WrittenExpressions of_suites(held_out);
  for (const auto& made : arithmetic_questions(2 * count + 100, seed)) {
    if (static_cast<std::int64_t>(prompts.size()) == count) break;
    if (of_suites.contain(made.expression)) continue;
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
