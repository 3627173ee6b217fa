#include "net/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace drover::net {
namespace {

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw base::SurroundingsError("The HTTP library could not be initialised.");
  });
}

/// Keeps a write of the TLS library to a closed connection from ending the program, on this thread while it lives.
class BrokenPipeGuard {
 public:
  BrokenPipeGuard() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~BrokenPipeGuard() {
    const timespec now{};
    while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  BrokenPipeGuard(const BrokenPipeGuard&) = delete;
  BrokenPipeGuard& operator=(const BrokenPipeGuard&) = delete;

 private:
  sigset_t pipe_;
  sigset_t old_;
};

HttpFailure::Kind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return HttpFailure::Kind::kRequest;
    case CURLE_OPERATION_TIMEDOUT: return HttpFailure::Kind::kTimeout;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return HttpFailure::Kind::kCut;
    default: return HttpFailure::Kind::kConnection;
  }
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char letter) { return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_loopback(std::string_view url) {
  const auto begin = url.find("://");
  if (begin == std::string_view::npos) return false;
  const auto host = url.substr(begin + 3);
  return host.starts_with("127.") || host.starts_with("localhost:") || host.starts_with("localhost/") || host == "localhost" ||
         host.starts_with("[::1]");
}

/// One request and its answer so far. libcurl writes into it, so it does not move.
struct Transfer {
  TransferId id{};
  HttpRequest request;
  HttpClient::OnDone on_done;
  HttpClient::OnBody on_body;
  HttpResult result;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = {};
  std::size_t received = 0;

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }

  void fail(HttpFailure::Kind kind, std::string reason) {
    if (!result.failure) result.failure = HttpFailure{kind, std::move(reason)};
  }
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  auto& headers = transfer.result.response.headers;
  if (line.starts_with("HTTP/")) {
    headers.clear();  // "100 Continue" came before
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    headers.push_back({std::string(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1)))});
  }
  return size * count;
}

std::size_t on_data(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view piece(data, size * count);
  if (piece.size() > transfer.request.max_response_bytes - transfer.received) {
    transfer.fail(HttpFailure::Kind::kTooLarge, fmt::format("the answer is longer than {} bytes", transfer.request.max_response_bytes));
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.received += piece.size();
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (!transfer.on_body || status >= 300) {
    transfer.result.response.body += piece;
  } else if (!transfer.on_body(piece)) {
    transfer.fail(HttpFailure::Kind::kStopped, "the reader stopped");
    return CURL_WRITEFUNC_ERROR;
  }
  return piece.size();
}

}  // namespace

