#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace drover::cli {
namespace {

/// The length of the valid UTF-8 character at the start of `text`, or 0. C1 control characters (U+0080..9F) count as invalid here.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return follows(1) && !(first == 0xC2 && byte(1) < 0xA0) ? 2 : 0;
  if (first >= 0xE0 && first < 0xF0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (first == 0xED && byte(1) >= 0xA0) return 0;  // surrogates
    return 3;
  }
  if (first >= 0xF0 && first < 0xF5) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) >= 0x90) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

bool is_terminal(std::FILE* stream) { return isatty(fileno(stream)) != 0; }

bool wants_colour(std::FILE* stream) {
  const char* refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return false;
  const char* kind = std::getenv("TERM");
  return is_terminal(stream) && kind != nullptr && std::string_view(kind) != "dumb";
}

ScreenSize screen_size(std::FILE* stream) {
  ScreenSize size;
  winsize given{};
  if (::ioctl(fileno(stream), TIOCGWINSZ, &given) != 0 || given.ws_row == 0 || given.ws_col == 0) return size;
  return {.lines = given.ws_row, .columns = given.ws_col};
}

std::int64_t lines_on_screen(std::string_view text, int columns) {
  constexpr std::int64_t kTab = 8;
  std::int64_t lines = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::int64_t width = 0;
    for (const char character : text.substr(0, end)) {
      const auto byte = static_cast<unsigned char>(character);
      // Letters of most scripts that take three bytes or more are two columns wide.
      if (character == '\t') width = (width / kTab + 1) * kTab;
      else if (byte < 0x80 || (byte >= 0xC0 && byte < 0xE0)) ++width;
      else if (byte >= 0xE0) width += 2;
    }
    lines += std::max<std::int64_t>(1, (width + columns - 1) / columns);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string shown(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool control = length == 1 && (first < 0x20 || first == 0x7F) && first != '\n' && first != '\t';
    if (length == 0 || control) {
      result += fmt::format("\\x{:02x}", first);
      text.remove_prefix(1);
    } else {
      result += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return result;
}

}  // namespace drover::cli
