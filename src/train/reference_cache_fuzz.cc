// Any bytes as a file of reference log-probabilities: they are read as finite numbers or not at all.
#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "train/reference_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover;
  for (const auto& [row, values] : train::parse_reference_cache(std::as_bytes(std::span(data, size)))) {
    DROVER_CHECK(std::isfinite(values.chosen) && std::isfinite(values.rejected), "{} and {}", values.chosen, values.rejected);
  }
  return 0;
}
