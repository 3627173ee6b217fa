#include "openai/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "engine/fake_paged_model_test.h"
#include "net/http_client.h"
#include "net/server_events.h"
#include "openai/embedding_answer.h"
#include "openai/remote_generator.h"
#include "openai/remote_request.h"
#include "openai/scripted_paged_model_test.h"

namespace drover::openai {
namespace {

using chat::Json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

ServedModel scripted_model(std::chrono::microseconds step = {}) {
  const auto tokenizer = chat::qwen_bytes();
  ServedModel model{.name = "parrot"};
  model.model = std::make_shared<ScriptedPagedModel>(tokenizer, step);
  model.tokenizer = tokenizer;
  model.format = chat::make_chat_format("chatml-qwen2.5", tokenizer);
  return model;
}

/// Two numbers a text: the number of tokens, and 0.5.
class CountingEncoder final : public model::Encoder {
 public:
  std::int64_t dimension() const override { return 2; }
  std::int64_t max_tokens() const override { return 10; }
  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::vector<std::vector<float>> embed(std::span<const std::string>) const override { throw std::logic_error("not used"); }
  std::vector<std::vector<float>> embed_tokens(std::span<const std::vector<text::TokenId>> texts) const override {
    std::vector<std::vector<float>> vectors;
    for (const auto& text : texts) vectors.push_back({static_cast<float>(text.size()), 0.5F});
    return vectors;
  }

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_ = chat::qwen_bytes();
};

ServerOptions any_port() {
  ServerOptions options;
  options.http.port = 0;
  options.engine.memory_bytes = 16 << 20;
  return options;
}

/// A server over the scripted model and a client for it.
class ServerTest : public ::testing::Test {
 protected:
  void begin(ServedModel model, ServerOptions options = any_port()) {
    std::vector<ServedModel> models;
    models.push_back(std::move(model));
    begin(std::move(models), std::move(options));
  }
  void begin(std::vector<ServedModel> models, ServerOptions options = any_port()) {
    server_ = std::make_unique<Server>(std::move(models), std::move(options));
    server_->start();
  }
  void begin() { begin(scripted_model()); }

  net::HttpRequest request(const std::string& path, const Json& body) const {
    return {.method = "POST", .url = url(path), .headers = {{"Content-Type", "application/json"}}, .body = body.dump()};
  }
  std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", server_->port(), path); }

  Json post(const std::string& path, const Json& body, int status = 200) {
    const auto result = client_.fetch(request(path, body));
    EXPECT_FALSE(result.failure) << result.failure->reason;
    EXPECT_EQ(result.response.status, status) << result.response.body;
    return Json::parse(result.response.body);
  }
  Json chat(Json body, int status = 200) { return post("/v1/chat/completions", body, status); }

  /// All chunks of a stream; the last event must be [DONE].
  std::vector<Json> stream(const std::string& path, Json body) {
    body["stream"] = true;
    std::vector<Json> chunks;
    bool is_done = false;
    net::ServerEventReader reader([&](std::string_view data) {
      EXPECT_FALSE(is_done);
      is_done = data == "[DONE]";
      if (!is_done) chunks.push_back(Json::parse(data));
    });
    std::optional<net::HttpResult> result;
    client_.start(request(path, body), [&](net::HttpResult ended) { result = std::move(ended); }, [&](std::string_view piece) {
      reader.push(piece);
      return true;
    });
    while (!result) client_.run(seconds(1));
    EXPECT_FALSE(result->failure);
    EXPECT_EQ(result->response.header("Content-Type"), "text/event-stream");
    EXPECT_TRUE(is_done);
    return chunks;
  }

  std::string metrics() { return client_.fetch({.url = url("/metrics")}).response.body; }

