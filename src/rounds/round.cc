// One post-training round, in the order of figure 7 of the Llama 3 report (arXiv:2407.21783), and the run around the
// rounds.
#include "rounds/round.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/nearest_name.h"
#include "model/threads.h"
#include "preference/collect.h"
#include "rounds/capability_names.h"
#include "rounds/choose_prompts.h"
#include "rounds/collect_stage.h"
#include "rounds/curation.h"
#include "rounds/evaluate_stage.h"
#include "rounds/imported_preferences.h"
#include "rounds/judge_stage.h"
#include "rounds/preference_training.h"
#include "rounds/prompt_pool.h"
#include "rounds/recipe_files.h"
#include "rounds/rejection_sampling.h"
#include "rounds/sft_training.h"
#include "rounds/start_models.h"
#include "rounds/synthesis.h"
#include "rounds/workspace.h"

namespace drover::rounds {
namespace {

/// People have not answered yet.
struct WaitingForPeople {};

using Inputs = std::vector<std::pair<std::string, std::string>>;

/// What the rounds hand on.
struct History {
  ModelRef pretrained;
  ModelSet deployed;                 ///< the models that answer in the next round, best first
  ScoreBoard start_scores;           ///< what the later ones are compared with
  ScoreBoard scores;                 ///< of the deployed models
  std::vector<PromptChoice> prompts;  ///< of all rounds so far
  JudgeReport judge;
  std::optional<ModelRef> reward_model;  ///< of the round before
  std::vector<FactSet> comparisons;      ///< of all rounds so far
};

class Run {
 public:
  Run(Workspace& work, StageRunner& runner, PromptPool pool)
      : work_(work), recipe_(work.recipe), runner_(runner), pool_(std::move(pool)) {
    ledger::Ledger::Batch batch(work_.ledger);
    for (const auto& prompt : pool_.prompts()) work_.ledger.add(prompt);
    for (const auto& source : recipe_.prompts) add_source(source.name, source.licence, source.file, "generator " + source.generator);
    for (const auto& suite : recipe_.suites) add_source(suite.name, suite.licence, suite.file, "known suite");
    batch.commit();
  }

  /// The models of round 1: those the recipe names, best first.
  History start() {
    History history;
    history.pretrained = start_model(recipe_.models.pretrained);
    for (const auto& name : recipe_.models.bootstrap) history.deployed.variants.push_back(start_model(name));
    history.deployed.average = history.deployed.variants[0];
    history.start_scores =
        stage("start / evaluate", 2,
              computed({{"models", history.deployed.hash()}, {"suites", pool_.hash_of_suites()}}),
              key_text(recipe_.evaluate),
              [&](const auto& key) { return score_models(work_, key, history.deployed.variants, pool_.suites(), {}); });
    history.scores = history.start_scores;
    history.deployed = best_first(history.deployed.variants, history.start_scores);
    if (!recipe_.judge.model.empty()) {
      const auto judge = start_model(recipe_.judge.model);
      history.judge = stage("start / calibrate", 1, computed({{"judge", judge.hash}, {"pairs", hash_of_judged_pairs(recipe_)}}), key_text(recipe_.judge),
                            [&](const auto& key) { return calibrate_judge(work_, key, judge); });
    }
    return history;
  }

