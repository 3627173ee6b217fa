// What the server refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, RequestsThatCannotBeMetAreRefusedWithTheFieldsName) {
  begin();
  const std::vector<std::pair<std::string, Json>> refused = {
      {"messages", Json::object()},
      {"messages", {{"messages", Json::array()}}},
      {"messages", {{"messages", "hello"}}},
      {"messages", {{"messages", Json::array({Json{{"role", "king"}, {"content", "x"}}})}}},
      {"temperature", say("x", {{"temperature", -1}})},
      {"temperature", say("x", {{"temperature", "hot"}})},
      {"top_p", say("x", {{"top_p", 1.5}})},
      {"n", say("x", {{"n", 0}})},
      {"n", say("x", {{"n", 100000}})},
      {"n", say("x", {{"n", 1.5}})},
      {"max_tokens", say("x", {{"max_tokens", 0}})},
      {"max_tokens", say("x", {{"max_tokens", 5000}})},
      {"max_completion_tokens", say("x", {{"max_tokens", 5}, {"max_completion_tokens", 6}})},
      {"stop", say("x", {{"stop", ""}})},
      {"stop", say("x", {{"stop", {1, 2}}})},
      {"seed", say("x", {{"seed", "abc"}})},
      {"logit_bias", say("x", {{"logit_bias", {{"not an id", 1}}}})},
      {"logit_bias", say("x", {{"logit_bias", {{"5", 1000}}}})},
      {"top_logprobs", say("x", {{"logprobs", true}, {"top_logprobs", 21}})},
      {"top_logprobs", say("x", {{"logprobs", true}, {"top_logprobs", -1}})},
      {"top_logprobs", say("x", {{"top_logprobs", 3}})},
      {"top_logprobs", say("x", {{"logprobs", true}, {"top_logprobs", 20}, {"n", 100}, {"max_tokens", 500}})},
      {"tool_choice", say("x", {{"tool_choice", "required"}})},
      {"tool_choice", say("x", {{"tools", kWeather}, {"tool_choice", {{"type", "function"}, {"function", {{"name", "other"}}}}}})},
      {"tools", say("x", {{"tools", {{{"type", "magic"}}}}})},
      {"response_format", say("x", {{"response_format", {{"type", "yaml"}}}})},
      {"response_format", say("x", {{"response_format", Json::parse(R"({"type": "json_schema", "json_schema": {"schema": {"type": "magic"}}})")}})},
      {"response_format", say("x", {{"tools", kWeather}, {"response_format", {{"type", "json_object"}}}})},
      {"reasoning_effort", say("x", {{"reasoning_effort", "high"}})},
      {"functions", say("x", {{"functions", Json::array()}})},
      {"stream_options", say("x", {{"stream_options", {{"include_usage", true}}}})},
      {"temprature", say("x", {{"temprature", 1}})},
  };
  for (const auto& [field, body] : refused) {
    SCOPED_TRACE(body.dump());
    const auto answer = chat(body, 400);
    EXPECT_EQ(answer["error"]["type"], "invalid_request_error");
    EXPECT_EQ(answer["error"]["param"], field);
    EXPECT_GT(answer["error"]["message"].get<std::string>().size(), 10);
  }
  EXPECT_THAT(chat(say("x", {{"temprature", 1}}), 400)["error"]["message"].get<std::string>(), HasSubstr("temperature"));
  const auto unknown = chat(say("x", {{"model", "gpt-4"}}), 404)["error"];
  EXPECT_EQ(unknown["code"], "model_not_found");
  EXPECT_EQ(unknown["type"], "invalid_request_error");
  EXPECT_EQ(unknown["param"], nullptr);
  EXPECT_EQ(post("/v1/completions", {{"prompt", "x"}, {"echo", true}}, 400)["error"]["param"], "echo");
  EXPECT_EQ(post("/v1/completions", {{"prompt", "x"}, {"logprobs", 6}}, 400)["error"]["param"], "logprobs");
  EXPECT_EQ(post("/v1/completions", {{"prompt", {5, 100000}}}, 400)["error"]["type"], "invalid_request_error");
  EXPECT_EQ(post("/v1/completions", {{"prompt", ""}}, 400)["error"]["type"], "invalid_request_error");
  EXPECT_EQ(post("/v1/completions", {{"prompt", std::string(5000, 'x')}}, 400)["error"]["type"], "invalid_request_error");
  EXPECT_EQ(post("/v1/embeddings", {{"input", "x"}}, 400)["error"]["type"], "invalid_request_error");
  EXPECT_EQ(post("/v1/nothing", Json::object(), 404)["error"]["type"], "invalid_request_error");
  // What says nothing about the reply is let through; null counts as absent.
  chat(say("x", {{"user", "me"}, {"metadata", {{"a", "b"}}}, {"temperature", nullptr}, {"tools", nullptr}, {"response_format", {{"type", "text"}}}}));
}

TEST_F(ServerTest, BodiesThatAreNoRequestAreRefused) {
  begin();
  for (const std::string body : {"", "{", "[]", "nonsense", "{\"messages\": [}", "{\"a\": 1, \"a\": 2}", "\xff\xfe"}) {
    SCOPED_TRACE(body);
    const auto result = client_.fetch({.method = "POST", .url = url("/v1/chat/completions"), .body = body});
    EXPECT_EQ(result.response.status, 400);
    EXPECT_TRUE(Json::parse(result.response.body).contains("error"));
  }
  EXPECT_EQ(client_.fetch({.method = "POST", .url = url("/v1/chat/completions"), .body = std::string(1'000'000, '[')}).response.status, 400);
}

TEST_F(ServerTest, TheKeyOpensEverythingButHealth) {
  auto options = any_port();
  options.api_key = "letmein";
  begin(scripted_model(), options);
  EXPECT_EQ(client_.fetch({.url = url("/health")}).response.status, 200);
  for (const std::string header : {"", "Bearer", "Bearer wrong", "Bearer letmeinn", "letmein"}) {
    const auto result = client_.fetch({.url = url("/v1/models"), .headers = {{"Authorization", header}}});
    EXPECT_EQ(result.response.status, 401);
    EXPECT_EQ(Json::parse(result.response.body)["error"]["code"], "invalid_api_key");
  }
  const auto models = client_.fetch({.url = url("/v1/models"), .headers = {{"Authorization", "Bearer letmein"}}});
  EXPECT_EQ(Json::parse(models.response.body)["data"][0]["id"], "parrot");
}

TEST_F(ServerTest, PagesOfOtherOriginsMayNotUseALocalServer) {
  begin();
  EXPECT_EQ(client_.fetch({.url = url("/v1/models"), .headers = {{"Origin", "https://evil.example"}}}).response.status, 403);
  EXPECT_EQ(client_.fetch({.url = url("/v1/models"), .headers = {{"Origin", "http://127.0.0.1.evil.example"}}}).response.status, 403);
  EXPECT_EQ(client_.fetch({.url = url("/v1/models"), .headers = {{"Origin", "http://localhost:3000"}}}).response.status, 200);
}

}  // namespace
}  // namespace drover::openai
