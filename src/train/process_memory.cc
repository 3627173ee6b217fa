#include "train/process_memory.h"

#include <fstream>
#include <string>

namespace drover::train {

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    std::int64_t kibibytes = 0;
    if (key == "VmRSS:" && status >> kibibytes) memory.now = kibibytes * 1024;
    if (key == "VmHWM:" && status >> kibibytes) memory.peak = kibibytes * 1024;
    status.ignore(1 << 16, '\n');
  }
  return memory;
}

}  // namespace drover::train