  /// The story. Each stage takes what the stages above it made.
  void round(std::int64_t number, History& history) {
    const auto label = fmt::format("round {}", number);
    const auto& deployed = history.deployed;

    const auto chosen = stage(
        label + " / plan", 2,
        {{"prompts", pool_.hash_of_prompts()},
         {"scores", history.scores.hash()},
         {"earlier", hash_of(history.prompts)},
         {"measured", pool_.hash_of_measured_capabilities()}},
        key_text(recipe_.collect),
        [&](const auto& key) { return choose_prompts(work_, key, pool_, history.prompts, deployed, history.scores); });
    history.prompts.push_back(chosen);

    const CollectionPlan collection{
        .deployed = deployed.variants, .reward_model = history.reward_model, .judge = history.judge};
    const auto collected = stage(label + " / collect", 3,
                                 computed({{"deployed", deployed.hash()},
                                           {"prompts", chosen.hash()},
                                           {"reward model", history.reward_model ? history.reward_model->hash : ""},
                                           {"judge", history.judge.hash()}}),
                                 key_text(recipe_.collect),
                                 [&](const auto& key) { return collect(key, collection, chosen.prompts); });
    const auto imported = stage(label + " / import", 2,
                                {{"files", hash_of_preference_files(work_, number)},
                                 {"suites", pool_.hash_of_suites()},
                                 {"leak window", std::to_string(recipe_.curate.leak_window_words)}},
                                key_text(recipe_.preferences),
                                [&](const auto& key) { return import_preferences(work_, key, number, pool_); });
    const FactSet newest[] = {collected, imported};
    history.comparisons.insert(history.comparisons.end(), std::begin(newest), std::end(newest));

    const auto reward = stage(label + " / reward", 2,
                             computed({{"pretrained", history.pretrained.hash}, {"comparisons", hash_of(history.comparisons)}}),
                             key_text(recipe_.reward), [&](const auto& key) {
                               return train_reward_models(work_, key, label, history.pretrained, history.comparisons,
                                                          history.reward_model, newest);
                             });

    history.reward_model = reward.average;

    const auto best_at_capability = [&](const std::string& capability) -> const ModelRef& {
      return best_at(capability, deployed, history.scores, pool_.suites_by_capability());
    };
    const auto best = stage(
        label + " / reject", 3,
        computed({{"samplers", hash_of_samplers(best_at_capability)}, {"reward model", reward.average.hash}, {"prompts", chosen.hash()}}),
        options_of_sampling(number), [&](const auto& key) {
          return keep_best_replies(
              work_, key, {.round = number, .sampler = best_at_capability, .reward_model = reward.average}, chosen.prompts);
        });

    const auto synthetic = stage(
        label + " / synthesise", 1, {{"files", hash_of_synthetic_files(work_, number)}, {"prompts", chosen.hash()}},
        key_text(recipe_.synthetic),
        [&](const auto& key) { return add_synthetic_dialogs(work_, key, number, chosen.prompts); });

    const FactSet candidates_for_sft[] = {best, synthetic};
    const auto mix = stage(label + " / curate", 4,
                           computed({{"best", best.hash()},
                                     {"synthetic", synthetic.hash()},
                                     {"reward model", reward.average.hash},
                                     {"judge", history.judge.hash()},
                                     {"topics", hash_of_topic_model()},
                                     {"encoder", hash_of_encoder()},
                                     {"suites", pool_.hash_of_suites()}}),
                           key_text(recipe_.curate), [&](const auto& key) {
                             return curate_replies(work_, key,
                                                   {.candidates = candidates_for_sft,
                                                    .reward_model = reward.average,
                                                    .judge = history.judge},
                                                   pool_);
                           });

    const auto tuned = stage(
        label + " / sft", 1, computed({{"pretrained", history.pretrained.hash}, {"mix", mix.hash()}}), key_text(recipe_.sft),
        [&](const auto& key) { return train_sft_variants(work_, key, label, history.pretrained, mix); });

    const auto aligned =
        stage(label + " / dpo", 3,
              computed({{"tuned", tuned.average.hash}, {"collected", collected.hash()}, {"imported", imported.hash()}}),
              key_text(recipe_.dpo),
              [&](const auto& key) { return train_dpo_variants(work_, key, label, tuned.average, newest); });

    const auto candidates = candidates_of(tuned, aligned);
    const auto scores = stage(label + " / evaluate", 2,
                              computed({{"tuned", tuned.hash()},
                                        {"aligned", aligned.hash()},
                                        {"suites", pool_.hash_of_suites()},
                                        {"start", history.start_scores.hash()}}),
                              key_text(recipe_.evaluate), [&](const auto& key) {
                                return score_models(work_, key, candidates, pool_.suites(), history.start_scores);
                              });
    history.scores = scores;

    history.deployed =
        stage(label + " / choose", 2, {{"tuned", tuned.hash()}, {"aligned", aligned.hash()}, {"scores", scores.hash()}},
              "{}", [&](const auto&) { return choose_deployed(tuned, aligned, scores); });
  }

