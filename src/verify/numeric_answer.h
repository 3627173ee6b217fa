#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "verify/checker.h"

namespace drover::verify {

/// A number in a text: its value and how it is written there.
struct WrittenNumber {
  double value = 0;
  std::string spelling;
};

/// Reads a text that is one number and nothing else: sign (also U+2212), thousands separators ("1,234", "1{,}234"), decimals, exponent ("6e23",
/// "6 x 10^23", "6 \times 10^{23}"), a fraction ("3/4", "\frac{3}{4}"), a mixed number ("2 3/4"), a currency sign before or a per cent sign after
/// it (which do not change the value).
std::optional<WrittenNumber> parse_number(std::string_view text);

/// The number that a reply gives as its answer: after "####" (GSM8K) when that is there, else in the last \boxed{...},
/// else the first in the sentence after the last "answer is" or "answer:" (the last one there when the sentence calculates), else the last number
/// of all. Units and words around it do not count.
std::optional<WrittenNumber> answer_number(std::string_view reply);

/// The reply's number must equal the expected one within `tolerance`, relative to the expected one where that is
/// above 1. `expected` may be a whole worked solution; it is read like a reply.
std::shared_ptr<const Checker> make_numeric_checker(double tolerance = 1e-6);

}  // namespace drover::verify
