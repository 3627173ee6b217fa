#include "verify/exact_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "verify/python_string.h"

namespace drover::verify {
namespace {

constexpr bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class ExactChecker final : public Checker {
 public:
  std::string_view name() const override { return "exact"; }

  Verdict check(std::string_view reply, std::string_view expected) const override {
    const auto answer = normalised_answer(reply);
    if (answer.empty()) return {Outcome::kNoAnswer, {}, "the reply is empty"};
    bool has_alternative = false;
    for (std::size_t begin = 0; begin <= expected.size();) {
      const auto end = std::min(expected.find('\n', begin), expected.size());
      const auto alternative = normalised_answer(expected.substr(begin, end - begin));
      has_alternative |= !alternative.empty();
      if (!alternative.empty() && answer == alternative)
        return {Outcome::kRight, answer, fmt::format("'{}' is expected", answer)};
      begin = end + 1;
    }
    if (!has_alternative)
      throw base::UserError("The expected answer '{}' holds no letter or digit, so no reply can equal it.", expected);
    return {Outcome::kWrong, answer, fmt::format("'{}' is not '{}'", answer, normalised_answer(expected))};
  }
};

}  // namespace

std::string normalised_answer(std::string_view text) {
  std::string letters;
  letters.reserve(text.size());
  for (const char c : text) {
    if (is_ascii_punctuation(c)) continue;
    letters.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : is_space(c) ? ' ' : c);
  }
  std::string out;
  for (std::size_t begin = 0; begin < letters.size();) {
    const auto end = std::min(letters.find(' ', begin), letters.size());
    const auto word = std::string_view(letters).substr(begin, end - begin);
    if (!word.empty() && word != "a" && word != "an" && word != "the") {
      if (!out.empty()) out.push_back(' ');
      out.append(word);
    }
    begin = end + 1;
  }
  // Capitals outside of ASCII.
  return std::any_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) >= 128; }) ? encode(lower(decode(out))) : out;
}

double answer_f1(std::string_view reply, std::string_view expected) {
  const auto counts_of = [](const std::string& words, std::size_t& total) {
    std::map<std::string_view, std::size_t> counts;
    for (std::size_t begin = 0; begin < words.size();) {
      const auto end = std::min(words.find(' ', begin), words.size());
      ++counts[std::string_view(words).substr(begin, end - begin)];
      ++total;
      begin = end + 1;
    }
    return counts;
  };
  const auto given = normalised_answer(reply);
  std::size_t num_given = 0;
  const auto given_counts = counts_of(given, num_given);
  double best = 0;
  for (std::size_t begin = 0; begin <= expected.size();) {
    const auto end = std::min(expected.find('\n', begin), expected.size());
    const auto wanted = normalised_answer(expected.substr(begin, end - begin));
    begin = end + 1;
    std::size_t num_wanted = 0;
    std::size_t num_shared = 0;
    for (const auto& [word, count] : counts_of(wanted, num_wanted)) {
      if (const auto found = given_counts.find(word); found != given_counts.end()) num_shared += std::min(count, found->second);
    }
    if (num_shared == 0) continue;
    // 2 precision recall / (precision + recall), with the shared count cancelled.
    best = std::max(best, 2.0 * static_cast<double>(num_shared) / static_cast<double>(num_given + num_wanted));
  }
  return best;
}

std::shared_ptr<const Checker> make_exact_checker() { return std::make_shared<ExactChecker>(); }

}  // namespace drover::verify
