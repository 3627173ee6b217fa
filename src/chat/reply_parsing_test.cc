// What replies mean, form by form, and why malformed ones are refused.
#include <gtest/gtest.h>

#include "chat/byte_tokenizer_test.h"
#include "chat/chat_format.h"
#include "chat/dialog_json.h"

namespace drover::chat {
namespace {

/// Ids of a text in which control and added tokens are spelled, marked by a leading '^' (so that typed spellings stay text).
std::vector<text::TokenId> ids_of(const text::Tokenizer& tokenizer, std::string_view text) {
  std::vector<text::TokenId> ids;
  while (!text.empty()) {
    if (text.front() == '^') {
      for (std::size_t length = text.size(); length > 1; --length) {
        if (const auto id = tokenizer.special(text.substr(1, length - 1))) {
          ids.push_back(*id);
          text.remove_prefix(length);
          break;
        }
      }
      continue;
    }
    tokenizer.encode_into(text.substr(0, 1), {}, ids);
    text.remove_prefix(1);
  }
  return ids;
}

Dialog weather_dialog(std::string_view format) {
  Dialog dialog;
  dialog.messages = {{.sender = Sender::kUser, .content = "x"}};
  dialog.tools = {{.name = "get_weather"}, {.name = "trending_songs"}};
  if (format.starts_with("llama-3")) dialog.core_tools = {"brave_search", "code_interpreter"};
  return dialog;
}

ParsedReply parse(std::string_view format, std::string_view reply, bool with_tools = true) {
  const auto tokenizer = bytes_for(format);
  Dialog dialog = weather_dialog(format);
  if (!with_tools) {
    dialog.tools.clear();
    dialog.core_tools.clear();
  }
  return make_chat_format(format, tokenizer)->parse_reply(dialog, ids_of(*tokenizer, reply));
}

/// "name(arguments)" of each call, or "code: ...".
std::string calls_in(const ParsedReply& reply) {
  std::string text;
  for (const ToolCall& call : reply.messages.at(0).calls) {
    if (!text.empty()) text += "; ";
    text += call.kind == ToolCall::Kind::kCode ? "code: " + call.code
                                                : (call.kind == ToolCall::Kind::kBuiltin ? "core " : "") + call.name + call.arguments.dump();
  }
  return text;
}

/// The reason, and that the text stays as content.
std::string refused(std::string_view format, std::string_view reply) {
  const ParsedReply parsed = parse(format, reply);
  EXPECT_TRUE(parsed.messages.at(0).calls.empty());
  EXPECT_FALSE(parsed.messages.at(0).content.empty());
  if (!parsed.fault) return "not refused";
  EXPECT_EQ(parsed.fault->kind, ReplyFault::Kind::kMalformed);
  EXPECT_LE(parsed.fault->offset, static_cast<std::int64_t>(reply.size()));
  return parsed.fault->reason;
}

TEST(LlamaReply, ReadsEveryPublishedForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"^<|python_tag|>brave_search.call(query=\"latest price of 1oz gold\")^<|eom_id|>", "core brave_search{\"query\":\"latest price of 1oz gold\"}"},
      {"^<|python_tag|>print(1204**2)^<|eom_id|>", "code: print(1204**2)"},
      {"^<|python_tag|>{\"type\": \"function\", \"name\": \"trending_songs\", \"parameters\": {\"n\": \"10\"}}^<|eom_id|>", "trending_songs{\"n\":\"10\"}"},
      {"^<|python_tag|>{\n    \"type\": \"function\",\n    \"name\": \"trending_songs\",\n    \"parameters\": {\n        \"n\": \"10\"\n    }\n}^<|eom_id|>", "trending_songs{\"n\":\"10\"}"},
      {"<function=trending_songs>{\"n\": 10}</function>^<|eot_id|>", "trending_songs{\"n\":10}"},
      {"[get_weather(city='San Francisco', metric='celsius')]^<|eot_id|>", "get_weather{\"city\":\"San Francisco\",\"metric\":\"celsius\"}"},
      {"^<|python_tag|>[get_weather(city=\"San Francisco\")]^<|eot_id|>", "get_weather{\"city\":\"San Francisco\"}"},
      {"{\"name\": \"get_weather\", \"parameters\": {\"x\": 1}}^<|eot_id|>", "get_weather{\"x\":1}"},
      {"  \n{\"name\": \"get_weather\", \"parameters\": {}} ^<|eot_id|>", "get_weather{}"},
      {"brave_search.call(query=\"x\")^<|eom_id|>", "core brave_search{\"query\":\"x\"}"},
      {"<function=trending_songs>{'n': 10, 'who': \"it's\"}</function>^<|eot_id|>", "trending_songs{\"n\":10,\"who\":\"it's\"}"},
      {"^<|python_tag|>{\"name\": \"brave_search\", \"parameters\": {\"q\": \"gold\"}}^<|eom_id|>", "core brave_search{\"query\":\"gold\"}"},
      {"^<|python_tag|>[f(x) for x in y]^<|eom_id|>", "code: [f(x) for x in y]"},
      {"^<|start_header_id|>assistant^<|end_header_id|>\n\n^<|python_tag|>1+1^<|eom_id|>", "code: 1+1"},
  };
  for (const auto& [reply, expected] : cases) {
    SCOPED_TRACE(reply);
    const ParsedReply parsed = parse("llama-3.1", reply);
    EXPECT_EQ(calls_in(parsed), expected);
    EXPECT_EQ(parsed.messages.at(0).content, "");
    EXPECT_EQ(parsed.messages.at(0).ending, Ending::kMessage);
    EXPECT_FALSE(parsed.fault.has_value());
  }
}

