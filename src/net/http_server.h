#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace drover::net {

struct HttpServerOptions {
  std::string host = "127.0.0.1";                  ///< address to listen at; 0.0.0.0: all of IPv4
  int port = 8080;                                 ///< 0: any free one
  std::size_t max_body_bytes = std::size_t{16} << 20;
  int max_connections = 512;                       ///< open at once; each has a thread. One more is answered with 503
  std::chrono::milliseconds head_timeout{10'000};  ///< for the head of a request, from its first byte to its last
  std::chrono::milliseconds body_timeout{60'000};  ///< for its body
  std::chrono::milliseconds write_timeout{30'000}; ///< longest wait for a client to take a piece of an answer
  std::chrono::milliseconds keep_alive{15'000};    ///< longest wait for the next request on a connection
  std::string error_content_type = "text/plain";
  /// The body of an answer that the server gives by itself: 400, 404, 405, 413, 415, 500, 503. Empty: the sentence.
  std::function<std::string(int status, const std::string& sentence)> error_body = {};

  /// Throws UserError that names the field.
  void validate() const;
};

/// Takes the pieces of a streamed answer.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  /// Sends a piece; waits while the client is slow. False: the client is gone, or took longer than the write timeout.
  virtual bool write(std::string_view piece) = 0;
  /// Whether the client has closed the connection.
  virtual bool is_gone() const = 0;
};

/// One request and its answer. Belongs to the handler that it is given to, on the thread of its connection.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const std::string& method() const = 0;
  virtual const std::string& path() const = 0;
  virtual const std::string& body() const = 0;
  /// Empty when the request has no such header.
  virtual std::string header(const std::string& name) const = 0;
  virtual const std::string& remote_address() const = 0;
  /// Whether the client has closed the connection (also in part: nobody waits for the answer).
  virtual bool is_gone() const = 0;

  /// The answer. One of `respond` and `stream` is called once; without, the answer is 500.
  virtual void respond(int status, const std::string& content_type, std::string body, const std::vector<HttpHeader>& headers = {}) = 0;
  /// Answers 200 with a body that `produce` writes after the handler has returned, on the same thread. An exception cuts the answer.
  virtual void stream(const std::string& content_type, std::function<void(BodyWriter&)> produce) = 0;
};

/// A server for programs and small pages: exact paths, one thread a connection, so a client that is slow or gone holds up nobody else.
/// What a client sends is bounded in bytes and in time before anything is allocated for it.
class HttpServer {
 public:
  /// May throw: the answer is then 500 with the exception's text when it is a base::Error, else with a general one.
  using Handler = std::function<void(HttpExchange&)>;
  /// Looks at the head of a request before its body is read; answers it (`respond`) and returns true to refuse it.
  using Gate = std::function<bool(HttpExchange&)>;

  explicit HttpServer(HttpServerOptions options);
  /// Stops at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Before `start`: "GET" or "POST" (whose body is read), and a whole path.
  void route(const std::string& method, const std::string& path, Handler handler);
  void set_gate(Gate gate);

  /// Begins to listen, on threads of its own. Throws SurroundingsError when the address cannot be had.
  void start();
  int port() const;
  int num_connections() const;

  /// Accepts nothing more, lets answers that are under way go on for `grace`, then closes all connections. Returns when all handlers
  /// have returned: one that waits must look at `is_gone`.
  void stop(std::chrono::milliseconds grace);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace drover::net
