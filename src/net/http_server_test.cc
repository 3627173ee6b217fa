#include "net/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"
#include "net/http_client.h"

/// Debian's cpp-httplib is compiled without ThreadSanitizer, which therefore does not see that its static patterns are made once.
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libcpp-httplib.so\n"; }

namespace drover::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpServerOptions test_options() {
  HttpServerOptions options;
  options.port = 0;
  return options;
}

/// Bytes over a connection, for requests that no client would send.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    const timeval limit{20, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~RawClient() { leave(); }

  void leave() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }
  /// False when the server has closed.
  bool send_text(const std::string& text) const {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// All that comes until the server closes.
  std::string read_all() const {
    std::string text;
    char buffer[4096];
    for (ssize_t count = 0; (count = recv(socket_, buffer, sizeof(buffer), 0)) > 0;) text.append(buffer, static_cast<std::size_t>(count));
    return text;
  }
  std::string read_some() const {
    char buffer[4096];
    const auto count = recv(socket_, buffer, sizeof(buffer), 0);
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
  }
  int descriptor() const { return socket_; }

 private:
  int socket_;
};

void add_echo(HttpServer& server) {
  server.route("POST", "/echo", [](HttpExchange& exchange) { exchange.respond(200, "text/plain", exchange.body()); });
  server.route("GET", "/hello", [](HttpExchange& exchange) { exchange.respond(200, "text/plain", "hello"); });
}

std::string url_of(const HttpServer& server, const std::string& path) { return fmt::format("http://127.0.0.1:{}{}", server.port(), path); }

/// Waits for something that another thread does; the limit only ends a test that has failed.
template <typename Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

std::string raw_answer(const HttpServer& server, const std::string& request) {
  const RawClient client(server.port());
  client.send_text(request);
  return client.read_all();
}

TEST(HttpServer, AnswersGetHeadAndPostOverOneConnection) {
  HttpServer server(test_options());
  add_echo(server);
  server.start();
  HttpClient client;
  EXPECT_EQ(client.fetch({.url = url_of(server, "/hello")}).response.body, "hello");
  EXPECT_EQ(client.fetch({.method = "POST", .url = url_of(server, "/echo"), .body = "some text"}).response.body, "some text");
  const auto head = client.fetch({.method = "HEAD", .url = url_of(server, "/hello")});
  EXPECT_FALSE(head.failure);
  EXPECT_EQ(head.response.body, "");
  EXPECT_EQ(head.response.header("content-length"), "5");
  EXPECT_EQ(server.num_connections(), 1);
}

TEST(HttpServer, RefusesWhatItHasNoRouteFor) {
  auto options = test_options();
  options.error_content_type = "application/json";
  options.error_body = [](int status, const std::string& sentence) { return fmt::format("{}|{}", status, sentence); };
  HttpServer server(options);
  add_echo(server);
  server.start();
  HttpClient client;
  const auto missing = client.fetch({.url = url_of(server, "/nothing")});
  EXPECT_EQ(missing.response.status, 404);
  EXPECT_EQ(missing.response.body, "404|There is nothing at /nothing.");
  EXPECT_EQ(missing.response.header("Content-Type"), "application/json");
  const auto wrong = client.fetch({.url = url_of(server, "/echo")});
  EXPECT_EQ(wrong.response.status, 405);
  EXPECT_EQ(wrong.response.header("Allow"), "POST");
  EXPECT_EQ(client.fetch({.method = "DELETE", .url = url_of(server, "/echo")}).response.status, 405);
}

TEST(HttpServer, RefusesBodiesOverTheLimitHoweverTheyAreSent) {
  auto options = test_options();
  options.max_body_bytes = 2000;
  HttpServer server(options);
  add_echo(server);
  server.start();
  HttpClient client;
  EXPECT_EQ(client.fetch({.method = "POST", .url = url_of(server, "/echo"), .body = std::string(2000, 'x')}).response.body.size(), 2000);
  EXPECT_EQ(client.fetch({.method = "POST", .url = url_of(server, "/echo"), .body = std::string(2001, 'x')}).response.status, 413);
  std::string chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 30; ++i) chunked += "64\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_THAT(raw_answer(server, chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServer, RefusesHeadsThatCannotBeRead) {
  HttpServer server(test_options());
  add_echo(server);
  server.start();
  for (const std::string request : {"nonsense\r\n\r\n", "GET\r\n\r\n", "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                                    "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                                    "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                                    "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                                    "GET /hello HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
                                    "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"}) {
    SCOPED_TRACE(request);
    EXPECT_THAT(raw_answer(server, request), StartsWith("HTTP/1.1 400"));
  }
  EXPECT_THAT(raw_answer(server, "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 414"));
  EXPECT_THAT(raw_answer(server, "POST /echo HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 415"));
  HttpClient client;
  EXPECT_EQ(client.fetch({.url = url_of(server, "/hello")}).response.body, "hello");
}

