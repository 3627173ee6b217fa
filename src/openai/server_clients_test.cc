// Clients that vanish, crowd, or never read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

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

}  // namespace
}  // namespace drover::openai