TEST(LlamaReply, KeepsTheTextBeforeACall) {
  const ParsedReply parsed = parse("llama-3.1", "I look it up.\n^<|python_tag|>brave_search.call(query=\"x\")^<|eom_id|>");
  EXPECT_EQ(parsed.messages.at(0).content, "I look it up.\n");
  EXPECT_EQ(calls_in(parsed), "core brave_search{\"query\":\"x\"}");
}

TEST(LlamaReply, PlainAnswersStayPlain) {
  for (const char* text : {"Hello", "{not json}", "[1] is a footnote", "{\"answer\": 4}", "[]", "(f(x=1))", "call brave_search", " padded \n"}) {
    SCOPED_TRACE(text);
    const ParsedReply parsed = parse("llama-3.1", std::string(text) + "^<|eot_id|>");
    EXPECT_EQ(parsed.messages.at(0).content, text);
    EXPECT_EQ(parsed.messages.at(0).ending, Ending::kTurn);
    EXPECT_EQ(calls_in(parsed), "");
    EXPECT_FALSE(parsed.fault.has_value());
  }
}

TEST(LlamaReply, WithoutToolsTextIsNeverACall) {
  const ParsedReply parsed = parse("llama-3.1", "{\"name\": \"Bob\", \"parameters\": {}}^<|eot_id|>", /*with_tools=*/false);
  EXPECT_EQ(parsed.messages.at(0).content, "{\"name\": \"Bob\", \"parameters\": {}}");
  EXPECT_FALSE(parsed.fault.has_value());
}

