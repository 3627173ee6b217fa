// aqua, mmlu, arc: the answer is a letter.
#include "base/error.h"
#include "evaluate/answer_instruction.h"
#include "evaluate/suite_prompt.h"
#include "evaluate/suite_rows.h"
#include "evaluate/suite_sets.h"

namespace drover::evaluate {
namespace {

std::string without_prefix(std::string text, std::string_view prefix) { return text.starts_with(prefix) ? text.substr(prefix.size()) : text; }

}  // namespace

Prompts aqua_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "dev", [&](std::int64_t, const chat::Json& row) {
    std::string options;
    for (const auto& option : row_texts(row, "options")) options += "\n" + option;
    prompts.push_back(asked(row_text(row, "question") + options + std::string(kLetterAlone), "choice", row_text(row, "correct"), {"maths", "aqua"}));
  });
  return prompts;
}

Prompts mmlu_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for_each_suite_row(folder, "val", [&](std::int64_t, const chat::Json& row) {
    const auto subject = row_text(row, "subject");
    const auto choices = lettered({row_number(row, "A"), row_number(row, "B"), row_number(row, "C"), row_number(row, "D")});
    prompts.push_back(
        asked(row_text(row, "question") + "\n" + choices + std::string(kLetterAlone), "choice", row_text(row, "answer"), {"knowledge", subject}));
  });
  return prompts;
}

Prompts arc_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for (const char* part : {"arc_easy", "arc_challenge"}) {
    if (!has_suite_rows(folder, part)) continue;
    for_each_suite_row(folder, part, [&](std::int64_t, const chat::Json& row) {
      const auto choices = row_texts(row, "choices");
      const auto gold = row.find("gold");
      if (gold == row.end() || !gold->is_number_integer() || gold->get<std::int64_t>() < 0 || gold->get<std::int64_t>() >= static_cast<std::int64_t>(choices.size()))
        throw base::UserError("\"gold\" must be the index of a choice");
      const std::string letter(1, static_cast<char>('A' + gold->get<std::int64_t>()));
      prompts.push_back(asked(without_prefix(row_text(row, "query"), "Question: ") + "\n" + lettered(choices) + std::string(kLetterAlone), "choice", letter,
                              {"knowledge", part}));
    });
  }
  if (prompts.empty()) throw base::UserError("{} holds neither arc_easy nor arc_challenge.", folder.string());
  return prompts;
}

}  // namespace drover::evaluate
