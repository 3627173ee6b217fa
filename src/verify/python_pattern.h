#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/matcher.h"

namespace drover::verify {

/// A regular expression of Python's module re, with the flags IGNORECASE and MULTILINE. Oniguruma runs it; \w and \b are
/// rewritten to Python's idea of a word. Immutable, safe to use from many threads.
class PythonPattern {
 public:
  /// Throws UserError when the pattern is wrong.
  explicit PythonPattern(std::string_view pattern, bool ignore_case = true);

  /// How many matches findall would give, at most `limit`. A search that takes too many steps ends the count.
  std::size_t count(std::string_view text, std::size_t limit = ~std::size_t{0}) const;

  bool is_found_in(std::string_view text) const { return count(text, 1) > 0; }

 private:
  std::shared_ptr<const text::Matcher> matcher_;
};

}  // namespace drover::verify
