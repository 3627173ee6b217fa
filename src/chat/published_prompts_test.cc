// Prompts and replies as the models' makers publish them: prompt_format.md of Llama 3.1 and 3.2 (llama-models), and the reference
// builder's order of the system prompt (llama-stack).
#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "chat/chat_format.h"

namespace drover::chat {
namespace {

Message user(std::string text) { return {.sender = Sender::kUser, .content = std::move(text)}; }
Message system(std::string text) { return {.sender = Sender::kSystem, .content = std::move(text)}; }
Message says(std::string text) { return {.sender = Sender::kAssistant, .content = std::move(text)}; }
Message result(std::string text) { return {.sender = Sender::kTool, .content = std::move(text)}; }
Message calls(std::vector<ToolCall> made) {
  return {.sender = Sender::kAssistant, .calls = std::move(made), .ending = Ending::kMessage};
}
ToolCall search(std::string tool, std::string query) {
  return {.kind = ToolCall::Kind::kBuiltin, .name = std::move(tool), .arguments = {{"query", query}}};
}
ToolCall code(std::string text) { return {.kind = ToolCall::Kind::kCode, .name = "code_interpreter", .code = std::move(text)}; }
ToolCall function(std::string name, Json arguments) { return {.name = std::move(name), .arguments = std::move(arguments)}; }

std::string rendered(std::string_view format, const Dialog& dialog, bool generation_prompt = false) {
  const auto tokenizer = bytes_for(format);
  return text_of(*tokenizer, make_chat_format(format, tokenizer)->render(dialog, {generation_prompt}).ids);
}

const ToolDefinition kTrendingSongs = {
    .name = "trending_songs",
    .description = "Returns the trending songs on a Music site",
    .parameters = Json::parse(R"({"type": "object", "properties": {
        "n": {"type": "integer", "description": "The number of songs to return"},
        "genre": {"type": "string", "description": "The genre of the songs to return"}}, "required": ["n"]})")};

TEST(Llama3, WritesTheMinimalPrompt) {
  EXPECT_EQ(rendered("llama3", {.messages = {user("Hello")}}, true),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(Llama31, WritesSeveralStepsWithCoreTools) {
  Dialog dialog;
  dialog.core_tools = {"brave_search", "wolfram_alpha", "code_interpreter"};
  dialog.today = "21 September 2024";
  dialog.messages = {system("You are a helpful assistant."),
                     user("How tall is the newest tower in X, in feet squared?"),
                     calls({search("brave_search", "newest tower in X height")}),
                     result(R"({"query": "...", "top_k": [...]})"),
                     calls({code("print(1204**2)")}),
                     result("completed\n[stdout]1449616\n[/stdout]"),
                     says("The square is 1,449,616.")};
  EXPECT_EQ(rendered("llama-3.1", dialog),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nEnvironment: ipython\nTools: brave_search, wolfram_alpha\n"
            "Cutting Knowledge Date: December 2023\nToday Date: 21 September 2024\n\nYou are a helpful assistant.\n<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHow tall is the newest tower in X, in feet squared?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n<|python_tag|>brave_search.call(query=\"newest tower in X height\")<|eom_id|>"
            "<|start_header_id|>ipython<|end_header_id|>\n\n{\"query\": \"...\", \"top_k\": [...]}<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n<|python_tag|>print(1204**2)<|eom_id|>"
            "<|start_header_id|>ipython<|end_header_id|>\n\ncompleted\n[stdout]1449616\n[/stdout]<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nThe square is 1,449,616.<|eot_id|>");
}

TEST(Llama31, AnnouncesFunctionsInAUserMessageAndCallsThemInJson) {
  Dialog dialog;
  dialog.tools = {kTrendingSongs};
  dialog.today = "21 September 2024";
  dialog.messages = {system("You are a helpful assistant."), user("Use tools to get latest trending songs"),
                     calls({function("trending_songs", {{"n", "10"}})})};
  EXPECT_EQ(rendered("llama-3.1", dialog), R"(<|begin_of_text|><|start_header_id|>system<|end_header_id|>

Environment: ipython

Cutting Knowledge Date: December 2023
Today Date: 21 September 2024

You are a helpful assistant.
<|eot_id|><|start_header_id|>user<|end_header_id|>

Answer the user's question by making use of the following functions if needed.
If none of the function can be used, please say so.
Here is a list of functions in JSON format:
{
    "type": "function",
    "function": {
        "name": "trending_songs",
        "description": "Returns the trending songs on a Music site",
        "parameters": {
            "type": "object",
            "properties": [
                {
                    "n": {
                        "type": "object",
                        "description": "The number of songs to return"
                    }
                },
                {
                    "genre": {
                        "type": "object",
                        "description": "The genre of the songs to return"
                    }
                }
            ],
            "required": ["n"]
        }
    }
}

Return function calls in JSON format.<|eot_id|><|start_header_id|>user<|end_header_id|>

Use tools to get latest trending songs<|eot_id|><|start_header_id|>assistant<|end_header_id|>

<|python_tag|>{"type": "function", "name": "trending_songs", "parameters": {"n": "10"}}<|eom_id|>)");
}

TEST(Llama31FunctionTag, AnnouncesAndCallsWithTags) {
  Dialog dialog;
  dialog.tools = {kTrendingSongs};
  dialog.today = "21 September 2024";
  dialog.messages = {system("You are a helpful assistant."), user("Use tools to get latest trending songs"),
                     calls({function("trending_songs", {{"n", 10}})})};
  EXPECT_EQ(rendered("llama-3.1-function-tag", dialog), R"(<|begin_of_text|><|start_header_id|>system<|end_header_id|>

Environment: ipython

Cutting Knowledge Date: December 2023
Today Date: 21 September 2024

You are a helpful assistant.
<|eot_id|><|start_header_id|>user<|end_header_id|>

You have access to the following functions:

Use the function 'trending_songs' to 'Returns the trending songs on a Music site':
{"name": "trending_songs", "description": "Returns the trending songs on a Music site", "parameters": {"genre": {"description": "The genre of the songs to return", "param_type": "str", "required": false}, "n": {"description": "The number of songs to return", "param_type": "int", "required": true}}}

Think very carefully before calling functions.
If you choose to call a function ONLY reply in the following format with no prefix or suffix:

<function=example_function_name>{"example_name": "example_value"}</function>

Reminder:
- If looking for real time information use relevant functions before falling back to brave_search
- Function calls MUST follow the specified format, start with <function= and end with </function>
- Required parameters MUST be specified
- Only call one function at a time
- Put the entire function call reply on one line<|eot_id|><|start_header_id|>user<|end_header_id|>

Use tools to get latest trending songs<|eot_id|><|start_header_id|>assistant<|end_header_id|>

<function=trending_songs>{"n": 10}</function><|eot_id|>)");
}

TEST(Llama32, AnnouncesInTheSystemMessageAndCallsWithAPythonList) {
  Dialog dialog;
  dialog.tools = {{.name = "get_weather",
                   .description = "Get weather info for places",
                   .parameters = Json::parse(R"({"type": "object", "properties": {
                       "city": {"type": "string", "description": "The name of the city to get the weather for"},
                       "metric": {"type": "string", "description": "The metric for weather. Options are: celsius, fahrenheit",
                                  "default": "celsius"}}, "required": ["city"]})")}};
  dialog.messages = {user("What is the weather in SF and Seattle?"),
                     calls({function("get_weather", {{"city", "San Francisco"}, {"metric", "celsius"}}),
                            function("get_weather", {{"city", "Seattle"}, {"metric", "celsius"}})}),
                     result("25 C")};
  EXPECT_EQ(rendered("llama-3.2", dialog, true), R"(<|begin_of_text|><|start_header_id|>system<|end_header_id|>

You are an expert in composing functions. You are given a question and a set of possible functions.
Based on the question, you will need to make one or more function/tool calls to achieve the purpose.
If none of the function can be used, point it out. If the given question lacks the parameters required by the function,
also point it out. You should only return the function call in tools call sections.

If you decide to invoke any of the function(s), you MUST put it in the format of [func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)]
You SHOULD NOT include any other text in the response.

Here is a list of functions in JSON format that you can invoke.

[
    {
        "name": "get_weather",
        "description": "Get weather info for places",
        "parameters": {
            "type": "dict",
            "required": [
                "city"
            ],
            "properties": {
                "city": {
                    "type": "string",
                    "description": "The name of the city to get the weather for"
                },
                "metric": {
                    "type": "string",
                    "description": "The metric for weather. Options are: celsius, fahrenheit",
                    "default": "celsius"
                }
            }
        }
    }
]<|eot_id|><|start_header_id|>user<|end_header_id|>

What is the weather in SF and Seattle?<|eot_id|><|start_header_id|>assistant<|end_header_id|>

[get_weather(city='San Francisco', metric='celsius'), get_weather(city='Seattle', metric='celsius')]<|eot_id|><|start_header_id|>ipython<|end_header_id|>

"25 C"<|eot_id|><|start_header_id|>assistant<|end_header_id|>

)");
}

// prompt_format.md of 3.2: the environment alone switches the interpreter on, and a blank line follows it when no tools are listed.
TEST(Llama32, SwitchesTheInterpreterOn) {
  Dialog dialog;
  dialog.core_tools = {"code_interpreter"};
  dialog.today = "24 September 2024";
  dialog.messages = {user("Is 7 prime?"), calls({code("print(True)")})};
  EXPECT_EQ(rendered("llama-3.2", dialog),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nEnvironment: ipython\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 24 September 2024\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nIs 7 prime?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n<|python_tag|>print(True)<|eom_id|>");
}

TEST(Llama31, EndsAPlanInItsOwnMessageWithEndOfMessage) {
  Dialog dialog;
  dialog.core_tools = {"code_interpreter"};
  dialog.messages = {user("2**8?"), {.sender = Sender::kAssistant, .content = "I will compute.", .ending = Ending::kMessage},
                     calls({code("print(2**8)")})};
  EXPECT_TRUE(rendered("llama-3.1", dialog).ends_with(
      "assistant<|end_header_id|>\n\nI will compute.<|eom_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
      "<|python_tag|>print(2**8)<|eom_id|>"));
}

TEST(Llama31, ReservedNamesOfLlama30AreFoundByTheirPlace) {
  Dialog dialog;
  dialog.core_tools = {"code_interpreter"};
  dialog.messages = {user("x"), calls({code("y")})};
  const auto format = make_chat_format("llama-3.1", llama30_bytes());
  const auto ids = format->render(dialog).ids;
  const auto new_names = make_chat_format("llama-3.1", llama3_bytes());
  EXPECT_EQ(ids, new_names->render(dialog).ids);
  EXPECT_EQ(format->stop_ids(), new_names->stop_ids());
}

TEST(Llama31, StopsAtEndOfTextMessageAndTurn) {
  const auto tokenizer = llama3_bytes();
  const std::vector<text::TokenId> expected = {*tokenizer->special("<|end_of_text|>"), *tokenizer->special("<|eom_id|>"),
                                               *tokenizer->special("<|eot_id|>")};
  EXPECT_EQ(make_chat_format("llama-3.1", tokenizer)->stop_ids(), expected);
}

TEST(SmolLm2, CallsInOneListBetweenTextTags) {
  Dialog dialog;
  dialog.tools = {{.name = "f"}};
  dialog.messages = {user("x"), calls({function("f", {{"x", 1}}), function("f", {{"y", "</tool_call>"}})})};
  EXPECT_TRUE(rendered("chatml-smollm2", dialog).ends_with(
      "<|im_start|>assistant\n<tool_call>[{\"name\": \"f\", \"arguments\": {\"x\": 1}}, {\"name\": \"f\", \"arguments\": {\"y\": "
      "\"<\\/tool_call>\"}}]</tool_call><|im_end|>"));
}

TEST(Formats, SayWhatTheyCannotWrite) {
  const auto fault = [](std::string_view format, const Dialog& dialog) -> std::string {
    try {
      rendered(format, dialog);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "";
  };
  const Dialog two_calls = {.messages = {user("x"), calls({function("f", Json::object()), function("g", Json::object())})}};
  EXPECT_EQ(fault("llama-3.1", two_calls),
            "message 1: 2 calls in one message, but the format 'llama-3.1' can write one. Give each call a message of its own.");
  EXPECT_EQ(fault("llama-3.2", two_calls), "");
  EXPECT_NE(fault("llama3", two_calls), "");
  EXPECT_NE(fault("chatml", two_calls), "");
  EXPECT_NE(fault("llama-2", two_calls), "");
  EXPECT_NE(fault("llama-3.1", {.messages = {user("x"), calls({search("brave_search", "a \"b\"")})}}), "");
  EXPECT_NE(fault("llama-3.2", {.messages = {user("x"), calls({function("a-b", Json::object())})}}), "");
  EXPECT_NE(fault("llama-2", {.messages = {user("x"), user("y")}}), "");
  EXPECT_NE(fault("mistral", {.messages = {says("x")}}), "");
  EXPECT_NE(fault("llama-2", {.messages = {system("x")}}), "");
}

TEST(Formats, UnknownNameIsRefusedWithTheNearestOne) {
  try {
    make_chat_format("llama-31", llama3_bytes());
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"llama-3.1\"?"), std::string::npos) << error.what();
  }
}

TEST(Formats, RefuseATokenizerWithoutTheirControlTokens) {
  EXPECT_THROW(make_chat_format("llama-3.1", qwen_bytes()), base::UserError);
  EXPECT_THROW(make_chat_format("chatml", llama3_bytes()), base::UserError);
  EXPECT_THROW(make_chat_format("mistral", qwen_bytes()), base::UserError);
}

}  // namespace
}  // namespace drover::chat
