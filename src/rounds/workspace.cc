#include "rounds/workspace.h"

#include "base/content_hash.h"
#include "base/error.h"
#include "generate/local_generator.h"
#include "openai/remote_generator.h"

namespace drover::rounds {

namespace {

// Two models that answer, a reward model and one that is trained.
constexpr std::size_t kModelsInMemory = 4;

}  // namespace

model::ComputeType Workspace::compute_type() const {
  return recipe.models.compute == "bf16" ? model::ComputeType::kBFloat16 : model::ComputeType::kFloat32;
}

std::shared_ptr<const model::Model> Workspace::find_loaded(const std::string& hash, model::ComputeType type) {
  for (auto entry = loaded_.begin(); entry != loaded_.end(); ++entry) {
    if (entry->hash != hash || entry->type != type) continue;
    loaded_.splice(loaded_.begin(), loaded_, entry);
    return entry->model;
  }
  return nullptr;
}

void Workspace::remember(Loaded loaded) {
  loaded_.push_front(std::move(loaded));
  if (loaded_.size() > kModelsInMemory) loaded_.pop_back();
}

std::shared_ptr<const model::Model> Workspace::load(const ModelRef& ref) {
  if (auto model = find_loaded(ref.hash, compute_type())) return model;
  auto model = model::Model::load(home / ref.folder, {.compute_type = compute_type()});
  if (model->hash() != ref.hash) {
    throw base::UserError(
        "The model in {} is no longer what the ledger says (hash {}, recorded {}); remove the folder and run again.",
        (home / ref.folder).string(), model->hash(), ref.hash);
  }
  remember({.hash = ref.hash, .type = compute_type(), .model = model});
  return model;
}

std::shared_ptr<const model::Model> Workspace::load_for_training(const ModelRef& ref) {
  if (compute_type() == model::ComputeType::kFloat32) return load(ref);
  // Not kept: a trainer lets go of it when it has its own master weights.
  return model::Model::load(home / ref.folder, {.compute_type = model::ComputeType::kFloat32});
}

std::shared_ptr<const chat::ChatFormat> Workspace::format(const model::Model& model) const {
  auto name = recipe.models.format;
  if (name.empty()) {
    const auto known = model.chat_template() ? chat::format_of_template(*model.chat_template()) : std::nullopt;
    if (!known)
      throw base::UserError("{}: the model's chat template is none of the known ones; name a \"format\" in [models].",
                            recipe.file.string());
    name = *known;
  }
  return chat::make_chat_format(name, model.shared_tokenizer());
}

ModelRef Workspace::keep(const std::shared_ptr<const model::Model>& model, const ledger::ModelFact& fact) {
  auto words = fact.name;
  for (auto& letter : words) {
    if (letter == ' ') letter = '-';
  }
  ModelRef ref{.name = fact.name,
               .hash = {},
               .folder = fmt::format("models/{}-{}", words, fact.stage.substr(0, 8)),
               .files = {}};
  const auto folder = home / ref.folder;
  std::filesystem::create_directories(folder.parent_path());
  std::filesystem::remove_all(folder);  // what a killed or damaged stage left
  model->save(folder);
  ref.files = hash_of_files(folder);
  // Its name is that of the model that later stages load: a tokenizer out of a .gguf file is another one as
  // tokenizer.json, and hashes differ.
  const auto kept = model::Model::load(folder, {.compute_type = compute_type()});
  ref.hash = kept->hash();
  auto complete = fact;
  complete.hash = ref.hash;
  complete.folder = ref.folder;
  ledger.add(complete);
  remember({.hash = ref.hash, .type = compute_type(), .model = kept});
  return ref;
}

evaluate::Responder Workspace::responder(const ModelRef& ref,
                                         std::vector<std::unique_ptr<generate::Generator>>& generators) {
  if (ref.is_remote()) {
    for (const auto& remote : recipe.remote) {
      if (remote.name != ref.name) continue;
      generators.push_back(remote_generator(remote));
      return {.generator = generators.back().get(), .tokenizer = {}};
    }
    DROVER_CHECK(false, "A remote model is none of the recipe's");
  }
  const auto model = load(ref);
  generators.push_back(generate::make_local_generator(model, format(*model)));
  return {.generator = generators.back().get(), .tokenizer = model->tokenizer().hash()};
}

std::unique_ptr<generate::Generator> Workspace::remote_generator(const RemoteModel& remote) const {
  openai::RemoteOptions options;
  options.endpoints.push_back({.url = remote.url, .model = remote.model, .key_variable = remote.key_variable});
  return openai::make_remote_generator(std::move(options));
}

std::uint64_t Workspace::seed(const std::string& stage_name, std::int64_t use) const {
  const auto hash = base::FieldHasher().add(static_cast<std::int64_t>(recipe.seed)).add(stage_name).add(use).finish();
  return hash.low >> 1U;
}

train::OnStep Workspace::watch_steps(const std::string& what, std::vector<train::StepReport>& steps) const {
  return [this, what, &steps](const train::StepReport& report) {
    steps.push_back(report);
    if (!on_progress) return;
    on_progress({.what = what,
                 .done = report.step,
                 .total = report.total_steps,
                 .unit = "steps",
                 .detail = fmt::format("loss {:.4f} | grad norm {:.2f} | lr {:.1e}", report.loss, report.grad_norm,
                                       report.learning_rate)});
  };
}

generate::SamplingOptions sampling_options(const SamplingSection& section, std::uint64_t seed) {
  generate::SamplingOptions options;
  options.temperature = section.temperature;
  options.top_p = section.top_p;
  options.max_tokens = section.max_tokens;
  options.seed = seed;
  return options;
}

}  // namespace drover::rounds
