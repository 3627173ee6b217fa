#include <fmt/format.h>

#include "base/error.h"
#include "base/shown_name.h"
#include "chat/json_text.h"
#include "chat/llama_family.h"
#include "chat/python_literal.h"

namespace drover::chat {
namespace {

constexpr std::string_view kInstructions =
    "You are an expert in composing functions. You are given a question and a set of possible functions.\n"
    "Based on the question, you will need to make one or more function/tool calls to achieve the purpose.\n"
    "If none of the function can be used, point it out. If the given question lacks the parameters required by the function,\n"
    "also point it out. You should only return the function call in tools call sections.\n"
    "\n"
    "If you decide to invoke any of the function(s), you MUST put it in the format of "
    "[func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)]\n"
    "You SHOULD NOT include any other text in the response.\n"
    "\n"
    "Here is a list of functions in JSON format that you can invoke.\n\n";

/// The schema as the published prompt shows it: type "dict", "required" before "properties".
Json announced(const ToolDefinition& tool) {
  Json parameters = Json::object();
  parameters["type"] = "dict";
  parameters["required"] = tool.parameters.contains("required") ? tool.parameters["required"] : Json::array();
  parameters["properties"] = tool.parameters.contains("properties") ? tool.parameters["properties"] : Json::object();
  for (const auto& [key, value] : tool.parameters.items()) {
    if (!parameters.contains(key)) parameters[key] = value;
  }
  Json entry = Json::object();
  entry["name"] = tool.name;
  entry["description"] = tool.description;
  entry["parameters"] = std::move(parameters);
  return entry;
}

/// Llama 3.2 (text) and 3.3: functions in the system message, calls as a list of Python calls that ends the turn. Core tools and code
/// work as in 3.1. Values are proper Python literals (the reference encoder leaves quotes inside texts unescaped and writes dicts as
/// key=value). Tool results are JSON texts, as the template and the published example have them.
class LlamaPythonic final : public LlamaFamily {
 public:
  LlamaPythonic(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer)
      : LlamaFamily(name, std::move(tokenizer), {.reads_calls = true, .many_calls = true}) {}

 private:
  std::optional<std::string> system_text(const Dialog& dialog, std::optional<std::string_view> given) const override {
    if (!has_environment(dialog)) return fmt::format("{}\n\n{}", llama_dates(dialog), given.value_or(""));
    if (dialog.tools.empty()) return llama_environment(dialog, given.value_or(""));
    std::string text = dialog.core_tools.empty() ? std::string() : llama_environment(dialog, "") + "\n";
    Json tools = Json::array();
    for (const ToolDefinition& tool : dialog.tools) tools.push_back(announced(tool));
    text += kInstructions;
    text += json_text(tools, 4);
    if (given && !given->empty()) text += fmt::format("\n{}", *given);
    return text;
  }

  std::string tool_prompt(const Dialog&) const override { return {}; }
  std::string result_text(const Message& message) const override { return json_quoted(message.content); }

  std::string call_text_of(const Message& message, std::string_view where) const override {
    if (!message.content.empty()) {
      throw base::UserError(
          "{}: text before a call cannot be written in the format '{}'. Put it into a message of its own that ends with \"message\".",
          where, name());
    }
    std::string text = "[";
    for (const ToolCall& call : message.calls) {
      if (!is_python_name(call.name)) {
        throw base::UserError("{}: '{}' is no Python name, so the format '{}' cannot call it.", where, base::escaped_name(call.name), name());
      }
      text += fmt::format("{}{}(", text.size() > 1 ? ", " : "", call.name);
      bool first = true;
      for (const auto& [key, value] : call.arguments.items()) {
        if (!is_python_name(key)) {
          throw base::UserError("{}: the argument '{}' of '{}' is no Python name, so the format '{}' cannot write it.", where,
                                base::escaped_name(key), base::escaped_name(call.name), name());
        }
        text += fmt::format("{}{}={}", first ? "" : ", ", key, python_literal(value));
        first = false;
      }
      text += ")";
    }
    return text + "]";
  }

  bool tags_function_calls() const override { return false; }
};

}  // namespace

std::shared_ptr<const ChatFormat> make_llama_pythonic(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<LlamaPythonic>(name, std::move(tokenizer));
}

}  // namespace drover::chat
