// bfcl: the answer is a list of function calls.
#include <map>

#include "base/error.h"
#include "chat/json_text.h"
#include "evaluate/suite_prompt.h"
#include "evaluate/suite_rows.h"
#include "evaluate/suite_sets.h"
#include "verify/call_answer.h"

namespace drover::evaluate {
namespace {

struct Category {
  std::string_view name;  ///< of the file
  std::string_view kind;  ///< as the checker takes it
  std::string_view language;
};

// The single-turn categories that are checked by syntax trees, and the two about relevance.
constexpr Category kCategories[] = {{"simple_python", "simple", "python"},
                                    {"simple_java", "simple", "java"},
                                    {"simple_javascript", "simple", "javascript"},
                                    {"multiple", "multiple", "python"},
                                    {"parallel", "parallel", "python"},
                                    {"parallel_multiple", "parallel", "python"},
                                    {"irrelevance", "irrelevance", "python"},
                                    {"live_simple", "simple", "python"},
                                    {"live_multiple", "multiple", "python"},
                                    {"live_parallel", "parallel", "python"},
                                    {"live_parallel_multiple", "parallel", "python"},
                                    {"live_irrelevance", "irrelevance", "python"},
                                    {"live_relevance", "relevance", "python"}};

std::string system_text(const chat::Json& functions, std::string_view language) {
  std::string values;
  if (language == "java") values = " Write the values as Java source text.";
  if (language == "javascript") values = " Write the values as JavaScript source text.";
  return "You answer by calling functions. If one or more of the functions below help with the request, reply with nothing but the list of calls:\n"
         "[name(parameter=value, parameter=value), other_name(parameter=value)]\n"
         "If none of them fits, or a required value is not given, say so in a sentence and call nothing." +
         values + "\n\nThe functions, as JSON:\n" + chat::json_text(functions);
}

ledger::Prompt prompt_of(const chat::Json& row, const Category& category, const chat::Json* answer) {
  const auto functions = row.find("function");
  const auto question = row.find("question");
  if (functions == row.end() || !functions->is_array()) throw base::UserError("\"function\" must be a list");
  if (question == row.end() || !question->is_array() || question->size() != 1 || !(*question)[0].is_array() || (*question)[0].empty()) {
    throw base::UserError("\"question\" must be a list of one turn");
  }
  ledger::Prompt prompt;
  prompt.tags = {"tool_use", std::string(category.name)};
  chat::Message system;
  system.sender = chat::Sender::kSystem;
  system.content = system_text(*functions, category.language);
  prompt.dialog.messages.push_back(std::move(system));
  for (const auto& given : (*question)[0]) {
    const auto role = row_text(given, "role");
    const auto content = row_text(given, "content");
    if (role == "system") {
      prompt.dialog.messages[0].content = content + "\n\n" + prompt.dialog.messages[0].content;
      continue;
    }
    if (role != "user" && role != "assistant") throw base::UserError("a message has the role \"{}\"", role);
    chat::Message message;
    message.sender = role == "user" ? chat::Sender::kUser : chat::Sender::kAssistant;
    message.content = content;
    prompt.dialog.messages.push_back(std::move(message));
  }
  if (prompt.dialog.messages.back().sender != chat::Sender::kUser) throw base::UserError("the question does not end with the user");
  prompt.checker = "bfcl";
  chat::Json expected = {{"category", category.kind}};
  if (answer != nullptr) {
    expected["language"] = category.language;
    expected["functions"] = *functions;
    expected["answer"] = *answer;
  }
  prompt.expected = expected.dump();
  verify::parse_expected_calls(prompt.expected);
  return prompt;
}

}  // namespace

Prompts bfcl_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  for (const auto& category : kCategories) {
    if (!has_suite_rows(folder, category.name)) continue;
    std::map<std::string, chat::Json> answers;
    const bool has_answers = category.kind != "irrelevance" && category.kind != "relevance";
    if (has_answers) {
      for_each_suite_row(folder, "possible_answer_" + std::string(category.name), [&](std::int64_t, const chat::Json& row) {
        const auto truth = row.find("ground_truth");
        if (truth == row.end()) throw base::UserError("\"ground_truth\" is missing");
        answers[row_text(row, "id")] = *truth;
      });
    }
    for_each_suite_row(folder, category.name, [&](std::int64_t, const chat::Json& row) {
      const auto id = row_text(row, "id");
      const auto answer = answers.find(id);
      if (has_answers && answer == answers.end()) throw base::UserError("the question \"{}\" has no possible answer", id);
      prompts.push_back(prompt_of(row, category, has_answers ? &answer->second : nullptr));
    });
  }
  if (prompts.empty()) throw base::UserError("{} holds no category of BFCL.", folder.string());
  return prompts;
}

}  // namespace drover::evaluate
