#include "evaluate/suite_prompt.h"

#include "base/error.h"

namespace drover::evaluate {

ledger::Prompt asked(std::string text, std::string checker, std::string expected, std::vector<std::string> tags) {
  ledger::Prompt prompt;
  chat::Message message;
  message.sender = chat::Sender::kUser;
  message.content = std::move(text);
  prompt.dialog.messages.push_back(std::move(message));
  prompt.checker = std::move(checker);
  prompt.expected = std::move(expected);
  prompt.tags = std::move(tags);
  return prompt;
}

std::string row_text(const chat::Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_string()) throw base::UserError("\"{}\" must be a text", key);
  return found->get<std::string>();
}

std::string row_number(const chat::Json& row, const char* key) {
  const auto found = row.find(key);
  if (found != row.end() && found->is_number()) return found->dump();
  return row_text(row, key);
}

std::vector<std::string> row_texts(const chat::Json& row, const char* key) {
  const auto found = row.find(key);
  std::vector<std::string> texts;
  if (found != row.end() && found->is_array()) {
    for (const auto& entry : *found) {
      if (entry.is_string()) texts.push_back(entry.get<std::string>());
    }
  }
  if (found == row.end() || texts.empty() || texts.size() != found->size()) throw base::UserError("\"{}\" must be a list of texts", key);
  return texts;
}

std::string lettered(const std::vector<std::string>& choices) {
  if (choices.size() > 26) throw base::UserError("{} choices are more than there are letters", choices.size());
  std::string text;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text.push_back('\n');
    text += std::string(1, static_cast<char>('A' + i)) + ". " + choices[i];
  }
  return text;
}

}  // namespace drover::evaluate