TEST(HttpServer, EndsAHeadThatNeverEnds) {
  auto options = test_options();
  options.head_timeout = milliseconds(200);
  HttpServer server(options);
  add_echo(server);
  server.start();
  {
    const RawClient flood(server.port());
    const std::string header = "X-Header: " + std::string(1000, 'x') + "\r\n";
    flood.send_text("GET /hello HTTP/1.1\r\n");
    int sent = 0;
    while (sent < 1'000'000 && flood.send_text(header)) ++sent;
    EXPECT_LT(sent, 1'000'000);  // the server stops reading after 64 KiB and closes
  }
  const RawClient slow(server.port());
  slow.send_text("GET /hello HTTP/1.1\r\n");
  slow.read_all();  // returns because the server closes
  EXPECT_TRUE(comes_true([&] { return server.num_connections() == 0; }));
}

TEST(HttpServer, OneConnectionTooManyIsAnsweredWith503) {
  auto options = test_options();
  options.max_connections = 2;
  HttpServer server(options);
  add_echo(server);
  server.start();
  const RawClient first(server.port());
  const RawClient second(server.port());
  ASSERT_TRUE(comes_true([&] { return server.num_connections() == 2; }));
  EXPECT_THAT(raw_answer(server, ""), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After")));
  first.send_text("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(first.read_all(), HasSubstr("hello"));
}

TEST(HttpServer, AHandlersExceptionIsThatAnswerOnly) {
  HttpServer server(test_options());
  add_echo(server);
  server.route("GET", "/ours", [](HttpExchange&) { throw base::UserError("A sentence."); });
  server.route("GET", "/strange", [](HttpExchange&) { throw std::runtime_error("secret"); });
  server.route("GET", "/silent", [](HttpExchange&) {});
  server.start();
  HttpClient client;
  const auto ours = client.fetch({.url = url_of(server, "/ours")}).response;
  EXPECT_EQ(ours.status, 500);
  EXPECT_EQ(ours.body, "A sentence.");
  EXPECT_EQ(client.fetch({.url = url_of(server, "/strange")}).response.body, "The server failed.");
  EXPECT_EQ(client.fetch({.url = url_of(server, "/silent")}).response.status, 500);
  EXPECT_EQ(client.fetch({.url = url_of(server, "/hello")}).response.body, "hello");
}

TEST(HttpServer, TheGateRefusesBeforeTheBodyIsRead) {
  HttpServer server(test_options());
  add_echo(server);
  server.set_gate([](HttpExchange& exchange) {
    if (exchange.header("Authorization") == "Bearer key") return false;
    exchange.respond(401, "text/plain", "no");
    return true;
  });
  server.start();
  HttpClient client;
  EXPECT_EQ(client.fetch({.url = url_of(server, "/hello")}).response.status, 401);
  EXPECT_EQ(client.fetch({.url = url_of(server, "/hello"), .headers = {{"Authorization", "Bearer key"}}}).response.status, 200);
  // The body never comes, the answer does.
  EXPECT_THAT(raw_answer(server, "POST /echo HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"), StartsWith("HTTP/1.1 401"));
}

TEST(HttpServer, AStreamArrivesPieceByPiece) {
  HttpServer server(test_options());
  std::mutex mutex;
  std::condition_variable changed;
  int allowed = 0;
  server.route("GET", "/stream", [&](HttpExchange& exchange) {
    exchange.stream("text/event-stream", [&](BodyWriter& writer) {
      for (int i = 1; i <= 3; ++i) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return allowed >= i; });
        writer.write(fmt::format("piece {}\n", i));
      }
    });
  });
  server.start();
  HttpClient client;
  std::string got;
  std::optional<HttpResult> result;
  client.start({.url = url_of(server, "/stream")}, [&](HttpResult ended) { result = std::move(ended); },
               [&](std::string_view piece) {
                 got += piece;
                 return true;
               });
  for (int i = 1; i <= 3; ++i) {
    {
      const std::lock_guard lock(mutex);
      allowed = i;
    }
    changed.notify_all();
    const auto wanted = fmt::format("piece {}\n", i);
    while (!got.ends_with(wanted) && !result) client.run(seconds(1));
    EXPECT_TRUE(got.ends_with(wanted));
  }
  while (!result) client.run(seconds(1));
  EXPECT_FALSE(result->failure);
  EXPECT_EQ(got, "piece 1\npiece 2\npiece 3\n");
}

