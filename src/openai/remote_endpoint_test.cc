// A real server, when DROVER_TEST_ENDPOINT names one ("http://127.0.0.1:8080/v1"); scripts/peers/remote_generator_against_servers.py
// starts servers and runs these. DROVER_TEST_ENDPOINT_GIVES lists what the server is known to give: "ids", "log_probs", "seeds".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "openai/remote_generator.h"

namespace drover::openai {
namespace {

using generate::Finish;

class RemoteEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* url = std::getenv("DROVER_TEST_ENDPOINT");
    if (url == nullptr) GTEST_SKIP() << "DROVER_TEST_ENDPOINT names no server";
    options_.endpoints = {{.url = url, .max_in_flight = 32}};
  }

  static bool server_gives(const std::string& what) {
    const char* given = std::getenv("DROVER_TEST_ENDPOINT_GIVES");
    return given != nullptr && std::string(given).find(what) != std::string::npos;
  }

  static generate::GenerationRequest ask(const std::string& question, std::int64_t num_responses) {
    generate::GenerationRequest request;
    request.dialog.messages = {{.sender = chat::Sender::kUser, .content = question}};
    request.num_responses = num_responses;
    request.options.max_tokens = 24;
    request.options.seed = 5;
    return request;
  }

  RemoteOptions options_;
};

TEST_F(RemoteEndpointTest, EverySampleComesOnceWithWhatTheServerGives) {
  std::vector<generate::GenerationRequest> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(ask("Tell me something about the number " + std::to_string(i) + ".", 1 + i % 5));
  std::map<std::pair<std::size_t, std::int64_t>, int> got;
  generate::GenerationCallbacks callbacks;
  callbacks.on_response = [&](std::size_t request, std::int64_t response, const generate::Response&) { ++got[{request, response}]; };
  const auto results = make_remote_generator(options_)->generate(requests, callbacks);
  std::set<std::string> texts;
  std::size_t num_responses = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ASSERT_EQ(results[i].responses.size(), static_cast<std::size_t>(requests[i].num_responses));
    for (std::int64_t j = 0; j < requests[i].num_responses; ++j, ++num_responses) {
      const auto& response = results[i].responses[static_cast<std::size_t>(j)];
      EXPECT_EQ((got[{i, j}]), 1);
      EXPECT_FALSE(response.text.empty());
      EXPECT_TRUE(response.finish == Finish::kTerminator || response.finish == Finish::kLength);
      EXPECT_LE(response.ids.size(), 24);
      EXPECT_TRUE(!server_gives("ids") || !response.ids.empty());
      EXPECT_TRUE(!server_gives("log_probs") || response.log_probs.size() == response.ids.size());
      for (const float log_prob : response.log_probs) EXPECT_LE(log_prob, 1e-4F);
      texts.insert(response.text);
    }
  }
  EXPECT_GT(texts.size(), num_responses * 3 / 4);  // samples, not copies of one
}

TEST_F(RemoteEndpointTest, TheSameSeedDrawsTheSame) {
  if (!server_gives("seeds")) GTEST_SKIP() << "the server keeps no such promise";
  const auto generator = make_remote_generator(options_);
  const auto first = generator->generate_one(ask("Name a colour.", 4));
  const auto second = generator->generate_one(ask("Name a colour.", 4));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(first.responses[i].text, second.responses[i].text);
}

TEST_F(RemoteEndpointTest, StopStringsAndLengthEndReplies) {
  const auto generator = make_remote_generator(options_);
  auto request = ask("Count from one to twenty in digits, separated by commas.", 1);
  request.options.temperature = 0;
  request.options.stop_strings = {"3"};
  const auto stopped = generator->generate_one(request).responses.at(0);
  EXPECT_THAT(stopped.text, ::testing::Not(::testing::HasSubstr("3")));
  request.options.stop_strings.clear();
  request.options.max_tokens = 2;
  EXPECT_EQ(generator->generate_one(request).responses.at(0).finish, Finish::kLength);
}

TEST_F(RemoteEndpointTest, ARefusedRequestFailsAloneAndSaysWhy) {
  std::map<std::size_t, std::string> failures;
  generate::GenerationCallbacks callbacks;
  callbacks.on_failure = [&](std::size_t request, const std::string& reason) { failures[request] = reason; };
  std::string endless;
  for (int i = 0; i < 200'000; ++i) endless += "word ";
  const std::vector<generate::GenerationRequest> requests = {ask(endless, 1), ask("Say hello.", 2)};
  const auto results = make_remote_generator(options_)->generate(requests, callbacks);
  EXPECT_EQ(failures.size(), 1);
  EXPECT_GT(failures[0].size(), 20);
  for (const auto& response : results[1].responses) EXPECT_FALSE(response.text.empty());
}

}  // namespace
}  // namespace drover::openai
