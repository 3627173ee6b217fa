#include "net/server_events.h"

#include "base/error.h"

namespace drover::net {

void ServerEventReader::push(std::string_view piece) {
  for (const char letter : piece) {
    if (after_return_ && letter == '\n') {
      after_return_ = false;
      continue;
    }
    after_return_ = letter == '\r';
    if (letter == '\n' || letter == '\r') {
      take_line(line_);
      line_.clear();
    } else {
      line_ += letter;
      if (line_.size() + data_.size() > max_event_bytes_) throw base::UserError("A server sent an event of more than {} bytes.", max_event_bytes_);
    }
  }
}

void ServerEventReader::take_line(std::string_view line) {
  if (line.empty()) {
    if (has_data_) on_event_(data_);
    data_.clear();
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  if (line.substr(0, colon) != "data") return;
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
}

std::string server_event(std::string_view data) {
  DROVER_CHECK(data.find_first_of("\r\n") == std::string_view::npos, "An event's data holds a line break");
  return fmt::format("data: {}\n\n", data);
}

}  // namespace drover::net