  /// Waits for something in the metrics; the limit only ends a test that has failed.
  bool metrics_come_to_hold(const std::string& line) {
    for (int i = 0; i < 2000; ++i) {
      if (metrics().find("\n" + line + "\n") != std::string::npos) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<Server> server_;
  net::HttpClient client_;
};

Json say(const std::string& text, Json more = Json::object()) {
  Json body = {{"model", "parrot"}, {"messages", Json::array({Json{{"role", "user"}, {"content", "say " + text}}})}};
  body.update(more);
  return body;
}

const Json kWeather = Json::parse(R"([{"type": "function", "function": {"name": "weather", "description": "Tells the weather.",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])");
const std::string kCall = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";

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

TEST_F(ServerTest, LogProbabilitiesAndIdsAreThoseOfTheSampledTokens) {
  begin();
  const auto answer = chat(say("hi", {{"logprobs", true}, {"return_token_ids", true}}));
  const auto& choice = answer["choices"][0];
  EXPECT_EQ(choice["token_ids"], Json({'h', 'i', 258}));
  const auto& content = choice["logprobs"]["content"];
  ASSERT_EQ(content.size(), 3);
  EXPECT_EQ(content[0]["token"], "h");
  EXPECT_EQ(content[0]["bytes"], Json({'h'}));
  EXPECT_NEAR(content[0]["logprob"].get<double>(), 0, 1e-6);  // the others are 40 nats below
  EXPECT_EQ(answer["prompt_token_ids"].size(), answer["usage"]["prompt_tokens"]);
  const auto spelled = chat(say("hi", {{"logprobs", true}, {"return_tokens_as_token_ids", true}}));
  EXPECT_EQ(spelled["choices"][0]["logprobs"]["content"][1]["token"], "token_id:105");
  // In a stream the same tokens come in pieces.
  Json streamed = Json::array();
  Json ids = Json::array();
  for (const auto& chunk : stream("/v1/chat/completions", say("hi", {{"logprobs", true}, {"return_token_ids", true}}))) {
    const auto& piece = chunk["choices"][0];
    if (piece["logprobs"].is_object()) streamed.insert(streamed.end(), piece["logprobs"]["content"].begin(), piece["logprobs"]["content"].end());
    if (piece.contains("token_ids")) ids.insert(ids.end(), piece["token_ids"].begin(), piece["token_ids"].end());
  }
  EXPECT_EQ(streamed, content);
  EXPECT_EQ(ids, choice["token_ids"]);
}

TEST_F(ServerTest, TellsTheMostProbableTokensAtEachPosition) {
  // Its logits after a sequence are known: what the server must tell can be computed.
  ServedModel model{.name = "fake"};
  model.tokenizer = chat::qwen_bytes();
  const auto fake = std::make_shared<engine::FakePagedModel>(
      engine::FakePagedModel::Shape{.max_positions = 200, .vocab_size = model.tokenizer->vocab_size(), .bytes_per_page = 100});
  model.model = fake;
  model.format = chat::make_chat_format("chatml-qwen2.5", model.tokenizer);
  begin(model);
  const auto expect_top = [&](const Json& prompt, const Json& reply, std::size_t count, const auto& top_at, const auto& spelling) {
    std::vector<text::TokenId> sequence;
    for (const auto& id : prompt) sequence.push_back(text::TokenId{id.get<std::int32_t>()});
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const auto outputs = fake->outputs_after(fake->state_after(sequence));
      double total = 0;
      for (const float output : outputs) total += std::exp(static_cast<double>(output));
      std::vector<std::int32_t> order(outputs.size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](auto left, auto right) { return outputs[static_cast<std::size_t>(left)] > outputs[static_cast<std::size_t>(right)]; });
      for (std::size_t rank = 0; rank < count; ++rank) {
        EXPECT_NEAR(top_at(i, rank, spelling(order[rank])), outputs[static_cast<std::size_t>(order[rank])] - std::log(total), 1e-5);
      }
      sequence.push_back(text::TokenId{reply[i].get<std::int32_t>()});
    }
  };
  // Temperature and penalties do not show in the numbers.
  Json body = {{"messages", Json::array({Json{{"role", "user"}, {"content", "x"}}})}, {"max_tokens", 6}, {"logprobs", true}, {"top_logprobs", 20},
               {"temperature", 0.3}, {"presence_penalty", 1}, {"seed", 3}, {"return_token_ids", true}, {"return_tokens_as_token_ids", true}};
  const auto answer = chat(body);
  const auto& choice = answer["choices"][0];
  const auto as_id = [](std::int32_t id) { return fmt::format("token_id:{}", id); };
  ASSERT_GT(choice["token_ids"].size(), 1);
  ASSERT_EQ(choice["logprobs"]["content"].size(), choice["token_ids"].size());
  expect_top(answer["prompt_token_ids"], choice["token_ids"], 20, [&](std::size_t i, std::size_t rank, const std::string& spelled) {
    const auto& top = choice["logprobs"]["content"][i]["top_logprobs"];
    EXPECT_EQ(top.size(), 20);
    EXPECT_EQ(top[rank]["token"], spelled);
    EXPECT_FALSE(top[rank]["bytes"].empty());
    return top[rank]["logprob"].get<double>();
  }, as_id);
  Json streamed = Json::array();
  for (const auto& chunk : stream("/v1/chat/completions", body)) {
    const auto& piece = chunk["choices"][0]["logprobs"];
    if (piece.is_object()) streamed.insert(streamed.end(), piece["content"].begin(), piece["content"].end());
  }
  EXPECT_EQ(streamed, choice["logprobs"]["content"]);