 private:
  template <typename Work>
  auto stage(const std::string& name, std::int64_t revision, Inputs inputs, std::string options, Work&& work)
      -> decltype(work(std::string())) {
    return runner_.stage({.name = name,
                          .revision = revision,
                          .inputs = std::move(inputs),
                          .options = std::move(options),
                          .seed = recipe_.seed},
                         std::forward<Work>(work));
  }

  /// The inputs of a stage that computes with models or renders dialogs for them: how decides what comes out, also where
  /// the models come from outside and are the same.
  Inputs computed(Inputs inputs) const {
    inputs.emplace_back("compute", recipe_.models.compute);
    inputs.emplace_back("format", recipe_.models.format);
    return inputs;
  }

  // For the report's page about licences.
  void add_source(const std::string& name, const std::string& licence, const std::string& file,
                  const std::string& otherwise) {
    work_.ledger.add(ledger::Source{.name = name,
                                    .licence = licence,
                                    .location = file.empty() ? otherwise : file,
                                    .hash = file.empty() ? "" : hash_of_files(recipe_.resolve(file))});
  }

  /// What a name of the recipe means: a model behind a server, one that is made here, or one from outside. Made once.
  ModelRef start_model(const std::string& name) {
    if (const auto known = start_models_.find(name); known != start_models_.end()) return known->second;
    return start_models_[name] = new_start_model(name);
  }

  ModelRef new_start_model(const std::string& name) {
    const auto called = [&](const auto& entry) { return entry.name == name; };
    if (const auto remote = std::find_if(recipe_.remote.begin(), recipe_.remote.end(), called); remote != recipe_.remote.end()) {
      return stage("start / " + name, 1, {{"url", remote->url}, {"model", remote->model}}, "{}",
                   [&](const auto& key) { return use_remote_model(work_, key, *remote); })
          .average;
    }
    const auto start = std::find_if(recipe_.start.begin(), recipe_.start.end(), called);
    if (start == recipe_.start.end()) {
      return stage("start / " + name, 1, computed({{"files", hash_of_files(recipe_.model_path(name))}}), "{}",
                   [&](const auto& key) { return use_start_model(work_, key, name); })
          .average;
    }
    if (start->from.empty()) {
      return stage("start / " + name, 2, computed({{"sources", hash_of_sources(work_, *start, pool_)}}), key_text(*start),
                   [&](const auto& key) { return make_start_model(work_, key, *start, pool_); })
          .average;
    }
    const auto from = start_model(start->from);
    if (start->text.empty()) return from;
    return stage("start / " + name, 2, computed({{"from", from.hash}, {"sources", hash_of_sources(work_, *start, pool_)}}), key_text(*start),
                 [&](const auto& key) { return fine_tune_start_model(work_, key, *start, from, pool_); })
        .average;
  }

  FactSet collect(const std::string& key, const CollectionPlan& plan, std::span<const ledger::PromptId> prompts) {
    auto collected = collect_preferences(work_, key, plan, prompts);
    if (collected.num_waiting > 0) throw WaitingForPeople{};
    return collected.facts;
  }

  // SFT's average shows what DPO adds.
  static std::vector<ModelRef> candidates_of(const ModelSet& tuned, const ModelSet& aligned) {
    std::vector<ModelRef> candidates = {tuned.average, aligned.average};
    for (const auto& variant : aligned.variants) {
      if (std::find(candidates.begin(), candidates.end(), variant) == candidates.end()) candidates.push_back(variant);
    }
    return candidates;
  }

