// Feeds arbitrary bytes to the reader of an encoder's config.json: it returns a checked configuration or throws UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/sentence_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto config = drover::model::parse_encoder_config({reinterpret_cast<const char*>(data), size}, "input");
    DROVER_CHECK(config.max_tokens >= 2 && config.max_tokens + config.first_position <= config.max_positions, "Room for {} tokens",
                 config.max_tokens);
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
