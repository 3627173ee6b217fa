#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

#include "engine/rule.h"

namespace drover::engine {

/// A bound of a number, exactly as a decimal.
struct NumberBound {
  bool is_negative = false;
  std::string whole{};     ///< digits without leading zeros; empty for 0
  std::string fraction{};  ///< digits without trailing zeros
  bool is_excluded = false;
  std::string place{};     ///< JSON pointer of the keyword

  /// Throws UserError when `value` is no number.
  static NumberBound of(const nlohmann::ordered_json& value, bool is_excluded, std::string place);
};

struct NumberLimits {
  bool is_integer = false;
  std::optional<NumberBound> least{};
  std::optional<NumberBound> most{};
};

/// JSON numbers. Digits are bounded, so that every number ends and every reader can hold it: at most 18 before the point, 24 after it (17
/// when there are limits), exponents from -299 to 289; integers have no point and no exponent, numbers with limits no exponent.
/// Throws UserError for limits with more digits than that.
Rule number_rule(const NumberLimits& limits, std::string_view place);

}  // namespace drover::engine