  // Completions: a map, with the drawn token beside the most probable ones. Bytes from 128 on are no characters alone.
  const Json text_body = {{"prompt", {1, 2, 3}}, {"max_tokens", 20}, {"logprobs", 5}, {"seed", 4}, {"return_token_ids", true}};
  const auto text_choice = post("/v1/completions", text_body)["choices"][0];
  const auto& log_probs = text_choice["logprobs"];
  const auto spelled = [&](std::int32_t id) {
    return id >= 128 && id < 256 ? fmt::format("bytes:\\x{:02x}", id) : std::string(model.tokenizer->bytes_of(text::TokenId{id}));
  };
  ASSERT_EQ(log_probs["top_logprobs"].size(), text_choice["token_ids"].size());
  expect_top({1, 2, 3}, text_choice["token_ids"], 5, [&](std::size_t i, std::size_t, const std::string& name) {
    const auto& top = log_probs["top_logprobs"][i];
    EXPECT_THAT(top.size(), ::testing::AnyOf(5, 6));
    EXPECT_EQ(top.value(log_probs["tokens"][i].get<std::string>(), 1.0), log_probs["token_logprobs"][i].get<double>());
    return top.value(name, 1.0);
  }, spelled);
  auto none = text_body;
  none["logprobs"] = 0;
  EXPECT_EQ(post("/v1/completions", none)["choices"][0]["logprobs"]["top_logprobs"], nullptr);
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

TEST_F(ServerTest, AVanishedClientIsCancelled) {
  begin(scripted_model(std::chrono::microseconds(500)));
  const Json forever = {{"messages", Json::array({Json{{"role", "user"}, {"content", "forever"}}})}, {"max_tokens", 3500}};
  for (const bool streams : {false, true}) {
    auto body = forever;
    body["stream"] = streams;
    net::HttpClient leaver;
    const auto id = leaver.start(request("/v1/chat/completions", body), [](net::HttpResult) {});
    while (metrics().find("\ndrover_sequences_running{model=\"parrot\"} 1\n") == std::string::npos) leaver.run(milliseconds(5));
    leaver.cancel(id);
    EXPECT_TRUE(metrics_come_to_hold("drover_sequences_running{model=\"parrot\"} 0"));
  }
  EXPECT_TRUE(metrics_come_to_hold("drover_vanished_clients_total{model=\"parrot\"} 2"));
  EXPECT_TRUE(metrics_come_to_hold("drover_pages_in_use{model=\"parrot\"} 0"));
}

int num_threads_of_this_process() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
  }
  return -1;
}

TEST_F(ServerTest, ServesHundredsOfClientsAtOnce) {
  begin();
  const int threads_before = num_threads_of_this_process();
  int most_threads = 0;
  int answered = 0;
  for (int i = 0; i < 256; ++i) {
    const auto text = fmt::format("number {}", i);
    const bool streams = i % 2 == 0;
    client_.start(request("/v1/chat/completions", say(text, {{"stream", streams}})), [&, text, streams](net::HttpResult result) {
      ASSERT_FALSE(result.failure) << result.failure->reason;
      ASSERT_EQ(result.response.status, 200) << result.response.body;
      std::string got;
      if (streams) {
        net::ServerEventReader reader([&got](std::string_view data) {
          if (data != "[DONE]") got += Json::parse(data)["choices"][0]["delta"].value("content", "");
        });
        reader.push(result.response.body);
      } else {
        got = Json::parse(result.response.body)["choices"][0]["message"]["content"];
      }
      EXPECT_EQ(got, text);
      ++answered;
    });
  }
  while (client_.num_in_flight() > 0) {
    client_.run(milliseconds(50));
    most_threads = std::max(most_threads, num_threads_of_this_process());
  }
  EXPECT_EQ(answered, 256);
  EXPECT_LE(most_threads, threads_before + 256 + 2);
}

TEST_F(ServerTest, AClientThatNeverReadsStallsNobody) {
  begin();
  // Pauses its reading after the first piece.
  net::HttpClient slow;
  bool has_begun = false;
  slow.start(request("/v1/chat/completions", {{"messages", Json::array({Json{{"role", "user"}, {"content", "forever"}}})}, {"max_tokens", 3500}, {"stream", true}, {"logprobs", true}}),
             [](net::HttpResult) {}, [&](std::string_view) { return has_begun = true; });
  while (!has_begun) slow.run(milliseconds(10));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(chat(say("hello"))["choices"][0]["message"]["content"], "hello");
}

TEST_F(ServerTest, TheSameSeedAnswersTheSameAndNoSeedAnother) {
  ServedModel model{.name = "fake"};
  model.model = std::make_shared<engine::FakePagedModel>(engine::FakePagedModel::Shape{.max_positions = 200, .vocab_size = 256, .bytes_per_page = 100});
  model.tokenizer = chat::qwen_bytes();
  begin(model);
  const auto ids = [&](const Json& more) {
    Json body = {{"prompt", {1, 2, 3}}, {"max_tokens", 20}, {"return_token_ids", true}};
    body.update(more);
    return post("/v1/completions", body)["choices"][0]["token_ids"];
  };
  EXPECT_EQ(ids({{"seed", 7}}), ids({{"seed", 7}}));
  EXPECT_NE(ids({{"seed", 7}}), ids({{"seed", 8}}));
  EXPECT_NE(ids(Json::object()), ids(Json::object()));
  EXPECT_EQ(ids({{"temperature", 0}}), ids({{"temperature", 0}}));
}

/// Draws of one request by the engine itself.
class DrawnReplies final : public engine::Listener {
 public:
  explicit DrawnReplies(std::int64_t count) : replies(static_cast<std::size_t>(count)) {}
  bool on_token(std::int64_t sample, const engine::SampledToken& token) override {
    replies[static_cast<std::size_t>(sample)].push_back(token);
    return true;
  }
  std::vector<std::vector<engine::SampledToken>> replies;
};

TEST_F(ServerTest, ARemoteGeneratorRecordsWhatTheServersEngineDrew) {
  const engine::FakePagedModel::Shape shape{.max_positions = 200, .vocab_size = 256, .bytes_per_page = 100};
  ServedModel model{.name = "fake"};
  model.model = std::make_shared<engine::FakePagedModel>(shape);
  model.tokenizer = chat::qwen_bytes();
  begin(model);
  RemoteOptions options;
  options.endpoints = {{.url = url("/v1")}};
  options.choices_per_request = 3;
  const auto generator = make_remote_generator(options);
  EXPECT_EQ(generator->model_name(), "fake");
  generate::GenerationRequest request;
  request.prompt_ids = {text::TokenId{5}, text::TokenId{6}};
  request.num_responses = 6;
  request.options.max_tokens = 15;
  request.options.seed = 11;
  request.options.stop_ids = {text::TokenId{65}, text::TokenId{66}};
  const auto result = generator->generate_one(request);

  engine::Engine engine(std::make_shared<engine::FakePagedModel>(shape), {.memory_bytes = 1 << 20});
  for (const std::int64_t first : {0, 3}) {
    auto own = request.options;
    own.seed = static_cast<std::uint64_t>(remote_seed(11, first));
    const auto drawn = std::make_shared<DrawnReplies>(3);
    engine.submit(engine::SampleRequest{.prompt = request.prompt_ids, .options = own, .num_samples = 3}, drawn);
    while (engine.step()) {
    }
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& response = result.responses[static_cast<std::size_t>(first) + i];
      ASSERT_EQ(response.ids.size(), drawn->replies[i].size());
      for (std::size_t t = 0; t < response.ids.size(); ++t) {
        EXPECT_EQ(response.ids[t], drawn->replies[i][t].id);
        EXPECT_NEAR(response.log_probs.at(t), drawn->replies[i][t].log_prob, 1e-5);
      }
    }
  }
}

