#include "evaluate/held_out_prompts.h"

#include <algorithm>

#include "evaluate/suite_registry.h"
#include "text/unicode.h"
#include "verify/python_string.h"

namespace drover::evaluate {
namespace {

// A question without the instruction that suites add behind an empty line.
std::string_view question_of(std::string_view text) {
  for (const std::string_view tail : {"\n\nWork it out step by step.", "\n\nAnswer with the "}) {
    if (const auto at = text.rfind(tail); at != std::string_view::npos) return text.substr(0, at);
  }
  return text;
}

}  // namespace

std::string decontamination_form(std::string_view text) {
  std::u32string form;
  for (const char32_t c : verify::decode(text)) {
    if ((text::char_class_of(c) & (text::char_class::kLetter | text::char_class::kNumber | text::char_class::kMark | text::char_class::kSymbol)) != 0) {
      form.push_back(verify::lower(c));
    }
  }
  return verify::encode(form);
}

void HeldOutPrompts::add(const Suite& suite) {
  for (const auto& prompt : suite.prompts) {
    for (const auto& message : prompt.dialog.messages) {
      if (message.sender != chat::Sender::kUser) continue;
      texts_.insert(decontamination_form(message.content));
      texts_.insert(decontamination_form(question_of(message.content)));
    }
  }
  texts_.erase("");
}

HeldOutPrompts HeldOutPrompts::of_known_suites(const std::filesystem::path& data_folder) {
  HeldOutPrompts held_out;
  for (const auto& suite : known_suites()) {
    if (std::filesystem::is_directory(data_folder / suite.folder)) held_out.add(load_suite(std::string(suite.name), data_folder));
  }
  return held_out;
}

bool HeldOutPrompts::holds(std::string_view text) const {
  return texts_.contains(decontamination_form(text)) || texts_.contains(decontamination_form(question_of(text)));
}

bool HeldOutPrompts::holds(const chat::Dialog& dialog) const {
  return std::any_of(dialog.messages.begin(), dialog.messages.end(),
                     [&](const auto& message) { return message.sender == chat::Sender::kUser && holds(message.content); });
}

}  // namespace drover::evaluate
