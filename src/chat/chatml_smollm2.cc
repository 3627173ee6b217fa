#include <fmt/format.h>

#include "chat/call_json.h"
#include "chat/chatml_family.h"
#include "chat/json_text.h"

namespace drover::chat {
namespace {

/// SmolLM2-Instruct: a default system message; tools as its model card asks the 1.7B model to call them, in one list between tags that
/// are plain text in this vocabulary. The card's prompt is quoted from memory; the template in the model file has no tools.
class ChatMlSmolLm2 final : public ChatMlFamily {
 public:
  explicit ChatMlSmolLm2(std::shared_ptr<const text::Tokenizer> tokenizer)
      : ChatMlFamily("chatml-smollm2", std::move(tokenizer), {.reads_calls = true, .drops_empty_think = false}) {}

 private:
  void write_system(DialogWriter& writer, const Dialog& dialog, std::optional<std::string_view> given) const override {
    if (dialog.tools.empty()) {
      writer.text(given.value_or("You are a helpful AI assistant named SmolLM, trained by Hugging Face"), TokenRole::kContent);
      return;
    }
    if (given && !given->empty()) writer.text(fmt::format("{}\n\n", *given), TokenRole::kContent);
    Json tools = Json::array();
    for (const ToolDefinition& tool : dialog.tools) tools.push_back(tool_json(tool));
    writer.text(
        "You are an expert in composing functions. You are given a question and a set of possible functions. \n"
        "Based on the question, you will need to make one or more function/tool calls to achieve the purpose. \n"
        "If none of the functions can be used, point it out and refuse to answer. \n"
        "If the given question lacks the parameters required by the function, also point it out.\n"
        "\n"
        "You have access to the following tools:\n"
        "<tools>",
        TokenRole::kContent);
    writer.text(json_text(tools), TokenRole::kContent);
    writer.text(
        "</tools>\n"
        "\n"
        "The output MUST strictly adhere to the following format, and NO other text MUST be included.\n"
        "The example format is as follows. Please make sure the parameter type is correct. If no function call is needed, please make "
        "the tool calls an empty list '[]'.\n"
        "<tool_call>[\n"
        "{\"name\": \"func_name1\", \"arguments\": {\"argument1\": \"value1\", \"argument2\": \"value2\"}},\n"
        "... (more tool calls as required)\n"
        "]</tool_call>",
        TokenRole::kContent);
  }

  void write_calls(DialogWriter& writer, const Message& message) const override {
    if (!message.content.empty()) writer.text("\n", TokenRole::kContent);
    std::string list = "[";
    for (const ToolCall& call : message.calls) list += (list.size() > 1 ? ", " : "") + call_text(call, "arguments");
    writer.marker(call_begin(), TokenRole::kToolCall);
    writer.text(json_inside_tags(list + "]"), TokenRole::kToolCall);
    writer.marker(call_end(), TokenRole::kToolCall);
  }
};

}  // namespace

std::shared_ptr<const ChatFormat> make_chatml_smollm2(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return std::make_shared<ChatMlSmolLm2>(std::move(tokenizer));
}

}  // namespace drover::chat
