#include "base/shown_name.h"

#include <fmt/format.h>

namespace drover::base {
namespace {

constexpr std::size_t kMaxShownBytes = 80;

}  // namespace

std::string escaped_name(std::string_view name) {
  std::string shown;
  for (const char character : name.substr(0, kMaxShownBytes)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte < 0x7F) {
      shown += character;
    } else {
      shown += fmt::format("\\x{:02x}", byte);
    }
  }
  if (name.size() > kMaxShownBytes) shown += "...";
  return shown;
}

std::string shown_name(std::string_view name) { return "'" + escaped_name(name) + "'"; }

}  // namespace drover::base
