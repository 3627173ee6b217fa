#include <fmt/format.h>

#include "chat/json_text.h"
#include "chat/llama_family.h"

namespace drover::chat {
namespace {

/// The tool in the shape that Llama 3.1 saw in training: "properties" is a list of objects with one key each, and every parameter's
/// type is "object". Both oddities belong to the published prompt.
std::string announce(const ToolDefinition& tool) {
  std::string properties;
  std::string required;
  if (const auto schema = tool.parameters.find("properties"); schema != tool.parameters.end() && schema->is_object()) {
    for (const auto& [name, parameter] : schema->items()) {
      const std::string description = parameter.is_object() && parameter.contains("description") && parameter["description"].is_string()
                                          ? parameter["description"].get<std::string>()
                                          : "";
      properties += properties.empty() ? "\n" : ",\n";
      properties += fmt::format(
          "                {{\n                    {}: {{\n                        \"type\": \"object\",\n"
          "                        \"description\": {}\n                    }}\n                }}",
          json_quoted(name), json_quoted(description));
    }
  }
  if (const auto names = tool.parameters.find("required"); names != tool.parameters.end()) required = json_text(*names);
  return fmt::format(
      "{{\n    \"type\": \"function\",\n    \"function\": {{\n        \"name\": {},\n        \"description\": {},\n"
      "        \"parameters\": {{\n            \"type\": \"object\",\n            \"properties\": [{}{}],\n"
      "            \"required\": {}\n        }}\n    }}\n}}\n",
      json_quoted(tool.name), json_quoted(tool.description), properties, properties.empty() ? "" : "\n            ",
      required.empty() ? "[]" : required);
}

/// Llama 3.1 with JSON calls, as Meta publishes it: tools in a user message of their own, calls after the python tag, ended by
/// end-of-message. (The chat template on the model hub puts tools into the first user message, writes calls without the tag and
/// encodes tool results as JSON texts; replies in that style are understood.) Without tools the system prompt is the template's.
class Llama31 final : public LlamaFamily {
 public:
  explicit Llama31(std::shared_ptr<const text::Tokenizer> tokenizer)
      : LlamaFamily("llama-3.1", std::move(tokenizer), {.reads_calls = true, .many_calls = false}) {}

 private:
  std::optional<std::string> system_text(const Dialog& dialog, std::optional<std::string_view> given) const override {
    if (has_environment(dialog)) return llama_environment(dialog, given.value_or(""));
    return fmt::format("{}\n\n{}", llama_dates(dialog), given.value_or(""));
  }

  std::string tool_prompt(const Dialog& dialog) const override {
    if (dialog.tools.empty()) return {};
    std::string text =
        "Answer the user's question by making use of the following functions if needed.\n"
        "If none of the function can be used, please say so.\n"
        "Here is a list of functions in JSON format:\n";
    for (const ToolDefinition& tool : dialog.tools) text += announce(tool);
    return text + "\nReturn function calls in JSON format.";
  }

  std::string call_text_of(const Message& message, std::string_view) const override {
    const ToolCall& call = message.calls.front();
    return fmt::format("{{\"type\": \"function\", \"name\": {}, \"parameters\": {}}}", json_quoted(call.name), json_text(call.arguments));
  }

  bool tags_function_calls() const override { return true; }
};

}  // namespace

std::shared_ptr<const ChatFormat> make_llama31(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<Llama31>(std::move(tokenizer));
}

}  // namespace drover::chat
