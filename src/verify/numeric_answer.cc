#include "verify/numeric_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace drover::verify {
namespace {

constexpr std::size_t kLongestNumber = 400;  // longer runs of digits are no answer, and double cannot hold them

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// The text with the spellings of one thing made one: signs, LaTeX's spaces and separators, products with powers of ten.
std::string plain_spelling(std::string_view text) {
  struct Spelling {
    std::string_view written, plain;
  };
  constexpr Spelling kSpellings[] = {{"\u2212", "-"}, {"{,}", ","}, {"\\!", ""}, {"\\,", ""}, {"\\$", "$"}, {"\\times", "*"}, {"\\cdot", "*"}, {"\u00d7", "*"},
                                     {"\u20ac", "$"}, {"\u00a3", "$"}};
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    bool is_replaced = false;
    if (text[at] == '\\' || text[at] == '{' || static_cast<unsigned char>(text[at]) >= 128) {
      for (const auto& [written, plain] : kSpellings) {
        if (!text.substr(at).starts_with(written)) continue;
        out += plain;
        at += written.size();
        is_replaced = true;
        break;
      }
    }
    if (!is_replaced) out.push_back(text[at++]);
  }
  return out;
}

/// Reads the longest number at the front of `text`; empty when there is none. `length` is what it takes.
std::optional<double> number_at_front(std::string_view text, std::size_t& length) {
  std::string plain;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
    if (text[at] == '-') plain.push_back('-');
    ++at;
  }
  if (at < text.size() && text[at] == '$') ++at;  // "-$5"
  const auto digits_begin = at;
  while (at < text.size() && at - digits_begin <= kLongestNumber) {
    if (is_digit(text[at])) {
      plain.push_back(text[at++]);
    } else if (text[at] == ',' && at > digits_begin && at + 3 < text.size() && is_digit(text[at + 1]) &&
               is_digit(text[at + 2]) && is_digit(text[at + 3]) && (at + 4 >= text.size() || !is_digit(text[at + 4]))) {
      ++at;  // a thousands separator has exactly three digits behind it
    } else {
      break;
    }
  }
  bool has_digits = at > digits_begin;
  if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) {
    plain.push_back('.');
    for (++at; at < text.size() && is_digit(text[at]) && plain.size() <= kLongestNumber; ++at)
      plain.push_back(text[at]);
    has_digits = true;
  }
  if (!has_digits) return std::nullopt;
  if (at + 1 < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    auto exponent = at + 1;
    if (text[exponent] == '-' || text[exponent] == '+') ++exponent;
    if (exponent < text.size() && is_digit(text[exponent])) {
      plain.push_back('e');
      if (text[at + 1] == '-') plain.push_back('-');
      for (at = exponent; at < text.size() && is_digit(text[at]) && plain.size() <= kLongestNumber; ++at)
        plain.push_back(text[at]);
    }
  }
  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error != std::errc() || end != plain.data() + plain.size() || !std::isfinite(value)) return std::nullopt;
  length = at;
  return value;
}

/// " * 10^5", " x 10^{-3}" at the front: the exponent, and what it takes.
std::optional<int> power_of_ten(std::string_view text, std::size_t& length) {
  std::size_t at = 0;
  const auto skip_blank = [&] { while (at < text.size() && text[at] == ' ') ++at; };
  skip_blank();
  if (at >= text.size() || (text[at] != '*' && text[at] != 'x')) return std::nullopt;
  ++at;
  skip_blank();
  if (!text.substr(at).starts_with("10^")) return std::nullopt;
  at += 3;
  const bool in_braces = at < text.size() && text[at] == '{';
  at += in_braces ? 1 : 0;
  const bool is_negative = at < text.size() && text[at] == '-';
  at += is_negative ? 1 : 0;
  int exponent = 0;
  const auto begin = at;
  for (; at < text.size() && is_digit(text[at]) && at - begin < 4; ++at) exponent = exponent * 10 + (text[at] - '0');
  if (at == begin || (in_braces && (at >= text.size() || text[at] != '}'))) return std::nullopt;
  length = at + (in_braces ? 1 : 0);
  return is_negative ? -exponent : exponent;
}

