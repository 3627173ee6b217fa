#include "model/model_shape.h"

#include "base/error.h"
#include "model/config_gguf.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "weights/gguf.h"

namespace drover::model {

DecoderConfig read_model_config(const std::filesystem::path& model) {
  if (!std::filesystem::is_directory(model)) return config_of_gguf(weights::GgufFile::open(model), model.string());
  if (!std::filesystem::exists(model / "config.json"))
    throw base::UserError("'{}' is no model folder: it has no config.json.", model.string());
  return read_config_json(model / "config.json");
}

std::int64_t num_parameters(const DecoderConfig& config) {
  std::int64_t sum = 0;
  for (const auto& [name, shape] : parameter_shapes(config)) {
    std::int64_t count = 1;
    for (const auto size : shape) count *= size;
    sum += count;
  }
  return sum;
}

}  // namespace drover::model
