#include "net/http_server.h"

// This library is seen here only: its header costs seconds, and its macros decide the layout of its types. It parses requests, routes
// and frames answers; connections, limits and waiting are ours, because version 0.11 reads heads of any length and cannot say when a
// client is gone.
#include <httplib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/error.h"

namespace drover::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxHeadBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxPathBytes = 1024;
constexpr int kBacklog = 1024;  // connections that wait to be accepted; the library asks for 5

/// Waits for events on one or two descriptors. False when the time is over.
bool wait_for(pollfd* fds, nfds_t count, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    const int ready = poll(fds, count, static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 3'600'000)));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= until) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// The open connections, so that they can be counted and closed.
class Connections {
 public:
  Connections() : stop_event_(eventfd(0, EFD_CLOEXEC)) {
    if (stop_event_ < 0) throw base::SurroundingsError("No descriptor is left for the server: {}.", std::strerror(errno));
  }
  ~Connections() { close(stop_event_); }
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void add(int socket) {
    const std::lock_guard lock(mutex_);
    sockets_.insert(socket);
    if (cut_) shutdown(socket, SHUT_RDWR);
  }
  void close_and_remove(int socket) {
    const std::lock_guard lock(mutex_);  // its number may be another connection's as soon as it is closed
    close(socket);
    sockets_.erase(socket);
    changed_.notify_all();
  }
  int count() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(sockets_.size());
  }

  /// Ends the waiting for further requests.
  void begin_stop() {
    stopping_ = true;
    eventfd_write(stop_event_, 1);
  }
  bool is_stopping() const { return stopping_; }
  int stop_event() const { return stop_event_; }

  void wait_then_cut(std::chrono::milliseconds grace) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, grace, [this] { return sockets_.empty(); });
    cut_ = true;
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
  }

 private:
  int stop_event_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<int> sockets_;
  bool cut_ = false;
};

/// The bytes of one connection, with limits of size and time for what comes in and of time for what goes out.
class ConnectionStream final : public httplib::Stream {
 public:
  ConnectionStream(int socket, const HttpServerOptions& options) : socket_(socket), options_(options) {}

  using Stream::write;

  /// Waits for the first byte of a request. False when none comes: the client left or was silent for too long, or the server stops.
  bool wait_for_request(const Connections& connections) {
    if (begin_ < end_) return true;
    pollfd fds[] = {{socket_, POLLIN, 0}, {connections.stop_event(), POLLIN, 0}};
    return wait_for(fds, 2, Clock::now() + options_.keep_alive) && fds[1].revents == 0 && fill();
  }

  void begin_head() {
    budget_ = kMaxHeadBytes;
    deadline_ = Clock::now() + options_.head_timeout;
    must_close = false;
  }
  /// After the head: chunks have a frame of some bytes, and empty ones are possible.
  void begin_body() {
    budget_ = options_.max_body_bytes + options_.max_body_bytes / 4 + kMaxHeadBytes;
    deadline_ = Clock::now() + options_.body_timeout;
  }

  bool is_gone() const {
    pollfd fd{socket_, POLLRDHUP, 0};
    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
  }

  bool is_readable() const override { return begin_ < end_; }
  bool is_writable() const override { return !is_gone(); }

  ssize_t read(char* data, std::size_t size) override {
    if (begin_ == end_) {
      pollfd fd{socket_, POLLIN, 0};
      if (!wait_for(&fd, 1, deadline_) || !fill()) return -1;
    }
    const auto count = std::min({size, end_ - begin_, budget_});
    if (count == 0) return -1;
    std::memcpy(data, buffer_ + begin_, count);
    begin_ += count;
    budget_ -= count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, std::size_t size) override {
    while (true) {
      const auto count = send(socket_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0) return count;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
      pollfd fd{socket_, POLLOUT, 0};
      if (!wait_for(&fd, 1, Clock::now() + options_.write_timeout)) return -1;
    }
  }

