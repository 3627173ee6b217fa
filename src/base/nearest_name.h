#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace drover::base {

/// The known name that a mistyped one most likely means (least edit distance, ignoring case, at most a third of its length), if any.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string_view> known);

/// " (did you mean \"messages\"?)", or nothing when no known name is near.
std::string suggestion(std::string_view name, std::span<const std::string_view> known);

}  // namespace drover::base
