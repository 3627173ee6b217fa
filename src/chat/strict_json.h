#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "chat/dialog.h"

namespace drover::chat {

/// Why a text is not strict JSON.
struct JsonFault {
  std::string reason;      ///< what is wrong, without a full stop
  std::size_t offset = 0;  ///< byte offset in the text
  bool truncated = false;  ///< the text is a beginning of JSON that ends too early
};

/// How deep arrays and objects may nest in JSON that comes from outside. Later steps walk the tree recursively.
inline constexpr int kMaxJsonDepth = 100;

/// Reads one JSON value (RFC 8259) that fills the whole text. Unlike common readers it also refuses a key that an object holds twice
/// and nesting deeper than `max_depth`. Takes time linear in the text whatever the text is.
std::variant<Json, JsonFault> parse_strict_json(std::string_view text, int max_depth = kMaxJsonDepth);

}  // namespace drover::chat
