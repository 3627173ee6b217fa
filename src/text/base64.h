#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::text {

/// The bytes that standard base64 (RFC 4648, with padding) stands for; nothing when the text is not of that form.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace drover::text
