#include "chat/dialog_json.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/dialog_file.h"
#include "chat/random_dialogs_test.h"

namespace drover::chat {
namespace {

Dialog read(std::string_view row) { return parse_dialog_row(row); }

std::string refusal(std::string_view row) {
  try {
    parse_dialog_row(row);
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(DialogJson, ReadsOpenAiMessages) {
  const Dialog dialog = read(R"({"messages": [
      {"role": "developer", "content": "Be brief."},
      {"role": "user", "content": [{"type": "text", "text": "Weather "}, {"type": "text", "text": "in Oslo?"}]},
      {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
          {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\", \"days\": 2}"}}]},
      {"role": "tool", "tool_call_id": "c1", "name": "get_weather", "content": "4"},
      {"role": "assistant", "content": "4 degrees.", "tool_calls": null}],
    "tools": [{"type": "function", "function": {"name": "get_weather", "description": "d", "strict": true,
               "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]})");
  ASSERT_EQ(dialog.messages.size(), 5u);
  EXPECT_EQ(dialog.messages[0].sender, Sender::kSystem);
  EXPECT_EQ(dialog.messages[1].content, "Weather in Oslo?");
  const Message& call = dialog.messages[2];
  EXPECT_EQ(call.ending, Ending::kMessage);
  ASSERT_EQ(call.calls.size(), 1u);
  EXPECT_EQ(call.calls[0], (ToolCall{.id = "c1", .name = "get_weather", .arguments = {{"city", "Oslo"}, {"days", 2}}}));
  EXPECT_EQ(dialog.messages[3].call_id, "c1");
  EXPECT_EQ(dialog.messages[3].tool_name, "get_weather");
  EXPECT_EQ(dialog.messages[4].ending, Ending::kTurn);
  ASSERT_EQ(dialog.tools.size(), 1u);
  EXPECT_EQ(dialog.tools[0].parameters["properties"]["city"]["type"], "string");
}

TEST(DialogJson, ReadsWhatDroverAdds) {
  const Dialog dialog = read(R"json({"messages": [
      {"role": "user", "content": "x"},
      {"role": "assistant", "content": "I compute.", "ending": "message", "recipient": "python"},
      {"role": "assistant", "content": "", "tool_calls": [{"type": "code", "code": "print(1)"}]},
      {"role": "assistant", "tool_calls": [{"type": "builtin", "name": "brave_search", "arguments": {"query": "q"}}]},
      {"role": "assistant", "content": "half", "ending": "cut"}],
    "core_tools": ["code_interpreter", "brave_search"], "today": "26 Jul 2024"})json");
  EXPECT_EQ(dialog.messages[1].ending, Ending::kMessage);
  EXPECT_EQ(dialog.messages[1].recipient, "python");
  EXPECT_EQ(dialog.messages[2].calls[0], (ToolCall{.kind = ToolCall::Kind::kCode, .name = "code_interpreter", .code = "print(1)"}));
  EXPECT_EQ(dialog.messages[3].calls[0],
            (ToolCall{.kind = ToolCall::Kind::kBuiltin, .name = "brave_search", .arguments = {{"query", "q"}}}));
  EXPECT_EQ(dialog.messages[4].ending, Ending::kCut);
  EXPECT_EQ(dialog.core_tools.size(), 2u);
  EXPECT_EQ(dialog.today, "26 Jul 2024");
}

TEST(DialogJson, ReadsShareGptWithCalls) {
  const Dialog dialog = read(R"({"system": "S", "conversations": [
      {"from": "human", "value": "Weather?"},
      {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"},
      {"from": "observation", "value": "4"},
      {"from": "gpt", "value": "4."}],
    "tools": "[{\"name\": \"f\", \"description\": \"d\", \"parameters\": {\"type\": \"object\"}}]"})");
  ASSERT_EQ(dialog.messages.size(), 5u);
  EXPECT_EQ(dialog.messages[0].sender, Sender::kSystem);
  EXPECT_EQ(dialog.messages[2].calls.at(0), (ToolCall{.name = "f", .arguments = {{"x", 1}}}));
  EXPECT_EQ(dialog.messages[2].ending, Ending::kMessage);
  EXPECT_EQ(dialog.messages[3].sender, Sender::kTool);
  EXPECT_EQ(dialog.messages[4].content, "4.");
  EXPECT_EQ(dialog.tools.at(0).name, "f");
}

TEST(DialogJson, ReadsPromptsAndCompletions) {
  EXPECT_EQ(read(R"({"prompt": "Hi"})").messages, (std::vector<Message>{{.sender = Sender::kUser, .content = "Hi"}}));
  const Dialog dialog = read(R"({"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(dialog.messages, (std::vector<Message>{{.sender = Sender::kUser, .content = "a"}, {.sender = Sender::kAssistant, .content = "b"}}));
  EXPECT_EQ(read(R"({"prompt": "a", "completion": "b"})").messages, dialog.messages);
}

TEST(DialogJson, RefusesWithPlaceAndReason) {
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x"}, {"role": "asistant", "content": "y"}]})"),
            "messages[1].role: unknown role \"asistant\" (did you mean \"assistant\"?)");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "contents": "x"}]})"),
            "messages[0]: unknown key \"contents\" (did you mean \"content\"?)");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x"}], "tool": []})"), "unknown key \"tool\" (did you mean \"tools\"?)");
  EXPECT_EQ(refusal(R"({"mesages": []})"),
            "the row has none of the keys messages, conversations, prompt, responses, chosen (did you mean \"messages\"?)");
  EXPECT_EQ(refusal(R"({"messages": []})"), "messages: the list of messages is empty");
  EXPECT_EQ(refusal(R"({"messages": "hi"})"), "messages: expected a list of messages, found a text");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user"}]})"), "messages[0]: the content is missing");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": 3}]})"), "messages[0].content: expected a text or a list of parts, found a number");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]})"),
            "messages[0].content[0]: only parts of type \"text\" are understood, not \"image_url\"");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f"}}]}]})"),
            "messages[0]: only an assistant can call tools");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\": "}}]}]})"),
            "messages[0].tool_calls[0].function.arguments: the text is not JSON at byte 6: it ends too early");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]}]})"),
            "messages[0].tool_calls[0].function.arguments: expected an object, found a list");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x", "ending": "cut"}]})"),
            "messages[0].ending: only an assistant's message can end in another way than \"turn\"");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x", "name": "Ann"}]})"),
            "messages[0].name: only a tool's message has a name here; models do not see it");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x", "refusal": "no"}]})"),
            "messages[0]: the key \"refusal\" is only understood when it is empty");
  EXPECT_EQ(refusal(R"({"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "f"}, {"name": "f"}]})"),
            "tools: the tool \"f\" appears twice");
  EXPECT_EQ(refusal(R"({"conversations": [{"from": "humn", "value": "x"}]})"),
            "conversations[0].from: unknown sender \"humn\" (did you mean \"human\"?)");
  EXPECT_EQ(refusal("{\"messages\": [").substr(0, 24), "the line is not JSON at ");
  EXPECT_EQ(refusal("[]"), "a row must be a JSON object, found a list");
  EXPECT_EQ(refusal(R"({"prompt": "x", "chosen": "a", "rejected": "b"})"),
            "expected a dialog, found a preference row (TRL chosen and rejected)");
}

