#include "verify/checker.h"

#include <fmt/ranges.h>

#include "base/error.h"
#include "verify/call_answer.h"
#include "verify/choice_answer.h"
#include "verify/exact_answer.h"
#include "verify/instruction_answer.h"
#include "verify/numeric_answer.h"

namespace drover::verify {

std::string text_of(std::span<const chat::Message> reply) {
  std::string text;
  for (const auto& message : reply) {
    if (!text.empty()) text.push_back('\n');
    text += message.content;
  }
  return text;
}

Verdict Checker::check_messages(std::span<const chat::Message> reply, std::string_view expected) const { return check(text_of(reply), expected); }

std::vector<std::string_view> checker_names() { return {"exact", "numeric", "choice", "ifeval", "bfcl"}; }

std::shared_ptr<const Checker> make_checker(std::string_view name) {
  if (name == "exact") return make_exact_checker();
  if (name == "numeric") return make_numeric_checker();
  if (name == "choice") return make_choice_checker();
  if (name == "ifeval") return make_instruction_checker();
  if (name == "bfcl") return make_call_checker();
  throw base::UserError("There is no checker named '{}'; there are {}.", name, fmt::join(checker_names(), ", "));
}

}  // namespace drover::verify