TEST(LlamaReply, SaysWhyACallIsMalformed) {
  EXPECT_EQ(refused("llama-3.1", "^<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": "), "The JSON of the call ends too early.");
  EXPECT_EQ(refused("llama-3.1", "{\"name\": \"get_weather\", \"parameters\": {}}; {\"name\": \"get_weather\", \"parameters\": {}}^<|eot_id|>"),
            "The message makes two calls where one is allowed.");
  EXPECT_EQ(refused("llama-3.1", "{\"name\": \"get_weather\", \"name\": \"x\", \"parameters\": {}}^<|eot_id|>"),
            "The call is not JSON: the key \"name\" appears twice.");
  EXPECT_EQ(refused("llama-3.1", "{\"name\": \"get_weather\"}^<|eot_id|>"), "The call lacks \"parameters\".");
  EXPECT_EQ(refused("llama-3.1", "{\"name\": \"get_weather\", \"parameters\": [1]}^<|eot_id|>"), "\"parameters\" must be an object, found a list.");
  EXPECT_EQ(refused("llama-3.1", "{\"name\": \"get_weather\", \"arguments\": {}}^<|eot_id|>"),
            "The call has the unexpected key \"arguments\" (expected \"name\" and \"parameters\").");
  EXPECT_EQ(refused("llama-3.1", "<function=get_weather>{\"city\": \"x\"}^<|eot_id|>"), "The end tag </function> is missing.");
  EXPECT_EQ(refused("llama-3.1", "<function=get_weather>{}</function> And that's it.^<|eot_id|>"), "Text follows the call.");
  EXPECT_EQ(refused("llama-3.1", "<function=get_weather>{}</function><function=get_weather>{}</function>^<|eot_id|>"),
            "The message makes two calls where one is allowed.");
  EXPECT_EQ(refused("llama-3.1", "[get_weather(city='a'), get_weather(city='b')]^<|eot_id|>"), "The message makes two calls where one is allowed.");
  EXPECT_EQ(refused("llama-3.2", "[get_weather('San Francisco')]^<|eot_id|>"), "The list of calls cannot be read: only keyword arguments are allowed.");
  EXPECT_EQ(refused("llama-3.2", "[get_weather(city='San Fr"), "The list of calls cannot be read: it ends too early.");
  EXPECT_EQ(refused("llama-3.2", "[get_weather(city=__import__('os'))]^<|eot_id|>"),
            "The list of calls cannot be read: '__import__' is no literal value.");
  EXPECT_EQ(refused("llama-3.1", "^<|python_tag|>brave_search.call(q=\"x\")^<|eom_id|>"),
            "The call of a core tool is not of the form NAME.call(query=\"...\").");
  EXPECT_EQ(refused("llama-3.1", "Hi^<|start_header_id|>user^<|eot_id|>"), "The control token <|start_header_id|> stands inside the reply.");
}

TEST(Reply, AnUnknownFunctionIsReadAndFlagged) {
  for (const char* format : {"llama-3.1", "chatml-qwen2.5"}) {
    const bool llama = format[0] == 'l';
    const ParsedReply parsed = parse(format, llama ? "{\"name\": \"fly\", \"parameters\": {}}^<|eot_id|>"
                                                   : "^<tool_call>\n{\"name\": \"fly\", \"arguments\": {}}\n^</tool_call>^<|im_end|>");
    EXPECT_EQ(calls_in(parsed), "fly{}");
    ASSERT_TRUE(parsed.fault.has_value());
    EXPECT_EQ(parsed.fault->kind, ReplyFault::Kind::kUnknownFunction);
    EXPECT_EQ(parsed.fault->reason, "The reply calls the function \"fly\", which the dialog does not offer.");
  }
}

TEST(QwenReply, ReadsCallsBetweenTags) {
  const ParsedReply parsed = parse("chatml-qwen2.5",
                                   "Both.\n^<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n^</tool_call>\n"
                                   "^<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n^</tool_call>^<|im_end|>");
  EXPECT_EQ(parsed.messages.at(0).content, "Both.");
  EXPECT_EQ(calls_in(parsed), "get_weather{\"city\":\"Oslo\"}; get_weather{\"city\":\"Rome\"}");
  EXPECT_FALSE(parsed.fault.has_value());
}

TEST(QwenReply, SaysWhyACallIsMalformed) {
  EXPECT_EQ(refused("chatml-qwen2.5", "^<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}^<|im_end|>"), "The end tag </tool_call> is missing.");
  EXPECT_EQ(refused("chatml-qwen2.5", "x^</tool_call>^<|im_end|>"), "</tool_call> stands without <tool_call>.");
  EXPECT_EQ(refused("chatml-qwen2.5", "^<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n^</tool_call> done^<|im_end|>"), "Text follows the call.");
  EXPECT_EQ(refused("chatml-qwen2.5", "^<tool_call>\nget_weather\n^</tool_call>^<|im_end|>").substr(0, 21), "The call is not JSON:");
  EXPECT_EQ(refused("chatml-qwen2.5", "x^<|im_start|>user^<|im_end|>"), "The control token <|im_start|> stands inside the reply.");
}

TEST(QwenReply, TypedTagsAreTextWhereTheTagsAreTokens) {
  const ParsedReply parsed = parse("chatml-qwen2.5", "<tool_call>{}</tool_call>^<|im_end|>");
  EXPECT_EQ(parsed.messages.at(0).content, "<tool_call>{}</tool_call>");
  EXPECT_FALSE(parsed.fault.has_value());
}

TEST(Qwen3Reply, AnEmptyBlockOfThoughtsIsNoContent) {
  EXPECT_EQ(parse("chatml-qwen3", "^<think>\n\n^</think>\n\nHi^<|im_end|>").messages.at(0).content, "Hi");
  EXPECT_EQ(parse("chatml-qwen3", "^<think>\nso\n^</think>\n\nHi^<|im_end|>").messages.at(0).content, "<think>\nso\n</think>\n\nHi");
}

TEST(SmolLm2Reply, ReadsAListBetweenTextTags) {
  const ParsedReply parsed = parse("chatml-smollm2", "<tool_call>[\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n]</tool_call>^<|im_end|>");
  EXPECT_EQ(calls_in(parsed), "get_weather{\"city\":\"Oslo\"}");
  const ParsedReply none = parse("chatml-smollm2", "<tool_call>[]</tool_call>^<|im_end|>");
  EXPECT_EQ(none.messages.at(0).content, "<tool_call>[]</tool_call>");
  EXPECT_FALSE(none.fault.has_value());
}

TEST(MistralReply, ReadsCallsWithTheirIds) {
  const ParsedReply parsed = parse("mistral", "^[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}, \"id\": \"a1b2c3d4e\"}]^</s>");
  EXPECT_EQ(calls_in(parsed), "get_weather{\"city\":\"Oslo\"}");
  EXPECT_EQ(parsed.messages.at(0).calls.at(0).id, "a1b2c3d4e");
  EXPECT_EQ(refused("mistral", "^[TOOL_CALLS]{}^</s>"), "The calls must be a JSON list that is not empty.");
}

TEST(Reply, WithoutATerminatorItIsCut) {
  for (const std::string& format : chat_format_names()) {
    const ParsedReply parsed = parse(format, "Half an", false);
    EXPECT_EQ(parsed.messages.at(0).ending, Ending::kCut) << format;
    EXPECT_EQ(parsed.messages.at(0).content, "Half an") << format;
  }
}

TEST(Reply, EmptyReplyIsAnEmptyMessage) {
  for (const std::string& format : chat_format_names()) {
    const ParsedReply parsed = parse(format, "");
    ASSERT_EQ(parsed.messages.size(), 1u) << format;
    EXPECT_EQ(parsed.messages.at(0).content, "") << format;
    EXPECT_FALSE(parsed.fault.has_value()) << format;
  }
}

TEST(Reply, TokensAfterTheEndAreAFault) {
  const ParsedReply parsed = parse("chatml", "x^<|im_end|>\n", false);
  EXPECT_EQ(parsed.messages.at(0).content, "x");
  ASSERT_TRUE(parsed.fault.has_value());
}

TEST(Reply, CallsAreNotStreamed) {
  const auto tokenizer = llama3_bytes();
  const auto parser = make_chat_format("llama-3.1", tokenizer)->start_reply(weather_dialog("llama-3.1"));
  std::string streamed;
  for (const text::TokenId id : ids_of(*tokenizer, "I look.^<|python_tag|>brave_search.call(query=\"x\")^<|eom_id|>")) streamed += parser->push(id);
  EXPECT_EQ(streamed, "I look.");
  const auto json = make_chat_format("llama-3.1", tokenizer)->start_reply(weather_dialog("llama-3.1"));
  for (const text::TokenId id : ids_of(*tokenizer, " {\"name\": \"get_weather\", \"parameters\": {}}")) EXPECT_EQ(json->push(id), "");
}

}  // namespace
}  // namespace drover::chat
