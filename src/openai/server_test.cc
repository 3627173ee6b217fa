// What the server answers: chats and completions, whole and streamed, of one model or several.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/fake_paged_model_test.h"
#include "openai/counting_encoder_test.h"
#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServerTest, AnswersAChat) {
  begin();
  const auto answer = chat(say("hello there"));
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["model"], "parrot");
  EXPECT_TRUE(answer["id"].get<std::string>().starts_with("chatcmpl-"));
  ASSERT_EQ(answer["choices"].size(), 1);
  const auto& choice = answer["choices"][0];
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["message"]["content"], "hello there");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["logprobs"], nullptr);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);  // 11 bytes and the terminator
  EXPECT_EQ(answer["usage"]["total_tokens"], answer["usage"]["prompt_tokens"].get<int>() + 12);
}

TEST_F(ServerTest, StreamsWhatItWouldAnswer) {
  begin();
  const auto chunks = stream("/v1/chat/completions", say("grüße, 世界!", {{"n", 3}, {"stream_options", {{"include_usage", true}}}}));
  std::vector<std::string> texts(3);
  std::vector<std::string> reasons(3);
  for (const auto& chunk : chunks) {
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["id"], chunks[0]["id"]);
    for (const auto& choice : chunk["choices"]) {
      const auto index = choice["index"].get<std::size_t>();
      EXPECT_EQ(reasons.at(index), "");
      if (choice["delta"].contains("content")) texts.at(index) += choice["delta"]["content"].get<std::string>();
      if (choice["finish_reason"].is_string()) reasons.at(index) = choice["finish_reason"];
    }
  }
  EXPECT_THAT(texts, Each("grüße, 世界!"));
  EXPECT_THAT(reasons, Each("stop"));
  EXPECT_EQ(chunks[0]["choices"][0]["delta"]["role"], "assistant");
  EXPECT_TRUE(chunks.back()["choices"].empty());
  EXPECT_EQ(chunks.back()["usage"]["completion_tokens"], 3 * (std::string("grüße, 世界!").size() + 1));
}

TEST_F(ServerTest, StopStringsAreCutOutAlsoWhileStreaming) {
  begin();
  const auto whole = chat(say("one two three", {{"stop", {"two", "x"}}}))["choices"][0];
  EXPECT_EQ(whole["message"]["content"], "one ");
  EXPECT_EQ(whole["finish_reason"], "stop");
  EXPECT_EQ(whole["stop_reason"], "two");
  std::string text;
  for (const auto& chunk : stream("/v1/chat/completions", say("one two three", {{"stop", "two"}}))) {
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "one ");
  // A beginning of a stop string that goes on otherwise is text.
  EXPECT_EQ(chat(say("one tw", {{"stop", "two"}}))["choices"][0]["message"]["content"], "one tw");
}

TEST_F(ServerTest, StopStringsCountOnlyAfterTheLeastLength) {
  begin();
  // A token a byte: "one two " are 8, and the second "two" ends with the 11th.
  const auto text = [&](int min_tokens, const std::string& reply = "one two two three") {
    const auto choice = chat(say(reply, {{"stop", "two"}, {"min_tokens", min_tokens}, {"max_tokens", 40}}))["choices"][0];
    std::string streamed;
    for (const auto& chunk : stream("/v1/chat/completions", say(reply, {{"stop", "two"}, {"min_tokens", min_tokens}, {"max_tokens", 40}}))) {
      streamed += chunk["choices"][0]["delta"].value("content", "");
    }
    EXPECT_EQ(streamed, choice["message"]["content"].get<std::string>());
    return streamed;
  };
  EXPECT_EQ(text(0), "one ");
  EXPECT_EQ(text(6), "one ");  // ends with the seventh token, which is free to
  EXPECT_EQ(text(7), "one two ");
  EXPECT_EQ(text(10), "one two ");
  EXPECT_EQ(text(11), "one two two three");
  EXPECT_EQ(text(9, "one twotwotwo"), "one two");  // the ones behind each other
}

TEST_F(ServerTest, TheLengthEndsAReply) {
  begin();
  const auto answer = chat(say("hello", {{"max_completion_tokens", 3}}));
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "hel");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

TEST_F(ServerTest, CompletesTextsAndTokenIds) {
  begin();
  const auto answer = post("/v1/completions", {{"prompt", {"abc", "d"}}, {"n", 2}, {"max_tokens", 3}, {"logprobs", 0}});
  EXPECT_EQ(answer["object"], "text_completion");
  ASSERT_EQ(answer["choices"].size(), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(answer["choices"][i]["index"], i);
    EXPECT_EQ(answer["choices"][i]["text"], "zzz");
    EXPECT_EQ(answer["choices"][i]["finish_reason"], "length");
    EXPECT_EQ(answer["choices"][i]["logprobs"]["tokens"], Json({"z", "z", "z"}));
  }
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  // Ids may hold control tokens: the scripted model then sees a dialog.
  Json ids = Json::array();
  const auto format = chat::make_chat_format("chatml-qwen2.5", chat::qwen_bytes());
  const chat::Dialog dialog{.messages = {{.sender = chat::Sender::kUser, .content = "say ids"}}};
  for (const auto id : format->render(dialog, {.generation_prompt = true}).ids) ids.push_back(text::to_int(id));
  EXPECT_EQ(post("/v1/completions", {{"prompt", ids}, {"stop_token_ids", {258}}})["choices"][0]["text"], "ids");
  std::string text;
  for (const auto& chunk : stream("/v1/completions", {{"prompt", "abc"}})) text += chunk["choices"][0]["text"];
  EXPECT_EQ(text, std::string(16, 'z'));  // the protocol's default length
}

