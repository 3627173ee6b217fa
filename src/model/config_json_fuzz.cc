// Feeds arbitrary bytes to the readers of config.json and generation_config.json: they return something checked or throw UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/config_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const drover::model::DecoderConfig config = drover::model::parse_config_json(text, "input");
    // What was accepted must be written in a form that reads back as the same.
    const std::string written = drover::model::to_config_json(config, drover::model::ComputeType::kFloat32);
    DROVER_CHECK(drover::model::parse_config_json(written, "written") == config, "Written as {}", written);
  } catch (const drover::base::UserError&) {
  }
  try {
    drover::model::parse_generation_eos(text, "input");
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
