// Any text as model.safetensors.index.json: read, or refused with a UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "weights/safetensors_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto map = drover::weights::parse_safetensors_index({reinterpret_cast<const char*>(data), size}, "input");
    for (const auto& [name, file] : map) {
      DROVER_CHECK(!file.empty() && file.find('/') == std::string::npos && file != "..", "A shard lies outside its folder");
    }
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