TEST_F(ServerTest, ServesSeveralModelsByTheirNames) {
  std::vector<ServedModel> models(3);
  models[0] = scripted_model();
  models[1].name = "fake \"2\"";
  models[1].model = std::make_shared<engine::FakePagedModel>(engine::FakePagedModel::Shape{.max_positions = 300, .vocab_size = 256});
  models[1].tokenizer = chat::qwen_bytes();
  models[2].name = "vectors";
  models[2].encoder = std::make_shared<CountingEncoder>();
  auto options = any_port();
  options.engine.memory_bytes = 40 * 1024;  // 40 pages of the one, 409 of the other
  begin(models, options);

  const auto listed = Json::parse(client_.fetch({.url = url("/v1/models")}).response.body)["data"];
  ASSERT_EQ(listed.size(), 3);
  EXPECT_EQ(listed[0]["id"], "parrot");
  EXPECT_EQ(listed[1]["id"], "fake \"2\"");
  EXPECT_EQ(listed[2]["id"], "vectors");
  EXPECT_EQ(Json::parse(client_.fetch({.url = url("/v1/models/parrot")}).response.body), listed[0]);
  EXPECT_EQ(client_.fetch({.url = url("/v1/models/other")}).response.status, 404);

  EXPECT_EQ(chat(say("hello", {{"max_tokens", 50}}))["choices"][0]["message"]["content"], "hello");
  const Json prompt = {{"model", "fake \"2\""}, {"prompt", {1, 2, 3}}, {"max_tokens", 4}};
  EXPECT_EQ(post("/v1/completions", prompt)["usage"]["completion_tokens"], 4);
  EXPECT_EQ(post("/v1/embeddings", {{"model", "vectors"}, {"input", "abc"}})["data"][0]["embedding"][0], 3.0);
  EXPECT_EQ(chat(say("x", {{"model", "gpt-4"}}), 404)["error"]["code"], "model_not_found");
  EXPECT_EQ(chat(say("x", {{"model", nullptr}}), 400)["error"]["param"], "model");
  chat(say("x", {{"model", "vectors"}}), 400);  // writes nothing
  EXPECT_THAT(metrics(), AllOf(HasSubstr("drover_completion_tokens_total{model=\"parrot\"} 6\n"), HasSubstr("drover_completion_tokens_total{model=\"fake \\\"2\\\"\"} 4\n"),
                               HasSubstr("drover_requests_total{model=\"\",path=\"/v1/chat/completions\",status=\"404\"} 1\n")));

  // One budget: long requests of both models at once come to their ends by turns, though not two of them fit.
  int answered = 0;
  for (int i = 0; i < 12; ++i) {
    const auto body = i % 2 == 0 ? say("forever", {{"messages", Json::array({Json{{"role", "user"}, {"content", "forever"}}})}, {"max_tokens", 500}})
                                 : Json{{"model", "fake \"2\""}, {"prompt", {1, 2, i}}, {"max_tokens", 290}, {"n", 4}};
    client_.start(request(i % 2 == 0 ? "/v1/chat/completions" : "/v1/completions", body), [&](net::HttpResult result) {
      EXPECT_EQ(result.response.status, 200) << result.response.body;
      ++answered;
    });
  }
  while (client_.num_in_flight() > 0) client_.run(milliseconds(50));
  EXPECT_EQ(answered, 12);
}

TEST(Server, RefusesTwoModelsOfOneNameAndNone) {
  EXPECT_THROW(Server({scripted_model(), scripted_model()}, any_port()), base::UserError);
  EXPECT_THROW(Server({}, any_port()), base::UserError);
}

TEST_F(ServerTest, MetricsCountWhatHappened) {
  begin();
  chat(say("hello"));
  chat(say("x", {{"n", 0}}), 400);
  const auto text = metrics();
  EXPECT_THAT(text, HasSubstr("drover_requests_total{model=\"parrot\",path=\"/v1/chat/completions\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("drover_requests_total{model=\"\",path=\"/v1/chat/completions\",status=\"400\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("drover_completion_tokens_total{model=\"parrot\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("drover_request_seconds_bucket{model=\"parrot\",le=\"+Inf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("drover_first_token_seconds_count{model=\"parrot\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("drover_sequences_running{model=\"parrot\"} 0\n"));
}

TEST_F(ServerTest, AStreamCountsWhenItEnds) {
  auto model = scripted_model();
  std::atomic<bool> may_end = false;
  int steps = 0;
  static_cast<ScriptedPagedModel&>(*model.model).before_step = [&] {
    if (++steps > 3) may_end.wait(false);
  };
  begin(std::move(model));
  net::HttpClient client;
  bool has_begun = false;
  bool has_ended = false;
  client.start(request("/v1/chat/completions", say("hello there", {{"stream", true}})), [&](net::HttpResult) { has_ended = true; },
               [&](std::string_view) { return has_begun = true; });
  while (!has_begun) client.run(milliseconds(10));
  EXPECT_THAT(metrics(), AllOf(HasSubstr("drover_request_seconds_count{model=\"parrot\"} 0\n"), Not(HasSubstr("chat/completions"))));
  may_end = true;
  may_end.notify_all();
  while (!has_ended) client.run(milliseconds(10));
  EXPECT_TRUE(metrics_come_to_hold("drover_request_seconds_count{model=\"parrot\"} 1"));
  EXPECT_THAT(metrics(), HasSubstr("drover_requests_total{model=\"parrot\",path=\"/v1/chat/completions\",status=\"200\"} 1\n"));
}

}  // namespace
}  // namespace drover::openai
