#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "chat/preference_row.h"

namespace drover::train {

/// How much better one response of a ranking is than a later one: as much as of any two neighbours between them. `levels[i]` stands between
/// responses i and i + 1; better < worse <= levels.size() (checked).
chat::PreferenceLevel level_between(std::span<const chat::PreferenceLevel> levels, std::size_t better, std::size_t worse);

/// Two responses of a row, counted from 0, best first.
struct RankedPair {
  std::int64_t better = 0;
  std::int64_t worse = 0;
  bool operator==(const RankedPair&) const = default;
};

/// All ordered pairs of so many responses: (0, 1), (0, 2), ..., (1, 2), ...
std::vector<RankedPair> all_pairs(std::int64_t responses);

/// Those whose own level is `lowest` or above. Of a ranking with any such neighbours every response is in one.
std::vector<RankedPair> clear_pairs(std::span<const chat::PreferenceLevel> levels, chat::PreferenceLevel lowest);

}  // namespace drover::train
