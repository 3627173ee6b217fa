#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace drover::weights {

/// Walks through the bytes of a foreign file; every step is checked against what is left and throws UserError past the end.
/// Numbers are little-endian.
class ByteCursor {
 public:
  ByteCursor(std::span<const std::byte> bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return bytes_.size() - position_; }

  /// The next `count` bytes; `what` names them in the message.
  std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
    if (count > left()) {
      throw base::UserError(
          "{} ends inside {}: {} bytes are needed at position {}, {} are left. Is the file complete?", where_, what, count,
          position_, left());
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  template <typename Number>
  Number number(std::string_view what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  /// A length (u64) and as many bytes.
  std::string_view string(std::string_view what) {
    const auto length = number<std::uint64_t>(what);
    const auto text = take(length, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view where_;
  std::uint64_t position_ = 0;
};

}  // namespace drover::weights
