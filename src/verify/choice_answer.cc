#include "verify/choice_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace drover::verify {
namespace {

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_word(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '\'' || static_cast<unsigned char>(c) >= 128;
}
constexpr bool is_choice(char c) { return c >= 'A' && c <= 'J'; }
constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// A letter by itself at `at`: no word character beside it.
bool stands_alone(std::string_view text, std::size_t at) {
  return (at == 0 || !is_word(text[at - 1])) && (at + 1 >= text.size() || !is_word(text[at + 1]));
}

// "A dog", "I think": the letter begins a sentence as a word.
bool is_word_of_a_sentence(std::string_view text, std::size_t at) {
  if (text[at] != 'A' && text[at] != 'I') return false;
  return at + 2 < text.size() && text[at + 1] == ' ' && is_letter(text[at + 2]);
}

std::optional<char> first_lone_letter(std::string_view text, bool any_case) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = any_case ? upper(text[at]) : text[at];
    if (is_choice(letter) && stands_alone(text, at) && !is_word_of_a_sentence(text, at)) return letter;
  }
  return std::nullopt;
}

// A letter at the very front, behind marks or a word such as "option": what is said to be the answer. An "A" there is the
// choice and no article; "I" before a word stays one ("Answer: I think it is B").
std::optional<char> letter_at_front(std::string_view text) {
  constexpr std::string_view kMarks = " \t\r\n:*_\"'`([$";
  constexpr std::string_view kWords[] = {"\\boxed{", "\\text{", "\\textbf{", "\\mathbf{", "\\mathrm{",
                                         "option ",  "Option ", "choice ",   "Choice ",   "letter ",  "Letter "};
  while (!text.empty()) {
    const auto word = std::find_if(std::begin(kWords), std::end(kWords), [&](auto one) { return text.starts_with(one); });
    if (word != std::end(kWords)) {
      text.remove_prefix(word->size());
    } else if (kMarks.find(text.front()) != std::string_view::npos) {
      text.remove_prefix(1);
    } else {
      break;
    }
  }
  if (text.empty() || !is_choice(text[0]) || !stands_alone(text, 0)) return std::nullopt;
  if (text[0] == 'I' && is_word_of_a_sentence(text, 0)) return std::nullopt;
  return text[0];
}

std::string_view trimmed(std::string_view text) {
  const auto is_edge = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_edge(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_edge(text.back())) text.remove_suffix(1);
  return text;
}

class ChoiceChecker final : public Checker {
 public:
  std::string_view name() const override { return "choice"; }

  Verdict check(std::string_view reply, std::string_view expected) const override {
    const auto wanted = first_lone_letter(expected, true);
    if (!wanted) throw base::UserError("The expected choice '{}' is no letter from A to J.", expected);
    const auto given = chosen_letter(reply);
    if (!given) return {Outcome::kNoAnswer, {}, "the reply names no choice"};
    const bool is_right = *given == *wanted;
    return {is_right ? Outcome::kRight : Outcome::kWrong, std::string(1, *given),
            is_right ? fmt::format("{} is expected", *given) : fmt::format("{} is not {}", *given, *wanted)};
  }
};

}  // namespace

std::optional<char> chosen_letter(std::string_view reply) {
  reply = trimmed(reply);
  if (reply.size() == 1 && is_choice(upper(reply[0]))) return upper(reply[0]);
  std::string lower(reply);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  std::size_t after = 0;
  for (const std::string_view phrase : {"answer is", "answer:"}) {
    if (const auto at = lower.rfind(phrase); at != std::string::npos) after = std::max(after, at + phrase.size());
  }
  if (after > 0) {
    const auto rest = trimmed(reply.substr(after));
    if (rest.size() == 1 && is_choice(upper(rest[0]))) return upper(rest[0]);
    if (const auto letter = letter_at_front(rest)) return letter;
    if (const auto letter = first_lone_letter(rest, false)) return letter;
    if (rest.size() > 2 && rest[0] == '(' && rest[2] == ')' && is_choice(upper(rest[1]))) return upper(rest[1]);
  }
  if (const auto boxed = lower.rfind("\\boxed{"); boxed != std::string::npos) {
    const auto inside = reply.substr(boxed + 7);
    if (const auto letter = letter_at_front(inside)) return letter;
    if (const auto letter = first_lone_letter(inside, false)) return letter;
  }
  return first_lone_letter(reply, false);
}

std::shared_ptr<const Checker> make_choice_checker() { return std::make_shared<ChoiceChecker>(); }

}  // namespace drover::verify
