// triviaqa, nq_open: the answer is a few words, with other names for it. ifeval: a program checks instructions.
#include <algorithm>

#include "base/error.h"
#include "evaluate/answer_instruction.h"
#include "evaluate/suite_prompt.h"
#include "evaluate/suite_rows.h"
#include "evaluate/suite_sets.h"
#include "verify/exact_answer.h"

namespace drover::evaluate {
namespace {

// One a line, each once, without those that hold neither letter nor digit.
std::string alternatives(const std::vector<std::string>& answers) {
  std::string text;
  std::vector<std::string> seen;
  for (const auto& answer : answers) {
    auto plain = verify::normalised_answer(answer);
    if (plain.empty() || std::find(seen.begin(), seen.end(), plain) != seen.end()) continue;
    seen.push_back(std::move(plain));
    std::string line = answer;
    std::replace(line.begin(), line.end(), '\n', ' ');
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

}  // namespace

Prompts triviaqa_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "triviaqa_sm_sub", [&](std::int64_t, const chat::Json& row) {
    auto question = row_text(row, "context");
    if (question.starts_with("Question: ")) question.erase(0, 10);
    if (const auto tail = question.rfind("\nAnswer:"); tail != std::string::npos) question.resize(tail);
    std::vector<std::string> answers = {row_text(row, "answer")};
    for (auto& alias : row_texts(row, "aliases")) answers.push_back(std::move(alias));
    auto expected = alternatives(answers);
    if (expected.empty()) return;  // an answer such as "%" that normalising leaves nothing of
    prompts.push_back(asked(question + std::string(kFewWords), "exact", std::move(expected), {"factuality", "triviaqa"}));
  });
  return prompts;
}

Prompts nq_open_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "dev", [&](std::int64_t, const chat::Json& row) {
    auto expected = alternatives(row_texts(row, "answer"));
    if (expected.empty()) return;
    prompts.push_back(asked(row_text(row, "question") + "?" + std::string(kFewWords), "exact", std::move(expected), {"factuality", "nq_open"}));
  });
  return prompts;
}

Prompts ifeval_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "input_data", [&](std::int64_t, const chat::Json& row) {
    std::vector<std::string> tags = {"instruction_following"};
    const auto ids = row_texts(row, "instruction_id_list");
    tags.insert(tags.end(), ids.begin(), ids.end());
    const auto arguments = row.find("kwargs");
    if (arguments == row.end()) throw base::UserError("\"kwargs\" is missing");
    prompts.push_back(asked(row_text(row, "prompt"), "ifeval", chat::Json{{"instruction_id_list", ids}, {"kwargs", *arguments}}.dump(), std::move(tags)));
  });
  return prompts;
}

}  // namespace drover::evaluate
