#include "judge/prompts.h"

#include <fmt/format.h>

namespace drover::judge {
namespace {

std::string_view head_of(chat::Sender sender) {
  switch (sender) {
    case chat::Sender::kSystem:
      return "System";
    case chat::Sender::kUser:
      return "User";
    case chat::Sender::kAssistant:
      return "Assistant";
    case chat::Sender::kTool:
      return "Tool";
  }
  return "";
}

// No line of the text begins with "###", which heads the blocks.
std::string harmless(std::string_view text) {
  std::string safe;
  bool begins_line = true;
  for (const char letter : text) {
    if (begins_line && letter == '#') safe.push_back(' ');
    safe.push_back(letter);
    begins_line = letter == '\n';
  }
  return safe;
}

std::string shown_message(const chat::Message& message) {
  auto text = harmless(message.content);
  for (const auto& call : message.calls) {
    const auto arguments = call.kind == chat::ToolCall::Kind::kCode
                               ? call.code
                               : call.arguments.dump(-1, ' ', false, chat::Json::error_handler_t::replace);
    text += fmt::format("{}[call of {}: {}]", text.empty() ? "" : "\n", harmless(call.name), harmless(arguments));
  }
  return text;
}

}  // namespace

std::string shown_dialog(const chat::Dialog& dialog) {
  std::string text;
  for (const auto& message : dialog.messages) {
    text += fmt::format("### {}\n{}\n\n", head_of(message.sender), shown_message(message));
  }
  return text;
}

std::string shown_reply(std::span<const chat::Message> reply) {
  std::string text;
  for (const auto& message : reply) {
    if (!text.empty()) text.push_back('\n');
    if (message.sender == chat::Sender::kTool) text += "[result] ";
    text += shown_message(message);
  }
  return text;
}

std::string criterion_prompt(const chat::Dialog& dialog, std::string_view criterion) {
  return fmt::format(
      "You check one property of the last assistant message in a conversation.\n\n{}### Property\n{}\n\n"
      "Answer with 1 if the property holds for the last assistant message, and with 0 if it does not. "
      "Write only the digit.",
      shown_dialog(dialog), criterion);
}

std::string difficulty_prompt(const chat::Dialog& dialog) {
  return fmt::format(
      "You rate how hard the user's task in a conversation is.\n\n{}### Scale\n"
      "1: easy. One step, or everyday knowledge.\n"
      "2: medium. Several steps, or several requirements at once.\n"
      "3: hard. Long reasoning, special knowledge, or requirements that pull against each other.\n\n"
      "Answer with 1, 2 or 3. Write only the digit.",
      shown_dialog(dialog));
}

std::string pairwise_prompt(const chat::Dialog& prompt, std::span<const chat::Message> reply_a,
                            std::span<const chat::Message> reply_b, bool allow_tie) {
  return fmt::format(
      "Two assistants answered the last message of a conversation. You decide which answer is better: it does what was "
      "asked, is correct, and is clear. Its length and the order in which the answers stand do not count.\n\n{}"
      "### Answer A\n{}\n\n### Answer B\n{}\n\nWhich answer is better? Write only the letter: A or B{}.",
      shown_dialog(prompt), shown_reply(reply_a), shown_reply(reply_b), allow_tie ? ", or C if they are equally good" : "");
}

std::string binary_prompt(const chat::Dialog& dialog, std::string_view question) {
  return fmt::format(
      "You answer one question about the last assistant message in a conversation.\n\n{}### Question\n{}\n\n"
      "Write only the word: yes or no.",
      shown_dialog(dialog), question);
}

std::string intentions_prompt(const chat::Dialog& dialog) {
  return fmt::format(
      "You list the separate intentions behind what the user asks in a conversation: the kinds of work that a good "
      "answer needs, such as \"arithmetic\", \"translation\", \"length limit\" or \"persona\". Do not answer the user.\n\n{}"
      "### Task\nName each intention by a tag of one to three words. Write only a JSON list of strings, such as "
      "[\"summary\", \"length limit\"].",
      shown_dialog(dialog));
}

}  // namespace drover::judge
