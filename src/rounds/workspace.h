#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "chat/chat_format.h"
#include "evaluate/recorded_replies.h"
#include "generate/generator.h"
#include "ledger/ledger.h"
#include "model/model.h"
#include "rounds/artefact.h"
#include "rounds/recipe.h"
#include "train/step_report.h"

namespace drover::rounds {

/// What the stages of a run share: the home folder with its ledger and models, and the recipe.
class Workspace {
 public:
  Workspace(const Recipe& recipe, std::filesystem::path home, ledger::Ledger& ledger, base::OnProgress on_progress)
      : recipe(recipe), home(std::move(home)), ledger(ledger), on_progress(std::move(on_progress)) {}

  const Recipe& recipe;
  const std::filesystem::path home;
  ledger::Ledger& ledger;
  const base::OnProgress on_progress;

  /// Loads a model of the run as it samples and scores, in the recipe's computing type; the latest ones are kept in
  /// memory.
  std::shared_ptr<const model::Model> load(const ModelRef& model);

  /// The same as training starts from it: in float32.
  std::shared_ptr<const model::Model> load_for_training(const ModelRef& model);

  model::ComputeType compute_type() const;

  /// The recipe's chat format, else the one of the model's template, over the model's tokenizer.
  std::shared_ptr<const chat::ChatFormat> format(const model::Model& model) const;

  /// Writes a new model into the home and the ledger.
  ModelRef keep(const std::shared_ptr<const model::Model>& model, const ledger::ModelFact& fact);

  /// A generator over a model, of this process or behind a server; `generators` keeps it alive.
  evaluate::Responder responder(const ModelRef& model, std::vector<std::unique_ptr<generate::Generator>>& generators);

  /// A generator over a server.
  std::unique_ptr<generate::Generator> remote_generator(const RemoteModel& remote) const;

  /// A seed for one use of a stage, which differs from the seeds of all other uses.
  std::uint64_t seed(const std::string& stage_name, std::int64_t use = 0) const;

  /// Hands optimizer steps to the progress display, and what they report to `steps`.
  train::OnStep watch_steps(const std::string& what, std::vector<train::StepReport>& steps) const;

 private:
  struct Loaded {
    std::string hash;
    model::ComputeType type;
    std::shared_ptr<const model::Model> model;
  };
  std::shared_ptr<const model::Model> find_loaded(const std::string& hash, model::ComputeType type);
  void remember(Loaded loaded);

  std::list<Loaded> loaded_;  ///< the latest first
};

/// The recipe's sampling options with a seed.
generate::SamplingOptions sampling_options(const SamplingSection& section, std::uint64_t seed);

}  // namespace drover::rounds