  void get_remote_ip_and_port(std::string& address, int& port) const override {
    sockaddr_storage name{};
    socklen_t length = sizeof(name);
    if (getpeername(socket_, reinterpret_cast<sockaddr*>(&name), &length) == 0) describe(name, length, address, port);
  }
  void get_local_ip_and_port(std::string& address, int& port) const override {
    sockaddr_storage name{};
    socklen_t length = sizeof(name);
    if (getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &length) == 0) describe(name, length, address, port);
  }
  socket_t socket() const override { return socket_; }

  /// Lets the client read the answer before the connection goes: closing while bytes of its request lie unread would reset it.
  void finish() {
    shutdown(socket_, SHUT_WR);
    const auto until = Clock::now() + std::chrono::seconds(1);
    for (int rounds = 0; rounds < 256; ++rounds) {
      pollfd fd{socket_, POLLIN, 0};
      if (!wait_for(&fd, 1, until) || recv(socket_, buffer_, sizeof(buffer_), 0) <= 0) return;
    }
  }

  bool must_close = false;  ///< the request's body was not read to its end, so nothing can follow

 private:
  bool fill() {
    ssize_t count = 0;
    do {
      count = recv(socket_, buffer_, sizeof(buffer_), 0);
    } while (count < 0 && errno == EINTR);
    begin_ = 0;
    end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
    return count > 0;
  }

  static void describe(const sockaddr_storage& name, socklen_t length, std::string& address, int& port) {
    char host[NI_MAXHOST] = {};
    char service[NI_MAXSERV] = {};
    if (getnameinfo(reinterpret_cast<const sockaddr*>(&name), length, host, sizeof(host), service, sizeof(service),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
      return;
    }
    address = host;
    port = std::atoi(service);
  }

  int socket_;
  const HttpServerOptions& options_;
  char buffer_[16384];
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t budget_ = kMaxHeadBytes;
  Clock::time_point deadline_ = Clock::now();
};

/// What the thread at hand works for: the library hands neither to handlers.
thread_local ConnectionStream* this_connection = nullptr;
thread_local bool refuse_connection = false;

/// One thread a connection, up to a limit; further connections are refused on the accepting thread.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(int limit) : limit_(limit) {}

  void enqueue(std::function<void()> serve) override {
    {
      const std::lock_guard lock(mutex_);
      if (running_ < limit_) {
        try {
          std::thread([this, serve] {
            serve();
            const std::lock_guard own_lock(mutex_);
            --running_;
            ended_.notify_all();
          }).detach();
          ++running_;
          return;
        } catch (const std::system_error&) {  // the system has no more threads: refuse below
        }
      }
    }
    refuse_connection = true;
    serve();
    refuse_connection = false;
  }

  void shutdown() override {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  const int limit_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
};

class StreamWriter final : public BodyWriter {
 public:
  StreamWriter(httplib::DataSink& sink, const ConnectionStream& stream) : sink_(sink), stream_(stream) {}

  bool write(std::string_view piece) override {
    if (!piece.empty() && !failed_) failed_ = !sink_.write(piece.data(), piece.size());
    return !failed_;
  }
  bool is_gone() const override { return failed_ || stream_.is_gone(); }

 private:
  httplib::DataSink& sink_;
  const ConnectionStream& stream_;
  bool failed_ = false;
};

class Exchange final : public HttpExchange {
 public:
  Exchange(const httplib::Request& request, httplib::Response& response, ConnectionStream& stream, std::string body)
      : request_(request), response_(response), stream_(stream), body_(std::move(body)) {}

  const std::string& method() const override { return request_.method; }
  const std::string& path() const override { return request_.path; }
  const std::string& body() const override { return body_; }
  std::string header(const std::string& name) const override { return request_.get_header_value(name); }
  const std::string& remote_address() const override { return request_.remote_addr; }
  bool is_gone() const override { return stream_.is_gone(); }

  void respond(int status, const std::string& content_type, std::string body, const std::vector<HttpHeader>& headers) override {
    answered_ = true;
    response_.status = status;
    for (const auto& header : headers) response_.set_header(header.name, header.value);
    response_.set_content(body, content_type);
  }

  void stream(const std::string& content_type, std::function<void(BodyWriter&)> produce) override {
    answered_ = true;
    response_.status = 200;
    response_.set_header("Cache-Control", "no-cache");
    response_.set_chunked_content_provider(content_type, [produce = std::move(produce), &stream = stream_](std::size_t, httplib::DataSink& sink) {
      StreamWriter writer(sink, stream);
      try {
        produce(writer);
      } catch (const std::exception&) {
        return false;
      }
      sink.done();
      return writer.write({});
    });
  }

  bool is_answered() const { return answered_; }

 private:
  const httplib::Request& request_;
  httplib::Response& response_;
  ConnectionStream& stream_;
  std::string body_;
  bool answered_ = false;
};

/// The library's server with our connections.
class Library final : public httplib::Server {
 public:
  Library(const HttpServerOptions& options, Connections& connections) : options_(options), connections_(connections) {}

  void lengthen_backlog() { ::listen(svr_sock_, kBacklog); }

