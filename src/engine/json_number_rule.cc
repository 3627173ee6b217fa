#include "engine/json_number_rule.h"

#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <tuple>

#include "base/error.h"
#include "engine/nfa.h"

namespace drover::engine {
namespace {

constexpr std::int32_t kMostWholeDigits = 18;  // every integer fits 64 bits
constexpr std::int32_t kMostFractionDigits = 24;
constexpr std::int32_t kMostBoundedFractionDigits = 17;

Nfa::Part digits(Nfa& nfa, std::int64_t least, std::int64_t most) {
  return nfa.repeated(least, most, [&] { return nfa.range('0', '9'); });
}

Nfa::Part whole_part(Nfa& nfa, bool is_integer) {
  const Nfa::Part counting = nfa.sequence({nfa.range('1', '9'), digits(nfa, 0, kMostWholeDigits - 1)});
  const auto minus = [&] { return nfa.optional(nfa.bytes("-")); };
  if (!is_integer) return nfa.sequence({minus(), nfa.any_of({nfa.bytes("0"), counting})});
  return nfa.any_of({nfa.bytes("0"), nfa.sequence({minus(), counting})});
}

Nfa::Part exponent(Nfa& nfa) {
  // The largest number is then below 1e308.
  const Nfa::Part up = nfa.any_of({digits(nfa, 1, 2), nfa.sequence({nfa.bytes("1"), digits(nfa, 2, 2)}),
                                   nfa.sequence({nfa.bytes("2"), nfa.range('0', '8'), digits(nfa, 1, 1)})});
  const Nfa::Part down = nfa.any_of({digits(nfa, 1, 2), nfa.sequence({nfa.range('1', '2'), digits(nfa, 2, 2)})});
  const Nfa::Part power = nfa.any_of({nfa.sequence({nfa.optional(nfa.bytes("+")), up}), nfa.sequence({nfa.bytes("-"), down})});
  return nfa.sequence({nfa.any_of({nfa.bytes("e"), nfa.bytes("E")}), power});
}

/// Decimals without a sign between two magnitudes.
class Magnitudes {
 public:
  Magnitudes(Nfa& nfa, const std::optional<NumberBound>& low, const std::optional<NumberBound>& high, bool is_integer)
      : nfa_(nfa), low_(low), high_(high), is_integer_(is_integer) {}

  Nfa::Part part() {
    std::vector<Nfa::Part> lengths;
    for (std::int32_t length = 1; length <= kMostWholeDigits; ++length) {
      if (low_ && static_cast<std::int32_t>(low_->whole.size()) > length) continue;
      length_ = length;
      numbers_.clear();
      end_ = nfa_.add_state();
      const bool is_below_high = !high_ || static_cast<std::int32_t>(high_->whole.size()) <= length;
      lengths.push_back({state(0, low_.has_value(), high_ && is_below_high), end_});
    }
    return nfa_.any_of(lengths);
  }

 private:
  /// The bound's digit at a position, counted from the first digit of a number with `length_` digits before the point.
  char digit(const NumberBound& bound, std::int32_t position) const {
    if (position >= length_) {
      const auto at = static_cast<std::size_t>(position - length_);
      return at < bound.fraction.size() ? bound.fraction[at] : '0';
    }
    const std::int32_t padding = length_ - static_cast<std::int32_t>(bound.whole.size());
    return position < padding ? '0' : bound.whole[static_cast<std::size_t>(position - padding)];
  }

  bool is_zero_from(const NumberBound& bound, std::int32_t position) const {
    return position - length_ >= static_cast<std::int32_t>(bound.fraction.size());
  }

  bool may_end(std::int32_t position, bool at_low, bool at_high) const {
    if (at_low && (!is_zero_from(*low_, position) || low_->is_excluded)) return false;
    return !at_high || !is_zero_from(*high_, position) || !high_->is_excluded;
  }