TEST(DialogJson, WhatIsWrittenIsReadBackEqual) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    RandomDialogs random(base::RandomStream(6, "dialog_json", seed));
    const std::string format = random.chance(0.5) ? "llama-3.2" : "mistral";
    Dialog dialog = RandomDialogs::with_tools(format);
    if (random.chance(0.3)) dialog.today = random.text();
    for (ToolDefinition& tool : dialog.tools) {
      if (random.chance(0.5)) tool.parameters = random.arguments();
    }
    if (random.chance(0.5)) dialog.messages.push_back({.sender = Sender::kSystem, .content = random.text()});
    for (std::uint64_t i = 1 + random.below(4); i > 0; --i) {
      dialog.messages.push_back({.sender = Sender::kUser, .content = random.text()});
      dialog.messages.push_back(random.assistant(format));
      if (random.chance(0.3)) dialog.messages.back().recipient = random.text();
      if (random.chance(0.5)) {
        dialog.messages.push_back({.sender = Sender::kTool, .content = random.text(), .call_id = random.text(), .tool_name = random.text()});
      }
    }
    const std::string line = dialog_to_json(dialog).dump();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    ASSERT_TRUE(read(line) == dialog) << line;
  }
}

TEST(DialogJson, BytesThatAreNoUtf8AreWrittenAsReplacementCharacters) {
  const Dialog dialog = {.messages = {{.sender = Sender::kAssistant, .content = "a\xFF" "b"}}};
  EXPECT_EQ(read(dialog_to_json(dialog).dump()).messages[0].content, "a\xEF\xBF\xBD" "b");
}

}  // namespace
}  // namespace drover::chat