  int bound_port() const {
    sockaddr_storage name{};
    socklen_t length = sizeof(name);
    if (getsockname(svr_sock_, reinterpret_cast<sockaddr*>(&name), &length) != 0) return -1;
    return ntohs(name.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port
                                            : reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    if (refuse_connection) {
      refuse(socket);
      return false;
    }
    connections_.add(socket);
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ConnectionStream stream(socket, options_);
    this_connection = &stream;
    bool served = false;
    while (stream.wait_for_request(connections_)) {
      bool closes = false;
      stream.begin_head();
      served = true;
      const bool done = process_request(stream, connections_.is_stopping(), closes, [&stream](httplib::Request& request) {
        stream.begin_body();
        request.ranges.clear();  // answers are not files; many ranges would multiply one
        request.headers.erase("Accept-Encoding");
      });
      if (!done || closes || stream.must_close || connections_.is_stopping()) break;
    }
    this_connection = nullptr;
    if (served) stream.finish();
    connections_.close_and_remove(socket);
    return true;
  }

  void refuse(socket_t socket) const {
    char unread[4096];
    while (recv(socket, unread, sizeof(unread), MSG_DONTWAIT) > 0) {
    }
    const std::string sentence = fmt::format("The server holds {} connections, as many as it may.", options_.max_connections);
    const std::string body = options_.error_body ? options_.error_body(503, sentence) : sentence;
    const std::string answer = fmt::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\nContent-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{}",
                                           options_.error_content_type, body.size(), body);
    [[maybe_unused]] const auto sent = send(socket, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(socket, SHUT_WR);
    close(socket);
  }

  const HttpServerOptions& options_;
  Connections& connections_;
};

/// The length that the head announces: nothing without one, -1 when it is no number.
std::optional<std::int64_t> announced_length(const httplib::Request& request) {
  if (!request.has_header("Content-Length")) return std::nullopt;
  const auto text = request.get_header_value("Content-Length");
  const bool is_number = !text.empty() && text.size() <= 18 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || request.get_header_value_count("Content-Length") > 1) return -1;
  return std::stoll(text);
}

}  // namespace