/// " 3/4", "\frac{3}{4}" or " \frac{3}{4}" behind a whole number, as in "2 3/4": a proper fraction, and what it takes.
std::optional<double> rest_of_mixed_number(std::string_view text, std::size_t& length) {
  for (const std::string_view opening : {"\\frac{", "\\dfrac{", "\\tfrac{", " \\frac{", " \\dfrac{", " \\tfrac{", " "}) {
    if (!text.starts_with(opening)) continue;
    std::size_t at = opening.size();
    const auto whole = [&]() -> std::optional<double> {
      double value = 0;
      const auto begin = at;
      for (; at < text.size() && is_digit(text[at]) && at - begin < 9; ++at) value = value * 10 + (text[at] - '0');
      return at == begin ? std::nullopt : std::optional(value);
    };
    const auto above = whole();
    const std::string_view middle = opening == " " ? "/" : "}{";
    if (!above || !text.substr(at).starts_with(middle)) return std::nullopt;
    at += middle.size();
    const auto below = whole();
    if (!below || *below <= *above || (at < text.size() && is_digit(text[at]))) return std::nullopt;
    if (opening != " " && (at >= text.size() || text[at++] != '}')) return std::nullopt;
    length = at;
    return *above / *below;
  }
  return std::nullopt;
}

/// "3/4", "3", "2 3/4" or "3 * 10^5" at the front.
std::optional<double> fraction_at_front(std::string_view text, std::size_t& length) {
  const auto value = number_at_front(text, length);
  if (!value) return std::nullopt;
  std::size_t rest_length = 0;
  if (const auto exponent = power_of_ten(text.substr(length), rest_length)) {
    const double scaled = *value * std::pow(10.0, *exponent);
    if (std::isfinite(scaled)) {
      length += rest_length;
      return scaled;
    }
  }
  if (text.substr(0, length).find_first_of(".eE") == std::string_view::npos) {
    if (const auto part = rest_of_mixed_number(text.substr(length), rest_length)) {
      length += rest_length;
      return text.starts_with('-') ? *value - *part : *value + *part;
    }
  }
  std::size_t below_length = 0;
  if (length + 1 < text.size() && text[length] == '/' && is_digit(text[length + 1])) {
    const auto below = number_at_front(text.substr(length + 1), below_length);
    if (below && *below != 0) {
      length += 1 + below_length;
      return *value / *below;
    }
  }
  return value;
}

/// One side of a LaTeX fraction at `at`: a number in braces, or a single digit. `at` is then behind it.
std::optional<double> fraction_side(std::string_view text, std::size_t& at) {
  constexpr std::size_t kLongestSide = 100;  // so that braces that never close cost little
  if (at < text.size() && is_digit(text[at])) return text[at++] - '0';
  if (at >= text.size() || text[at] != '{') return std::nullopt;
  const auto begin = at + 1;
  int depth = 0;
  for (auto end = at; end < text.size() && end - begin + 1 <= kLongestSide; ++end) {
    if (text[end] == '{') ++depth;
    if (text[end] != '}' || --depth > 0) continue;
    const auto inside = parse_number(text.substr(begin, end - begin));
    at = end + 1;
    return inside ? std::optional(inside->value) : std::nullopt;
  }
  return std::nullopt;
}

/// "\frac{3}{4}", "\dfrac34" or "\tfrac{3}{4}" at the front, with a sign before it; `length` is what it takes.
std::optional<double> latex_fraction_at_front(std::string_view text, std::size_t& length) {
  const double sign = text.starts_with('-') ? -1 : 1;
  std::size_t at = sign < 0 ? 1 : 0;
  constexpr std::string_view kNames[] = {"\\frac", "\\dfrac", "\\tfrac"};
  const auto name = std::find_if(std::begin(kNames), std::end(kNames), [&](auto one) { return text.substr(at).starts_with(one); });
  if (name == std::end(kNames)) return std::nullopt;
  at += name->size();
  const auto above = fraction_side(text, at);
  const auto below = above ? fraction_side(text, at) : std::nullopt;
  if (!below || *below == 0) return std::nullopt;
  length = at;
  return sign * *above / *below;
}

// A minus behind one of these is an operator.
bool ends_operand(char c) { return is_digit(c) || c == ')' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The number that begins at `at`, and what it takes.
std::optional<double> number_at(std::string_view text, std::size_t at, std::size_t& length) {
  const char first = text[at];
  // A sign counts as one only where no digit or letter stands before it: in "10-7" the last number is 7.
  const bool can_begin = is_digit(first) || first == '\\' || ((first == '-' || first == '.') && (at == 0 || !ends_operand(text[at - 1])));
  if (!can_begin) return std::nullopt;
  if (const auto fraction = latex_fraction_at_front(text.substr(at), length)) return fraction;
  return fraction_at_front(text.substr(at), length);
}

std::optional<WrittenNumber> last_number(std::string_view text) {
  std::optional<WrittenNumber> last;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 0;
    const auto value = number_at(text, at, length);
    if (!value) {
      // The rest of an overlong run of digits is no number of its own.
      if (is_digit(text[at++]))
        while (at < text.size() && is_digit(text[at])) ++at;
      continue;
    }
    last = {*value, std::string(text.substr(at, length))};
    at += length;
  }
  return last;
}

