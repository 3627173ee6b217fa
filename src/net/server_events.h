#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace drover::net {

/// Reads a stream of server-sent events (WHATWG HTML, 9.2) piece by piece and hands out the data of each; names, ids and comments are
/// skipped. A stream that ends without a blank line loses its last event, as the standard says.
class ServerEventReader {
 public:
  /// Throws UserError when one event is longer than this many bytes.
  explicit ServerEventReader(std::function<void(std::string_view data)> on_event, std::size_t max_event_bytes = std::size_t{16} << 20)
      : on_event_(std::move(on_event)), max_event_bytes_(max_event_bytes) {}

  void push(std::string_view piece);

 private:
  void take_line(std::string_view line);

  std::function<void(std::string_view)> on_event_;
  std::size_t max_event_bytes_;
  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool after_return_ = false;  // a "\n" now belongs to the "\r" before it
};

/// "data: ...\n\n". `data` holds no line break (checked).
std::string server_event(std::string_view data);

}  // namespace drover::net
