// gsm8k, svamp, arithmetic: the answer is a number.
#include "base/content_hash.h"
#include "base/error.h"
#include "evaluate/answer_instruction.h"
#include "evaluate/suite_prompt.h"
#include "evaluate/suite_registry.h"
#include "evaluate/suite_rows.h"
#include "evaluate/suite_sets.h"

namespace drover::evaluate {
namespace {

Prompts gsm8k_side(const std::filesystem::path& folder, bool held_out) {
  Prompts prompts;
  for_each_suite_row(folder, "train", [&](std::int64_t, const chat::Json& row) {
    const auto question = row_text(row, "question");
    if (is_held_out(question) != held_out) return;
    const auto solution = row_text(row, "answer");
    const auto mark = solution.rfind("#### ");
    if (mark == std::string::npos) throw base::UserError("\"answer\" holds no \"#### \" before the number");
    prompts.push_back(asked(question + std::string(kStepByStep), "numeric", solution.substr(mark + 5), {"maths", "gsm8k"}));
  });
  return prompts;
}

}  // namespace

// The low bits of the question's hash; a change of this rule would mix suite and training rows.
bool is_held_out(std::string_view question) { return base::content_hash(question).low % 10 == 0; }

Prompts gsm8k_prompts(const std::filesystem::path& folder) { return gsm8k_side(folder, true); }
Prompts gsm8k_training_prompts(const std::filesystem::path& folder) { return gsm8k_side(folder, false); }

Prompts svamp_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "svamp", [&](std::int64_t, const chat::Json& row) {
    auto body = row_text(row, "Body");
    while (body.ends_with(' ')) body.pop_back();
    if (!body.empty() && !body.ends_with('.') && !body.ends_with('?') && !body.ends_with('!')) body += '.';
    prompts.push_back(asked(body + " " + row_text(row, "Question") + std::string(kStepByStep), "numeric", row_number(row, "Answer"), {"maths", row_text(row, "Type")}));
  });
  return prompts;
}

Prompts arithmetic_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "simple_arithmetic", [&](std::int64_t, const chat::Json& row) {
    auto sum = row_text(row, "context");
    while (sum.ends_with(' ') || sum.ends_with('=')) sum.pop_back();
    prompts.push_back(asked("What is " + sum + "? Answer with the number alone.", "numeric", row_text(row, "continuation"), {"maths", "arithmetic"}));
  });
  return prompts;
}

}  // namespace drover::evaluate
