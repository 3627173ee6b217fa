#include "cli/suite_responder.h"

#include "base/error.h"
#include "cli/choose_format.h"
#include "cli/compute_type.h"
#include "generate/local_generator.h"
#include "model/model.h"
#include "model/model_path.h"
#include "openai/remote_generator.h"

namespace drover::cli {

std::unique_ptr<generate::Generator> make_responder(const std::string& model, const ResponderOptions& options) {
  if (model.starts_with("http://") || model.starts_with("https://")) {
    const auto mark = model.find('#');
    openai::RemoteOptions remote;
    remote.endpoints.push_back({.url = model.substr(0, mark),
                                .model = mark == std::string::npos ? "" : model.substr(mark + 1),
                                .key_variable = options.key_variable,
                                .max_in_flight = options.max_in_flight});
    return openai::make_remote_generator(std::move(remote));
  }
  const auto path = model::model_path(model);
  const auto format = choose_format(options.format, path);
  const auto loaded = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
  return generate::make_local_generator(loaded, format, {.memory_bytes = static_cast<std::int64_t>(options.memory_gib * 1024.0 * 1024.0 * 1024.0)},
                                        weight_form(options.weights));
}

}  // namespace drover::cli