TEST_F(ServerTest, AnEncoderMakesVectors) {
  ServedModel model{.name = "vectors"};
  model.encoder = std::make_shared<CountingEncoder>();
  begin(model);
  const auto answer = post("/v1/embeddings", {{"model", "vectors"}, {"input", {"abc", "de"}}});
  EXPECT_EQ(answer["data"][0]["embedding"], Json({3.0, 0.5}));
  EXPECT_EQ(answer["data"][1]["embedding"], Json({2.0, 0.5}));
  EXPECT_EQ(answer["data"][1]["index"], 1);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 5);
  // 3.0 and 0.5 are 0x40400000 and 0x3f000000 (IEEE 754).
  EXPECT_EQ(post("/v1/embeddings", {{"input", "abc"}, {"encoding_format", "base64"}})["data"][0]["embedding"], "AABAQAAAAD8=");
  EXPECT_EQ(post("/v1/embeddings", {{"input", {1, 2, 3, 4}}})["data"][0]["embedding"][0], 4.0);
  EXPECT_EQ(post("/v1/embeddings", {{"input", "longer than ten"}}, 400)["error"]["param"], "input");
  EXPECT_EQ(post("/v1/embeddings", {{"input", ""}}, 400)["error"]["param"], "input");
  EXPECT_EQ(post("/v1/embeddings", {{"input", {999999}}}, 400)["error"]["param"], "input");
  chat(say("x", {{"model", "vectors"}}), 400);
}

TEST(Base64, IsThatOfTheStandard) {
  // RFC 4648 in float32: 4 bytes end with "==", 8 with "=", 12 without.
  EXPECT_EQ(base64_of({1.0F}), "AACAPw==");
  EXPECT_EQ(base64_of({1.0F, 1.0F}), "AACAPwAAgD8=");
  EXPECT_EQ(base64_of({1.0F, 1.0F, 1.0F}), "AACAPwAAgD8AAIA/");
}

}  // namespace
}  // namespace drover::openai
