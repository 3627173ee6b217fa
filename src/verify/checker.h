#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "verify/verdict.h"

namespace drover::verify {

/// Decides whether a reply's text gives the expected answer. Immutable, usable from many threads.
class Checker {
 public:
  virtual ~Checker() = default;

  /// "exact", "numeric", "choice": what prompts name.
  virtual std::string_view name() const = 0;

  /// Never throws on odd replies. Throws UserError when `expected` itself is no answer of this kind.
  virtual Verdict check(std::string_view reply, std::string_view expected) const = 0;
};

std::vector<std::string_view> checker_names();

/// Throws UserError with the names that exist.
std::shared_ptr<const Checker> make_checker(std::string_view name);

}  // namespace drover::verify
