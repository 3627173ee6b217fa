#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/shown_name.h"
#include "chat/json_text.h"
#include "chat/llama_family.h"

namespace drover::chat {
namespace {

/// The names that the published prompt uses for JSON schema's types.
std::string param_type(const Json& parameter) {
  static const std::map<std::string, std::string, std::less<>> kNames = {
      {"string", "str"}, {"integer", "int"}, {"number", "float"}, {"boolean", "bool"}, {"array", "list"}, {"object", "dict"}};
  if (!parameter.contains("type") || !parameter["type"].is_string()) return "str";
  const std::string type = parameter["type"].get<std::string>();
  const auto found = kNames.find(type);
  return found == kNames.end() ? type : found->second;
}

/// {"genre": {"description": ..., "param_type": "str", "required": false}, ...}, sorted by name as the published prompt has it.
Json announced_parameters(const Json& schema) {
  std::map<std::string, Json> sorted;
  const auto properties = schema.find("properties");
  if (properties != schema.end() && properties->is_object()) {
    for (const auto& [name, parameter] : properties->items()) {
      if (!parameter.is_object()) continue;
      const auto required = schema.find("required");
      Json entry = Json::object();
      entry["description"] = parameter.contains("description") ? parameter["description"] : Json("");
      entry["param_type"] = param_type(parameter);
      entry["required"] = required != schema.end() && std::find(required->begin(), required->end(), Json(name)) != required->end();
      sorted[name] = std::move(entry);
    }
  }
  Json result = Json::object();
  for (auto& [name, entry] : sorted) result[name] = std::move(entry);
  return result;
}

/// Llama 3.1 with calls in tags: `<function=name>{"n": 10}</function>` and end of turn, no python tag.
class Llama31FunctionTag final : public LlamaFamily {
 public:
  explicit Llama31FunctionTag(std::shared_ptr<const text::Tokenizer> tokenizer)
      : LlamaFamily("llama-3.1-function-tag", std::move(tokenizer), {.reads_calls = true, .many_calls = false}) {}

 private:
  std::optional<std::string> system_text(const Dialog& dialog, std::optional<std::string_view> given) const override {
    if (has_environment(dialog)) return llama_environment(dialog, given.value_or(""));
    return fmt::format("{}\n\n{}", llama_dates(dialog), given.value_or(""));
  }

  std::string tool_prompt(const Dialog& dialog) const override {
    if (dialog.tools.empty()) return {};
    std::string text = "You have access to the following functions:\n\n";
    for (const ToolDefinition& tool : dialog.tools) {
      text += fmt::format("Use the function '{}' to '{}':\n{{\"name\": {}, \"description\": {}, \"parameters\": {}}}\n\n", tool.name,
                          tool.description, json_quoted(tool.name), json_quoted(tool.description),
                          json_text(announced_parameters(tool.parameters)));
    }
    return text +
           "Think very carefully before calling functions.\n"
           "If you choose to call a function ONLY reply in the following format with no prefix or suffix:\n\n"
           "<function=example_function_name>{\"example_name\": \"example_value\"}</function>\n\n"
           "Reminder:\n"
           "- If looking for real time information use relevant functions before falling back to brave_search\n"
           "- Function calls MUST follow the specified format, start with <function= and end with </function>\n"
           "- Required parameters MUST be specified\n"
           "- Only call one function at a time\n"
           "- Put the entire function call reply on one line";
  }

  std::string call_text_of(const Message& message, std::string_view where) const override {
    const ToolCall& call = message.calls.front();
    if (call.name.find('>') != std::string::npos) {
      throw base::UserError("{}: the function's name '{}' contains '>', which the format '{}' cannot write.", where,
                            base::escaped_name(call.name), name());
    }
    return fmt::format("<function={}>{}</function>", call.name, json_inside_tags(json_text(call.arguments)));
  }

  bool tags_function_calls() const override { return false; }
};

}  // namespace

std::shared_ptr<const ChatFormat> make_llama31_function_tag(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<Llama31FunctionTag>(std::move(tokenizer));
}

}  // namespace drover::chat
