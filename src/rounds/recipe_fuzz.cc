#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "rounds/recipe.h"

// Any text is either a recipe or refused with a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    drover::rounds::parse_recipe({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
