#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace drover::net {

/// What to ask of a server. Redirects are not followed: a header with a key would go wherever a server points.
struct HttpRequest {
  std::string method = "GET";
  std::string url = {};                            ///< http:// or https://
  std::vector<HttpHeader> headers = {};
  std::string body = {};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{600'000};      ///< from start to the last byte of the answer; 0: none
  std::chrono::milliseconds silence_timeout{0};    ///< longest time without a byte, in whole seconds, rounded up; 0: none
  std::size_t max_response_bytes = std::size_t{64} << 20;
};

/// Why a transfer brought no whole answer.
struct HttpFailure {
  enum class Kind {
    kRequest,     ///< the request cannot be made: no such URL
    kConnection,  ///< nobody answers there: unknown host, refused, no TLS
    kTimeout,
    kCut,         ///< the connection broke in the middle
    kTooLarge,    ///< the answer exceeds max_response_bytes
    kStopped      ///< on_body returned false
  };
  Kind kind = Kind::kConnection;
  std::string reason;  ///< without a full stop; names neither headers nor what stands in the URL beside host and path
};

/// The end of a transfer: a whole answer, or a failure with what had come until then.
struct HttpResult {
  HttpResponse response;
  std::optional<HttpFailure> failure;
};

/// Names a transfer of one client; never used twice.
enum class TransferId : std::uint64_t {};

/// Many transfers at once from one thread: hundreds may be in flight, and connections are used again. Everything but `wake` belongs to
/// the thread that uses the client; callbacks run inside `run` and may start and cancel transfers.
class HttpClient {
 public:
  using OnDone = std::function<void(HttpResult)>;
  /// Receives pieces of the body as they come, in place of HttpResponse::body; false ends the transfer. Not called for an answer of
  /// status 300 and above, whose body is kept.
  using OnBody = std::function<bool(std::string_view piece)>;

  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Begins a transfer. `on_done` is called exactly once, from `run`, unless the transfer is cancelled before.
  TransferId start(HttpRequest request, OnDone on_done, OnBody on_body = {});

  /// Ends a transfer without a call of its `on_done`; unknown and finished ones are ignored.
  void cancel(TransferId transfer);

  std::size_t num_in_flight() const;

  /// Moves all transfers on: waits until something happens, but at most this long, and calls the callbacks of what happened.
  void run(std::chrono::milliseconds at_most);

  /// Ends the present or the next wait of `run`; from any thread.
  void wake();

  /// One transfer from start to end, while no other is in flight (checked).
  HttpResult fetch(HttpRequest request);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace drover::net