/// What stands between the braces of the last \boxed{...}.
std::optional<std::string_view> last_boxed(std::string_view text) {
  const auto begin = text.rfind("\\boxed{");
  if (begin == std::string_view::npos) return std::nullopt;
  int depth = 1;
  const auto inside = text.substr(begin + 7);
  for (std::size_t at = 0; at < inside.size(); ++at) {
    if (inside[at] == '{') ++depth;
    if (inside[at] == '}' && --depth == 0) return inside.substr(0, at);
  }
  return std::nullopt;
}

std::optional<std::string_view> after_answer_word(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  std::size_t best = 0;
  for (const std::string_view phrase : {"answer is", "answer:"}) {
    if (const auto at = lower.rfind(phrase); at != std::string::npos) best = std::max(best, at + phrase.size());
  }
  if (best == 0) return std::nullopt;
  const auto rest = text.substr(best);
  return rest.substr(0, std::min({rest.find('\n'), rest.find(". "), rest.size()}));  // the rest of the sentence
}

// The number in what follows "answer is": the first, or of a calculation the first behind its last equals sign:
// "3 + 4 = 7 apples for 2 children" says 7.
std::optional<WrittenNumber> number_of_statement(std::string_view text) {
  if (const auto equals = text.rfind('='); equals != std::string_view::npos) {
    if (auto result = number_of_statement(text.substr(equals + 1))) return result;
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t length = 0;
    const auto value = number_at(text, at, length);
    if (!value) continue;
    auto behind = at + length;
    while (behind < text.size() && is_space(text[behind])) ++behind;
    if (behind < text.size() && std::string_view("+-*/").find(text[behind]) != std::string_view::npos) break;
    return WrittenNumber{*value, std::string(text.substr(at, length))};
  }
  return last_number(text);
}

class NumericChecker final : public Checker {
 public:
  explicit NumericChecker(double tolerance) : tolerance_(tolerance) {}

  std::string_view name() const override { return "numeric"; }

  Verdict check(std::string_view reply, std::string_view expected) const override {
    const auto wanted = answer_number(expected);
    if (!wanted) throw base::UserError("The expected answer '{}' holds no number.", expected);
    const auto given = answer_number(reply);
    if (!given) return {Outcome::kNoAnswer, {}, "the reply holds no number"};
    const bool is_right = std::abs(given->value - wanted->value) <= tolerance_ * std::max(1.0, std::abs(wanted->value));
    return {is_right ? Outcome::kRight : Outcome::kWrong, given->spelling,
            fmt::format("{} {} {}", given->spelling, is_right ? "equals" : "is not", wanted->spelling)};
  }

 private:
  double tolerance_;
};

}  // namespace

std::optional<WrittenNumber> parse_number(std::string_view given) {
  const auto plain = plain_spelling(given);
  std::string_view text = trimmed(plain);
  const std::string spelling(text);
  std::size_t length = 0;
  if (const auto fraction = latex_fraction_at_front(text, length); fraction && length == text.size()) return WrittenNumber{*fraction, spelling};
  if (text.starts_with('$')) text.remove_prefix(1);
  if (text.ends_with('$')) text.remove_suffix(1);
  if (text.ends_with("\\%"))
    text.remove_suffix(2);
  else if (text.ends_with('%'))
    text.remove_suffix(1);
  text = trimmed(text);
  const auto value = fraction_at_front(text, length);
  if (!value || length != text.size()) return std::nullopt;
  return WrittenNumber{*value, spelling};
}

std::optional<WrittenNumber> answer_number(std::string_view given) {
  const auto plain = plain_spelling(given);
  const std::string_view reply = plain;
  if (const auto mark = reply.rfind("####"); mark != std::string_view::npos) {
    const auto rest = reply.substr(mark + 4);
    const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size()));
    if (const auto whole = parse_number(line)) return whole;
    if (const auto number = last_number(line)) return number;
  }
  if (const auto boxed = last_boxed(reply)) {
    if (const auto whole = parse_number(*boxed)) return whole;
    if (const auto number = last_number(*boxed)) return number;
  }
  if (const auto answer = after_answer_word(reply)) {
    if (const auto number = number_of_statement(*answer)) return number;
  }
  return last_number(reply);
}

std::shared_ptr<const Checker> make_numeric_checker(double tolerance) {
  return std::make_shared<NumericChecker>(tolerance);
}

}  // namespace drover::verify
