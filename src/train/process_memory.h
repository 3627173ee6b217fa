#pragma once

#include <cstdint>

namespace drover::train {

/// Memory that this process holds now, and the most it ever held, in bytes; 0 where the system does not say.
struct ProcessMemory {
  std::int64_t now = 0;
  std::int64_t peak = 0;
};
ProcessMemory process_memory();

}  // namespace drover::train
