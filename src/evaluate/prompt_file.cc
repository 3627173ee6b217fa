// read_prompts of suite.h, and suite_prompts.h.
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"
#include "evaluate/suite.h"
#include "evaluate/suite_prompts.h"
#include "verify/checker.h"

namespace drover::evaluate {
namespace {

using chat::Json;

std::string text_at(const Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return {};
  if (found->is_number()) return found->dump();
  if (!found->is_string()) throw base::UserError("\"{}\" must be a text or a number", key);
  return found->get<std::string>();
}

ledger::Prompt prompt_of(Json row) {
  if (!row.is_object()) throw base::UserError("not a JSON object");
  ledger::Prompt prompt;
  prompt.checker = text_at(row, "checker");
  prompt.expected = text_at(row, "expected");
  if (const auto tags = row.find("tags"); tags != row.end()) {
    if (!tags->is_array()) throw base::UserError("\"tags\" must be a list of texts");
    for (const auto& tag : *tags) {
      if (!tag.is_string()) throw base::UserError("\"tags\" must be a list of texts");
      prompt.tags.push_back(tag.get<std::string>());
    }
  }
  if (const auto difficulty = row.find("difficulty"); difficulty != row.end() && !difficulty->is_null()) {
    if (!difficulty->is_number()) throw base::UserError("\"difficulty\" must be a number from 0 to 1");
    prompt.difficulty = difficulty->get<double>();
    if (!(*prompt.difficulty >= 0 && *prompt.difficulty <= 1)) {
      throw base::UserError("\"difficulty\" is {}, but must be from 0 to 1", *prompt.difficulty);
    }
  }
  for (const char* key : {"checker", "expected", "tags", "difficulty"}) row.erase(key);
  prompt.dialog = chat::dialog_from_json(row);
  if (prompt.dialog.messages.empty() || prompt.dialog.messages.back().sender == chat::Sender::kAssistant ||
      prompt.dialog.messages.back().sender == chat::Sender::kSystem) {
    throw base::UserError("a prompt must end with a message of the user or of a tool");
  }
  for (const auto& message : prompt.dialog.messages) {
    if (message.sender == chat::Sender::kUser && message.content.find_first_not_of(" \t\r\n") == std::string::npos)
      throw base::UserError("a message of the user is empty: there is nothing to answer");
  }
  if (prompt.checker.empty() != prompt.expected.empty()) {
    throw base::UserError("\"checker\" and \"expected\" come together or not at all");
  }
  // The checker itself refuses an expected answer that no reply could equal.
  if (!prompt.checker.empty()) verify::make_checker(prompt.checker)->check("0", prompt.expected);
  return prompt;
}

std::vector<ledger::Prompt> prompts_of(const std::filesystem::path& file, const std::string& source,
                                       const std::string& licence, bool need_checkers) {
  std::vector<ledger::Prompt> prompts;
  std::set<ledger::PromptId> seen;
  base::for_each_line(file, [&](std::int64_t number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    try {
      auto row = chat::parse_strict_json(line);
      if (const auto* fault = std::get_if<chat::JsonFault>(&row)) throw base::UserError("not JSON: {}", fault->reason);
      auto prompt = prompt_of(std::get<Json>(std::move(row)));
      if (need_checkers && prompt.checker.empty())
        throw base::UserError("the prompt has no \"checker\" and \"expected\"; each prompt of a suite needs both");
      prompt.source = source;
      prompt.licence = licence;
      if (!seen.insert(id_of_question(prompt)).second)
        throw base::UserError("the same prompt stands in an earlier line");
      prompts.push_back(std::move(prompt));
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {}: {}", file.string(), number, error.what());
    }
  });
  if (prompts.empty()) throw base::UserError("{} holds no prompts.", file.string());
  return prompts;
}

}  // namespace

std::vector<ledger::Prompt> read_prompts(const std::filesystem::path& file, const std::string& source,
                                         const std::string& licence) {
  return prompts_of(file, source, licence, false);
}

std::vector<ledger::Prompt> read_suite_prompts(const std::filesystem::path& file, const std::string& source,
                                               const std::string& licence) {
  return prompts_of(file, source, licence, true);
}

ledger::PromptId id_of_question(ledger::Prompt prompt) {
  prompt.tags.clear();
  prompt.difficulty.reset();
  return ledger::id_of(prompt);
}

}  // namespace drover::evaluate