class HttpClient::Implementation {
 public:
  Implementation() {
    initialise_curl();
    multi_ = curl_multi_init();
    if (multi_ == nullptr) throw base::SurroundingsError("The HTTP library could not be initialised.");
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 1024L);  // idle connections that are kept
  }
  ~Implementation() {
    const BrokenPipeGuard guard;
    for (auto& [easy, transfer] : transfers_) curl_multi_remove_handle(multi_, easy);
    transfers_.clear();
    curl_multi_cleanup(multi_);
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  TransferId start(HttpRequest request, OnDone on_done, OnBody on_body) {
    auto transfer = std::make_unique<Transfer>();
    transfer->id = TransferId{next_id_++};
    transfer->request = std::move(request);
    transfer->on_done = std::move(on_done);
    transfer->on_body = std::move(on_body);
    set_up(*transfer);
    const auto id = transfer->id;
    CURL* const easy = transfer->easy;
    transfers_.emplace(easy, std::move(transfer));
    if (curl_multi_add_handle(multi_, easy) != CURLM_OK) {
      transfers_.erase(easy);
      throw base::SurroundingsError("The HTTP library refuses another transfer.");
    }
    return id;
  }

  void cancel(TransferId id) {
    std::erase_if(finished_, [id](const auto& transfer) { return transfer->id == id; });
    const auto found = std::find_if(transfers_.begin(), transfers_.end(), [id](const auto& entry) { return entry.second->id == id; });
    if (found == transfers_.end()) return;
    // libcurl does not let go of a transfer whose own callback is running.
    if (in_callbacks_) {
      cancelled_.push_back(id);
      return;
    }
    const BrokenPipeGuard guard;
    curl_multi_remove_handle(multi_, found->first);
    transfers_.erase(found);
  }

  std::size_t num_in_flight() const { return transfers_.size(); }

  void run(std::chrono::milliseconds at_most) {
    int running = 0;
    perform(running);
    if (finish_transfers() == 0) {
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::clamp<std::int64_t>(at_most.count(), 0, 3'600'000)), nullptr);
      perform(running);
      finish_transfers();
    }
  }

  void wake() { curl_multi_wakeup(multi_); }

 private:
  void set_up(Transfer& transfer) {
    const auto& request = transfer.request;
    CURL* const easy = curl_easy_init();
    if (easy == nullptr) throw base::SurroundingsError("The HTTP library refuses another transfer.");
    transfer.easy = easy;
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    if (request.silence_timeout.count() > 0) {
      curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
      curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>((request.silence_timeout.count() + 999) / 1000));
    }
    if (is_loopback(request.url)) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // a proxy's loopback is another machine's
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method == "HEAD" ? nullptr : request.method.c_str());
    if (request.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (!request.body.empty() || request.method == "POST") {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    }
    add_header(transfer, "Expect:");  // no waiting for "100 Continue"
    for (const auto& header : request.headers) add_header(transfer, fmt::format("{}: {}", header.name, header.value));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  }

  static void add_header(Transfer& transfer, const std::string& line) {
    if (line.find_first_of("\r\n") != std::string::npos) throw base::UserError("A header of an HTTP request holds a line break.");
    curl_slist* const longer = curl_slist_append(transfer.headers, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    transfer.headers = longer;
  }

  void perform(int& running) {
    const BrokenPipeGuard guard;
    in_callbacks_ = true;
    const auto code = curl_multi_perform(multi_, &running);
    in_callbacks_ = false;
    for (const auto id : std::exchange(cancelled_, {})) cancel(id);
    if (code != CURLM_OK) throw base::SurroundingsError("The HTTP library failed: {}.", curl_multi_strerror(code));
  }

  /// Hands out what has ended. Collected first: on_done may start and cancel transfers, and may throw.
  std::size_t finish_transfers() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;  // the message is gone after the next line
      curl_multi_remove_handle(multi_, easy);
      const auto found = transfers_.find(easy);
      DROVER_CHECK(found != transfers_.end(), "A transfer ended that nobody began");
      auto transfer = std::move(found->second);
      transfers_.erase(found);
      conclude(*transfer, code);
      finished_.push_back(std::move(transfer));
    }
    std::size_t count = 0;
    for (; !finished_.empty(); ++count) {
      const auto transfer = std::move(finished_.front());
      finished_.pop_front();
      if (transfer->on_done) transfer->on_done(std::move(transfer->result));
    }
    return count;
  }

  static void conclude(Transfer& transfer, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.result.response.status = static_cast<int>(status);
    if (code == CURLE_OK) return;
    const std::string_view text = trimmed(transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(code));
    transfer.fail(kind_of(code), std::string(text));
  }

  CURLM* multi_ = nullptr;
  std::uint64_t next_id_ = 1;
  bool in_callbacks_ = false;
  std::vector<TransferId> cancelled_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers_;
  std::deque<std::unique_ptr<Transfer>> finished_;  // whose on_done was not called yet
};

HttpClient::HttpClient() : implementation_(std::make_unique<Implementation>()) {}
HttpClient::~HttpClient() = default;

TransferId HttpClient::start(HttpRequest request, OnDone on_done, OnBody on_body) {
  return implementation_->start(std::move(request), std::move(on_done), std::move(on_body));
}
void HttpClient::cancel(TransferId transfer) { implementation_->cancel(transfer); }
std::size_t HttpClient::num_in_flight() const { return implementation_->num_in_flight(); }
void HttpClient::run(std::chrono::milliseconds at_most) { implementation_->run(at_most); }
void HttpClient::wake() { implementation_->wake(); }

HttpResult HttpClient::fetch(HttpRequest request) {
  DROVER_CHECK(num_in_flight() == 0, "A client with transfers in flight was asked to fetch");
  std::optional<HttpResult> result;
  start(std::move(request), [&result](HttpResult got) { result = std::move(got); });
  while (!result) run(std::chrono::seconds(1));
  return std::move(*result);
}

}  // namespace drover::net
