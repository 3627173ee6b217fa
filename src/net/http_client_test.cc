#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "base/error.h"
#include "net/http_server.h"

namespace drover::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : server_(options()) {
    server_.route("POST", "/echo", [](HttpExchange& exchange) { exchange.respond(200, "text/plain", exchange.body()); });
    server_.route("POST", "/slow_echo", [](HttpExchange& exchange) {
      std::this_thread::sleep_for(milliseconds(20));
      exchange.respond(200, "text/plain", exchange.body());
    });
    server_.route("GET", "/never", [](HttpExchange& exchange) {
      while (!exchange.is_gone()) std::this_thread::sleep_for(milliseconds(2));
    });
    server_.route("GET", "/cut", [](HttpExchange& exchange) {
      exchange.stream("text/plain", [](BodyWriter& writer) {
        writer.write("the beginning");
        throw std::runtime_error("cut");
      });
    });
    server_.route("GET", "/long", [](HttpExchange& exchange) { exchange.respond(200, "text/plain", std::string(100'000, 'x')); });
    server_.route("GET", "/away", [this](HttpExchange& exchange) { exchange.respond(302, "text/plain", "moved", {{"Location", url("/long")}}); });
    server_.start();
  }

  static HttpServerOptions options() {
    HttpServerOptions options;
    options.port = 0;
    return options;
  }
  std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", server_.port(), path); }

  HttpServer server_;
  HttpClient client_;
};

TEST_F(ClientTest, HundredsInFlightEachGetTheirOwnAnswer) {
  std::set<std::string> answers;
  for (int i = 0; i < 300; ++i) {
    client_.start({.method = "POST", .url = url("/slow_echo"), .body = std::to_string(i)}, [&](HttpResult result) {
      EXPECT_FALSE(result.failure) << result.failure->reason;
      EXPECT_TRUE(answers.insert(result.response.body).second);
    });
  }
  EXPECT_EQ(client_.num_in_flight(), 300);
  while (client_.num_in_flight() > 0) client_.run(seconds(1));
  EXPECT_EQ(answers.size(), 300);
}

TEST_F(ClientTest, ConnectionsAreUsedAgain) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client_.fetch({.method = "POST", .url = url("/echo"), .body = "x"}).response.status, 200);
  EXPECT_EQ(server_.num_connections(), 1);
}

TEST_F(ClientTest, ATransferMayBeStartedFromTheEndOfAnother) {
  std::string second;
  client_.start({.method = "POST", .url = url("/echo"), .body = "first"}, [&](HttpResult result) {
    client_.start({.method = "POST", .url = url("/echo"), .body = result.response.body + ", second"},
                  [&](HttpResult next) { second = next.response.body; });
  });
  while (client_.num_in_flight() > 0) client_.run(seconds(1));
  EXPECT_EQ(second, "first, second");
}

TEST_F(ClientTest, ATimeoutIsAFailure) {
  const auto result = client_.fetch({.url = url("/never"), .timeout = milliseconds(100)});
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->kind, HttpFailure::Kind::kTimeout);
}

TEST_F(ClientTest, AnAnswerThatBreaksOffIsAFailure) {
  const auto result = client_.fetch({.url = url("/cut")});
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->kind, HttpFailure::Kind::kCut);
}

TEST_F(ClientTest, AnAnswerOverTheLimitIsAFailure) {
  const auto result = client_.fetch({.url = url("/long"), .max_response_bytes = 99'999});
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->kind, HttpFailure::Kind::kTooLarge);
  EXPECT_FALSE(client_.fetch({.url = url("/long"), .max_response_bytes = 100'000}).failure);
}

TEST_F(ClientTest, NobodyThereIsAFailureThatSaysSo) {
  const auto port = server_.port();
  server_.stop(milliseconds(0));
  const auto result = client_.fetch({.url = fmt::format("http://127.0.0.1:{}/echo", port)});
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->kind, HttpFailure::Kind::kConnection);
  EXPECT_THAT(result.failure->reason, HasSubstr("127.0.0.1"));
}

TEST_F(ClientTest, UrlsOfOtherKindsAreRefused) {
  for (const std::string bad : {"file:///etc/passwd", "ftp://127.0.0.1/x", "", "http://"}) {
    SCOPED_TRACE(bad);
    const auto result = client_.fetch({.url = bad});
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(result.failure->kind, HttpFailure::Kind::kRequest);
  }
  EXPECT_THROW(client_.fetch({.url = url("/echo"), .headers = {{"X", "a\r\nY: b"}}}), base::UserError);
}

TEST_F(ClientTest, RedirectsAreNotFollowed) {
  const auto result = client_.fetch({.url = url("/away")});
  EXPECT_EQ(result.response.status, 302);
  EXPECT_EQ(result.response.body, "moved");
}

TEST_F(ClientTest, ACancelledTransferNeverCallsBack) {
  bool called = false;
  const auto id = client_.start({.url = url("/never")}, [&](HttpResult) { called = true; });
  client_.run(milliseconds(20));
  client_.cancel(id);
  EXPECT_EQ(client_.num_in_flight(), 0);
  client_.run(milliseconds(1));
  EXPECT_FALSE(called);
}

TEST_F(ClientTest, TheReaderOfABodyMayStop) {
  std::optional<HttpResult> result;
  client_.start({.url = url("/long")}, [&](HttpResult ended) { result = std::move(ended); }, [](std::string_view) { return false; });
  while (!result) client_.run(seconds(1));
  ASSERT_TRUE(result->failure);
  EXPECT_EQ(result->failure->kind, HttpFailure::Kind::kStopped);
}

TEST_F(ClientTest, WakeEndsTheWaiting) {
  client_.start({.url = url("/never")}, [](HttpResult) {});
  client_.run(milliseconds(50));
  std::thread other([&] { client_.wake(); });
  client_.run(std::chrono::minutes(10));
  other.join();
  EXPECT_EQ(client_.num_in_flight(), 1);
}

TEST(ShownUrl, HidesWhatMayBeSecret) {
  EXPECT_EQ(shown_url("https://me:secret@host.example:8443/v1?key=secret#part"), "https://host.example:8443/v1");
  EXPECT_EQ(shown_url("not a url at all"), "(not a URL)");
}

}  // namespace
}  // namespace drover::net