  /// The state after `position` digits, which so far equal those of the low or of the high bound.
  std::int32_t state(std::int32_t position, bool at_low, bool at_high) {
    const auto [known, is_new] = numbers_.try_emplace(std::tuple(position, at_low, at_high), 0);
    if (!is_new) return known->second;
    const std::int32_t here = nfa_.add_state();
    known->second = here;
    if (position >= length_ && may_end(position, at_low, at_high)) nfa_.add_empty(here, end_);
    if (position >= length_ + (is_integer_ ? 0 : kMostBoundedFractionDigits)) return here;
    std::int32_t from = here;
    if (position == length_) {
      from = nfa_.add_state();
      nfa_.add_edge(here, '.', '.', from);
    }
    const char least = position == 0 && length_ > 1 ? '1' : '0';
    for (char c = least; c <= '9'; ++c) {
      if ((at_low && c < digit(*low_, position)) || (at_high && c > digit(*high_, position))) continue;
      const bool still_low = at_low && c == digit(*low_, position);
      const bool still_high = at_high && c == digit(*high_, position);
      nfa_.add_edge(from, c, c, state(position + 1, still_low, still_high));
    }
    return here;
  }

  Nfa& nfa_;
  const std::optional<NumberBound>& low_;
  const std::optional<NumberBound>& high_;
  bool is_integer_;
  std::int32_t length_ = 0;
  std::int32_t end_ = 0;
  std::map<std::tuple<std::int32_t, bool, bool>, std::int32_t> numbers_;
};

bool is_zero(const NumberBound& bound) { return bound.whole.empty() && bound.fraction.empty(); }

}  // namespace

NumberBound NumberBound::of(const nlohmann::ordered_json& value, bool is_excluded, std::string place) {
  if (!value.is_number()) throw base::UserError("The schema's {} must be a number", place);
  std::string text;
  if (value.is_number_integer()) {
    text = value.dump();
  } else {
    std::array<char, 1200> digits{};
    const double number = value.get<double>();
    if (!std::isfinite(number)) throw base::UserError("The schema's {} must be a finite number", place);
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
    text.assign(digits.data(), result.ptr);
  }
  NumberBound bound{.is_excluded = is_excluded, .place = std::move(place)};
  bound.is_negative = text.starts_with('-');
  if (bound.is_negative) text.erase(0, 1);
  const std::size_t point = text.find('.');
  bound.whole = text.substr(0, point);
  if (point != std::string::npos) bound.fraction = text.substr(point + 1);
  bound.whole.erase(0, bound.whole.find_first_not_of('0'));
  bound.fraction.erase(bound.fraction.find_last_not_of('0') + 1);
  if (is_zero(bound)) bound.is_negative = false;
  return bound;
}

Rule number_rule(const NumberLimits& limits, std::string_view place) {
  Nfa nfa{std::string(place)};
  if (!limits.least && !limits.most) {
    const Nfa::Part whole = whole_part(nfa, limits.is_integer);
    if (limits.is_integer) return nfa.determinised(whole);
    const Nfa::Part fraction = nfa.sequence({nfa.bytes("."), digits(nfa, 1, kMostFractionDigits)});
    return nfa.determinised(nfa.sequence({whole, nfa.optional(fraction), nfa.optional(exponent(nfa))}));
  }
  for (const auto& bound : {limits.least, limits.most}) {
    if (!bound) continue;
    if (bound->whole.size() > kMostWholeDigits || bound->fraction.size() > kMostBoundedFractionDigits) {
      throw base::UserError("The schema's {} has too many digits: limits may have {} before the point and {} after it", bound->place,
                            kMostWholeDigits, kMostBoundedFractionDigits);
    }
  }
  const NumberBound zero{};
  const NumberBound above_zero{.is_excluded = true};
  std::vector<Nfa::Part> signs;
  const bool most_is_below = limits.most && (limits.most->is_negative || (is_zero(*limits.most) && limits.most->is_excluded));
  if (!most_is_below) {
    const std::optional<NumberBound> low = limits.least && !limits.least->is_negative ? *limits.least : zero;
    signs.push_back(Magnitudes(nfa, low, limits.most, limits.is_integer).part());
  }
  if (!limits.least || limits.least->is_negative) {
    const std::optional<NumberBound> low = limits.most && limits.most->is_negative ? *limits.most : above_zero;
    signs.push_back(nfa.sequence({nfa.bytes("-"), Magnitudes(nfa, low, limits.least, limits.is_integer).part()}));
  }
  return nfa.determinised(nfa.any_of(signs));
}

}  // namespace drover::engine
