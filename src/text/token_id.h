#pragma once

#include <cstdint>

namespace drover::text {

/// A row of a model's embedding table.
enum class TokenId : std::int32_t {};

inline constexpr TokenId kNoToken{-1};

constexpr std::int32_t to_int(TokenId id) { return static_cast<std::int32_t>(id); }

}  // namespace drover::text
