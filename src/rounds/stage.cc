#include "rounds/stage.h"

#include "base/content_hash.h"

namespace drover::rounds {

std::string key_of(const StageRequest& request) {
  base::FieldHasher hasher;
  hasher.add(request.name).add(request.revision).add(request.options).add(static_cast<std::int64_t>(request.seed));
  for (const auto& [name, hash] : request.inputs) hasher.add(name).add(hash);
  return hasher.finish().hex();
}

bool is_called(std::string_view stage, std::string_view name) {
  return stage == name || (stage.starts_with("round ") && stage.substr(stage.find("/ ") + 2) == name);
}

std::string StageRunner::begin(const StageRequest& request) {
  const auto key = key_of(request);
  auto inputs = chat::Json::object();
  for (const auto& [name, hash] : request.inputs) inputs[name] = hash;
  ledger::Ledger::Batch batch(ledger_);
  ledger_.add(ledger::StageBegin{.key = key,
                                 .name = request.name,
                                 .revision = request.revision,
                                 .inputs = inputs.dump(-1, ' ', false, chat::Json::error_handler_t::replace),
                                 .options = request.options,
                                 .seed = request.seed});
  ledger_.add_stage_to_run(run_, num_begun_++, key);
  batch.commit();
  return key;
}

void StageRunner::stop_after(const StageRequest& request) const {
  if (is_called(request.name, last_)) throw StopAfterStage{request.name};
}

}  // namespace drover::rounds