  // Whether a round is the last one decides only where the recipe says so.
  std::string options_of_sampling(std::int64_t round) const {
    const bool is_special = round == recipe_.rounds && recipe_.reject.last_round_temperature > 0;
    return key_text(recipe_.reject) + key_text(recipe_.capabilities) + (is_special ? "last" : "");
  }

  // Of a classifier from outside; the judge is an input of its own.
  std::string hash_of_topic_model() const {
    const auto& name = recipe_.curate.topics;
    return name.empty() || name == "judge" ? "" : hash_of_files(recipe_.model_path(name));
  }

  std::string hash_of_encoder() const {
    const auto& name = recipe_.curate.encoder;
    return name.empty() ? "" : hash_of_files(recipe_.model_path(name));
  }

  // Which model answers which capability, for a stage's key.
  template <typename BestAt>
  std::string hash_of_samplers(const BestAt& best_at_capability) const {
    base::FieldHasher hasher;
    for (const auto& capability : pool_.capabilities()) hasher.add(capability).add(best_at_capability(capability).hash);
    return hasher.finish().hex();
  }

  template <typename Artefact>
  static std::string hash_of(const std::vector<Artefact>& sets) {
    base::FieldHasher hasher;
    for (const auto& set : sets) hasher.add(set.hash());
    return hasher.finish().hex();
  }

  Workspace& work_;
  const Recipe& recipe_;
  StageRunner& runner_;
  PromptPool pool_;
  std::map<std::string, ModelRef> start_models_;
};

// Before anything is done: a mistyped name would show only after all the work that was not wanted.
void check_last_stage(const Recipe& recipe, const std::string& last) {
  if (last.empty()) return;
  const auto names = stage_names(recipe);
  if (std::any_of(names.begin(), names.end(), [&](const auto& name) { return is_called(name, last); })) return;
  // A round's stage is named once, by its short name: the rounds can be many.
  std::vector<std::string> known;
  for (const auto& name : names) {
    if (name.starts_with("start / ")) known.push_back(name);
    if (name.starts_with("round 1 / ")) known.push_back(name.substr(name.find("/ ") + 2));
  }
  std::vector<std::string_view> near(known.begin(), known.end());
  near.insert(near.end(), names.begin(), names.end());
  throw base::UserError("No stage of {} is called \"{}\"{}; its stages are {} (the first of that name) or \"round N / NAME\" up to round {}.",
                        recipe.file.string(), last, base::suggestion(last, near), fmt::join(known, ", "), recipe.rounds);
}

}  // namespace

RunOutcome run_recipe(const Recipe& recipe, const RunOptions& options) {
  check_last_stage(recipe, options.last_stage);
  // All files are read before a home is made: what is wrong with them is known before anything is done.
  PromptPool pool(recipe);
  check_capability_names(recipe, pool);
  read_recipe_files(recipe);
  model::use_threads(static_cast<int>(recipe.threads));
  std::filesystem::create_directories(options.home);
  ledger::Ledger ledger(options.home / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
  const auto run_name = base::content_hash(recipe.text).hex();
  ledger.begin_run(run_name, recipe.name, recipe.text);
  Workspace work(recipe, options.home, ledger, options.on_progress);
  StageRunner runner(ledger, options.home, run_name, options.last_stage, options.on_stage);
  RunOutcome outcome;
  try {
    Run run(work, runner, std::move(pool));
    auto history = run.start();
    for (std::int64_t number = 1; number <= recipe.rounds; ++number) {
      run.round(number, history);
      outcome.deployed = history.deployed;
    }
  } catch (const WaitingForPeople&) {
    outcome.is_waiting = true;
  } catch (const StopAfterStage& stop) {
    outcome.stopped_after = stop.name;
  }
  return outcome;
}

}  // namespace drover::rounds