class HttpServer::Implementation {
 public:
  explicit Implementation(HttpServerOptions options) : options_(std::move(options)), library_(options_, connections_) {
    options_.validate();
    library_.new_task_queue = [this]() -> httplib::TaskQueue* { return new ConnectionThreads(options_.max_connections); };
    library_.set_socket_options([](socket_t socket) {
      // Not SO_REUSEPORT, the library's own choice: with it two servers share a port in silence.
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    });
    library_.set_keep_alive_timeout(static_cast<time_t>(options_.keep_alive.count() / 1000));
    library_.set_keep_alive_max_count(1'000'000);
    library_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return look_at_head(request, response) ? httplib::Server::HandlerResponse::Handled : httplib::Server::HandlerResponse::Unhandled;
    });
    library_.Post(R"([\s\S]*)", [this](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& reader) {
      read_body_and_handle(request, response, reader);
    });
    library_.set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      // The library's own complaint: where the next request would begin is not known any more.
      this_connection->must_close = true;
      response.set_header("Connection", "close");
      refuse(response, response.status, "The request cannot be read.");
    });
  }

  ~Implementation() { stop(std::chrono::milliseconds(0)); }

  void route(const std::string& method, const std::string& path, Handler handler) {
    DROVER_CHECK(method == "GET" || method == "POST", "Routes are GET or POST");
    routes_[path][method] = std::move(handler);
  }
  void set_gate(Gate gate) { gate_ = std::move(gate); }

  void start() {
    errno = 0;
    const bool bound = options_.port == 0 ? library_.bind_to_any_port(options_.host) > 0 : library_.bind_to_port(options_.host, options_.port);
    if (!bound) {
      throw base::SurroundingsError("The server cannot listen at {}, port {}{}{}. Is another program there? Try another --port.", options_.host,
                                    options_.port, errno != 0 ? ": " : "", errno != 0 ? std::strerror(errno) : "");
    }
    library_.lengthen_backlog();
    port_ = library_.bound_port();
    accepting_ = std::thread([this] { library_.listen_after_bind(); });
    while (!library_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  int port() const { return port_; }
  int num_connections() const { return connections_.count(); }

  void stop(std::chrono::milliseconds grace) {
    if (!accepting_.joinable()) return;
    connections_.begin_stop();
    library_.stop();
    connections_.wait_then_cut(grace);
    accepting_.join();
  }

 private:
  /// Everything that needs no body. True when the request is answered.
  bool look_at_head(const httplib::Request& request, httplib::Response& response) {
    const auto refuse_unread = [&](int status, const std::string& sentence) {
      this_connection->must_close = true;
      response.set_header("Connection", "close");
      refuse(response, status, sentence);
      return true;
    };
    const auto length = announced_length(request);
    const bool is_chunked = request.has_header("Transfer-Encoding");
    const bool has_body = is_chunked || length.value_or(0) != 0;
    if (length == -1) return refuse_unread(400, "The header Content-Length is not one number.");
    if (is_chunked && length) return refuse_unread(400, "The request has both Content-Length and Transfer-Encoding.");
    if (request.path.size() > kMaxPathBytes) return refuse_unread(414, "The path is too long.");

    const auto found = routes_.find(request.path);
    if (found == routes_.end()) {
      if (has_body) return refuse_unread(404, fmt::format("There is nothing at {}.", request.path));
      refuse(response, 404, fmt::format("There is nothing at {}.", request.path));
      return true;
    }
    const auto method = found->second.find(request.method == "HEAD" ? "GET" : request.method);
    if (method == found->second.end()) {
      response.set_header("Allow", found->second.begin()->first);
      return refuse_unread(405, fmt::format("{} takes {}, not {}.", request.path, found->second.begin()->first, request.method));
    }
    const bool reads_body = request.method == "POST";
    if (has_body && !reads_body) return refuse_unread(400, fmt::format("A {} request has no body.", request.method));
    if (length.value_or(0) > static_cast<std::int64_t>(options_.max_body_bytes)) {
      return refuse_unread(413, fmt::format("The request has {} bytes; the server takes {}.", *length, options_.max_body_bytes));
    }
    if (request.is_multipart_form_data()) return refuse_unread(415, "The body is a form with parts; send JSON.");
    Exchange exchange(request, response, *this_connection, {});
    if (gate_ && gate_(exchange)) {
      if (has_body) {
        this_connection->must_close = true;
        response.set_header("Connection", "close");
      }
      return true;
    }
    if (reads_body && has_body) return false;
    handle(method->second, exchange, response);
    return true;
  }

  void read_body_and_handle(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& reader) {
    std::string body;
    bool too_large = false;
    const bool whole = reader([&](const char* data, std::size_t size) {
      too_large = size > options_.max_body_bytes - body.size();
      if (!too_large) body.append(data, size);
      return !too_large;
    });
    if (!whole) {
      this_connection->must_close = true;
      response.set_header("Connection", "close");
      if (too_large) return refuse(response, 413, fmt::format("The request has more than {} bytes, the most that the server takes.", options_.max_body_bytes));
      return refuse(response, response.status >= 400 && response.status != 413 ? response.status : 400, "The request's body ended too early or cannot be decoded.");
    }
    Exchange exchange(request, response, *this_connection, std::move(body));
    handle(routes_.at(request.path).at("POST"), exchange, response);
  }

  void handle(const Handler& handler, Exchange& exchange, httplib::Response& response) {
    try {
      handler(exchange);
      if (!exchange.is_answered()) refuse(response, 500, "The server gave no answer.");
    } catch (const base::Error& error) {
      refuse(response, 500, error.what());
    } catch (const std::exception&) {
      refuse(response, 500, "The server failed.");
    }
  }

  void refuse(httplib::Response& response, int status, const std::string& sentence) {
    response.status = status;
    response.set_content(options_.error_body ? options_.error_body(status, sentence) : sentence, options_.error_content_type);
  }

  HttpServerOptions options_;
  Connections connections_;
  Library library_;
  std::map<std::string, std::map<std::string, Handler>> routes_;
  Gate gate_;
  std::thread accepting_;
  int port_ = 0;
};

void HttpServerOptions::validate() const {
  if (port < 0 || port > 65535) throw base::UserError("port = {} is not possible: it must be from 1 to 65535, or 0 for any free one.", port);
  if (host.empty()) throw base::UserError("host is empty: give an address to listen at, as 127.0.0.1.");
  if (max_body_bytes < 1024) throw base::UserError("max_body_bytes = {} is not possible: a request needs at least 1024.", max_body_bytes);
  if (max_connections < 1) throw base::UserError("max_connections = {} is not possible: allow at least 1.", max_connections);
}

HttpServer::HttpServer(HttpServerOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
HttpServer::~HttpServer() = default;
void HttpServer::route(const std::string& method, const std::string& path, Handler handler) {
  implementation_->route(method, path, std::move(handler));
}
void HttpServer::set_gate(Gate gate) { implementation_->set_gate(std::move(gate)); }
void HttpServer::start() { implementation_->start(); }
int HttpServer::port() const { return implementation_->port(); }
int HttpServer::num_connections() const { return implementation_->num_connections(); }
void HttpServer::stop(std::chrono::milliseconds grace) { implementation_->stop(grace); }

}  // namespace drover::net