TEST(HttpServer, ASlowClientStallsNobodyAndIsDroppedInTheEnd) {
  auto options = test_options();
  options.write_timeout = milliseconds(300);
  HttpServer server(options);
  add_echo(server);
  std::atomic<bool> dropped = false;
  server.route("GET", "/endless", [&](HttpExchange& exchange) {
    exchange.stream("text/plain", [&](BodyWriter& writer) {
      const std::string piece(1 << 16, 'x');
      while (writer.write(piece)) {
      }
      dropped = true;
    });
  });
  server.start();
  const RawClient slow(server.port());
  slow.send_text("GET /endless HTTP/1.1\r\n\r\n");  // and never reads
  HttpClient client;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.fetch({.url = url_of(server, "/hello")}).response.body, "hello");
  EXPECT_TRUE(comes_true([&] { return dropped.load(); }));
}

TEST(HttpServer, AHandlerLearnsThatItsClientHasLeft) {
  HttpServer server(test_options());
  std::atomic<int> entered = 0;
  std::atomic<int> noticed = 0;
  server.route("POST", "/wait", [&](HttpExchange& exchange) {
    ++entered;
    while (!exchange.is_gone()) std::this_thread::sleep_for(milliseconds(5));
    ++noticed;
    exchange.respond(200, "text/plain", "nobody reads this");
  });
  server.start();
  RawClient client(server.port());
  client.send_text("POST /wait HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_TRUE(comes_true([&] { return entered == 1; }));
  EXPECT_EQ(noticed, 0);
  client.leave();
  EXPECT_TRUE(comes_true([&] { return noticed == 1; }));
}

TEST(HttpServer, StopLetsAnswersFinishAndThenCutsTheRest) {
  HttpServer server(test_options());
  std::atomic<bool> entered = false;
  server.route("GET", "/short", [&](HttpExchange& exchange) {
    entered = true;
    std::this_thread::sleep_for(milliseconds(100));
    exchange.respond(200, "text/plain", "done");
  });
  server.route("GET", "/long", [&](HttpExchange& exchange) {
    entered = true;
    while (!exchange.is_gone()) std::this_thread::sleep_for(milliseconds(5));
    exchange.respond(200, "text/plain", "late");
  });
  server.start();
  const RawClient idle(server.port());
  const RawClient finishes(server.port());
  finishes.send_text("GET /short HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(comes_true([&] { return entered.load(); }));
  server.stop(seconds(20));
  EXPECT_THAT(finishes.read_all(), HasSubstr("done"));
  EXPECT_EQ(idle.read_all(), "");

  HttpServer other(test_options());
  entered = false;
  other.route("GET", "/long", [&](HttpExchange& exchange) {
    entered = true;
    while (!exchange.is_gone()) std::this_thread::sleep_for(milliseconds(5));
  });
  other.start();
  const RawClient cut(other.port());
  cut.send_text("GET /long HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(comes_true([&] { return entered.load(); }));
  other.stop(milliseconds(50));
  EXPECT_EQ(other.num_connections(), 0);
}

TEST(HttpServer, APortThatIsTakenIsTheSurroundingsFault) {
  HttpServer server(test_options());
  server.start();
  auto options = test_options();
  options.port = server.port();
  HttpServer second(options);
  EXPECT_THROW(second.start(), base::SurroundingsError);
}

TEST(HttpServer, ManyRangesDoNotMultiplyAnAnswer) {
  HttpServer server(test_options());
  server.route("GET", "/big", [](HttpExchange& exchange) { exchange.respond(200, "text/plain", std::string(100'000, 'x')); });
  server.start();
  std::string ranges = "bytes=0-";
  for (int i = 0; i < 1000; ++i) ranges += ",0-";
  HttpClient client;
  EXPECT_EQ(client.fetch({.url = url_of(server, "/big"), .headers = {{"Range", ranges}}}).response.body.size(), 100'000);
}

}  // namespace
}  // namespace drover::net
