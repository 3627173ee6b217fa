#include "verify/checker.h"

#include <fmt/ranges.h>

#include "base/error.h"
#include "verify/choice_answer.h"
#include "verify/exact_answer.h"
#include "verify/numeric_answer.h"

namespace drover::verify {

std::vector<std::string_view> checker_names() { return {"exact", "numeric", "choice"}; }

std::shared_ptr<const Checker> make_checker(std::string_view name) {
  if (name == "exact") return make_exact_checker();
  if (name == "numeric") return make_numeric_checker();
  if (name == "choice") return make_choice_checker();
  throw base::UserError("There is no checker named '{}'; there are {}.", name, fmt::join(checker_names(), ", "));
}

}  // namespace drover::verify
