// Feeds arbitrary bytes to the reader of adapter_config.json: it returns something checked or throws UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/adapter_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto config = drover::model::parse_adapter_config(text, "input");
    DROVER_CHECK(config.rank_of("model.layers.0.self_attn.q_proj") >= 1, "A rank of {}", config.rank_of("model.layers.0.self_attn.q_proj"));
    // What was accepted must be written in a form that reads back as the same.
    const auto written = drover::model::to_adapter_json(config);
    DROVER_CHECK(drover::model::parse_adapter_config(written, "written") == config, "Written as {}", written);
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
