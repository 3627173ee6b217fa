#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace drover::model {

/// Which things of these sizes share a bin of `room`: largest first, each into the fullest bin that still has room for it, or into a new
/// one; a larger thing has a bin of its own. The order is deterministic.
std::vector<std::vector<std::int64_t>> best_fit(std::span<const std::int64_t> sizes, std::int64_t room);

}  // namespace drover::model
