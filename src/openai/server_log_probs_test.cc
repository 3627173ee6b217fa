// What the server records of the tokens that it drew.
#include <gmock/gmock.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "engine/fake_paged_model_test.h"
#include "openai/remote_generator.h"
#include "openai/remote_request.h"
#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

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

}  // namespace
}  // namespace drover::openai
