// Calls and schemas over HTTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/fake_paged_model_test.h"
#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServerTest, CallsAreReadFromTheModelsOwnFormat) {
  begin();
  const auto choice = chat(say("Let me look." + kCall, {{"tools", kWeather}}))["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  ASSERT_EQ(choice["message"]["tool_calls"].size(), 1);
  const auto& call = choice["message"]["tool_calls"][0];
  EXPECT_EQ(call["type"], "function");
  EXPECT_EQ(call["function"]["name"], "weather");
  EXPECT_EQ(Json::parse(call["function"]["arguments"].get<std::string>()), Json({{"city", "Paris"}}));
  EXPECT_FALSE(call["id"].get<std::string>().empty());
  EXPECT_THAT(choice["message"]["content"].get<std::string>(), AllOf(HasSubstr("Let me look."), Not(HasSubstr("tool_call"))));

  std::string text;
  Json calls = Json::array();
  std::string reason;
  for (const auto& chunk : stream("/v1/chat/completions", say("Let me look." + kCall, {{"tools", kWeather}}))) {
    const auto& streamed = chunk["choices"][0];
    text += streamed["delta"].value("content", "");
    if (streamed["delta"].contains("tool_calls")) calls.push_back(streamed["delta"]["tool_calls"][0]);
    if (streamed["finish_reason"].is_string()) reason = streamed["finish_reason"];
  }
  EXPECT_THAT(text, AllOf(HasSubstr("Let me look."), Not(HasSubstr("weather"))));
  ASSERT_EQ(calls.size(), 1);
  EXPECT_EQ(calls[0]["index"], 0);
  EXPECT_EQ(calls[0]["function"]["name"], "weather");
  EXPECT_EQ(reason, "tool_calls");
}

TEST_F(ServerTest, ToolChoiceDecidesWhetherTheModelMayOrMustCall) {
  begin();
  const auto may = chat(say("x", {{"tools", kWeather}}));
  const auto none = chat(say("x", {{"tools", kWeather}, {"tool_choice", "none"}}));
  const auto without = chat(say("x"));
  EXPECT_EQ(none["usage"]["prompt_tokens"], without["usage"]["prompt_tokens"]);
  EXPECT_GT(may["usage"]["prompt_tokens"], without["usage"]["prompt_tokens"]);
  // The parrot would say something else, were it free to.
  for (const Json& must : {Json("required"), Json::parse(R"({"type": "function", "function": {"name": "weather"}})")}) {
    const auto answer = chat(say("no call", {{"tools", kWeather}, {"tool_choice", must}, {"max_tokens", 300}}));
    const auto& choice = answer["choices"][0];
    if (choice["finish_reason"] == "length") continue;  // it fills the city's name with its words
    ASSERT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["name"], "weather");
    EXPECT_TRUE(Json::parse(choice["message"]["tool_calls"][0]["function"]["arguments"].get<std::string>()).contains("city"));
  }
}

TEST_F(ServerTest, AFormatWithoutAGrammarOfCallsBeginsWithOne) {
  const auto tokenizer = chat::llama3_bytes();
  ServedModel llama{.name = "parrot"};
  llama.model = std::make_shared<engine::FakePagedModel>(engine::FakePagedModel::Shape{.max_positions = 4000, .vocab_size = 267});
  llama.tokenizer = tokenizer;
  llama.format = chat::make_chat_format("llama-3.1-function-tag", tokenizer);
  begin(llama);
  const auto free = chat(say("x", {{"tools", kWeather}, {"max_tokens", 4}}));
  const auto forced = chat(say("x", {{"tools", kWeather}, {"tool_choice", "required"}, {"max_tokens", 4}}));
  // "<function=weather>{", which the two renderings of a call have in common.
  EXPECT_EQ(forced["usage"]["prompt_tokens"].get<std::size_t>(), free["usage"]["prompt_tokens"].get<std::size_t>() + std::string("<function=weather>{").size());
}

TEST_F(ServerTest, RepliesMeetAJsonSchema) {
  begin();
  const Json format = Json::parse(R"({"type": "json_schema", "json_schema": {"name": "answer", "schema":
    {"type": "object", "properties": {"verdict": {"enum": ["yes", "no"]}}, "required": ["verdict"], "additionalProperties": false}}})");
  for (int i = 0; i < 5; ++i) {
    const auto choice = chat(say("I will not.", {{"response_format", format}}))["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_THAT(Json::parse(choice["message"]["content"].get<std::string>())["verdict"].get<std::string>(), ::testing::AnyOf("yes", "no"));
  }
  const auto object = chat(say("{}", {{"response_format", {{"type", "json_object"}}}}))["choices"][0];
  EXPECT_EQ(object["message"]["content"], "{}");
}

}  // namespace
}  // namespace drover::openai
