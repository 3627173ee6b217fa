// stage_names and describe_plan of round.h.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "rounds/capability_names.h"
#include "rounds/prompt_pool.h"
#include "rounds/recipe_files.h"
#include "rounds/round.h"
#include "rounds/work_estimate.h"

namespace drover::rounds {
namespace {

std::string describe(const TrainSection& train) {
  const auto length = train.steps > 0 ? fmt::format("{} steps", train.steps) : fmt::format("{:g} epochs", train.epochs);
  return fmt::format("{} of {} rows, learning rate {:g}{}", length, train.rows_per_step, train.learning_rate,
                     train.variants > 1 ? fmt::format(", {} variants averaged", train.variants) : "");
}

std::string describe(const SamplingSection& sampling) {
  return fmt::format("temperature {:g}, at most {} tokens", sampling.temperature, sampling.max_tokens);
}

// The stages that make a start model, in their order and each once; a start model that only renames another has none.
void add_start(const Recipe& recipe, const std::string& model, std::vector<std::string>& names) {
  const auto start = std::find_if(recipe.start.begin(), recipe.start.end(), [&](const auto& entry) { return entry.name == model; });
  if (start != recipe.start.end() && !start->from.empty()) {
    add_start(recipe, start->from, names);
    if (start->text.empty()) return;
  }
  const auto name = "start / " + model;
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

std::vector<std::string> stage_names(const Recipe& recipe) {
  std::vector<std::string> names;
  add_start(recipe, recipe.models.pretrained, names);
  for (const auto& model : recipe.models.bootstrap) add_start(recipe, model, names);
  names.emplace_back("start / evaluate");
  if (!recipe.judge.model.empty()) {
    add_start(recipe, recipe.judge.model, names);
    names.emplace_back("start / calibrate");
  }
  for (std::int64_t number = 1; number <= recipe.rounds; ++number) {
    for (const auto* stage : {"plan", "collect", "import", "reward", "reject", "synthesise", "curate", "sft", "dpo", "evaluate", "choose"}) {
      names.push_back(fmt::format("round {} / {}", number, stage));
    }
  }
  return names;
}

namespace {

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

// What the recipe says about how a stage does its work.
std::string options_of(const Recipe& recipe, const std::string& stage) {
  if (stage == "collect") return describe(recipe.collect.sampling);
  if (stage == "reward") return describe(recipe.reward.train);
  if (stage == "reject") return describe(recipe.reject.sampling);
  if (stage == "sft") return describe(recipe.sft.train);
  if (stage == "dpo") return fmt::format("{}, beta {:g}", describe(recipe.dpo.train), recipe.dpo.beta);
  if (stage == "evaluate" || stage == "start / evaluate") return describe(recipe.evaluate.sampling);
  for (const auto& start : recipe.start) {
    if (stage != "start / " + start.name) continue;
    return fmt::format("{}, {}", start.from.empty() ? fmt::format("random weights of {} layers of {}", start.num_layers, start.hidden_size) : "from " + start.from,
                       describe(start.train));
  }
  return {};
}

std::string line_of(const Recipe& recipe, const StageWork& work, const std::optional<ModelSize>& model) {
  const auto options = options_of(recipe, work.stage);
  const double seconds = model ? seconds_of(work, *model, recipe) : 0;
  return fmt::format("  {:<20} {:>8}  {}{}\n", work.stage, seconds > 0 ? duration(seconds) : "", work.counts,
                     options.empty() ? "" : "; " + options);
}

// The reward model learns the comparisons of all rounds, and imports come in rounds of their own.
std::string cost_in_words(const Recipe& recipe, const RunWork& work, const std::optional<ModelSize>& model, double prompt_tokens) {
  if (!model) return fmt::format("time and memory: not known before the model \"{}\" is there\n", recipe.models.pretrained);
  double seconds = 0;
  for (const auto& stage : work.start) seconds += seconds_of(stage, *model, recipe);
  for (const auto& round : work.rounds) {
    for (const auto& stage : round) seconds += seconds_of(stage, *model, recipe);
  }
  const double share = recipe.models.compute == "bf16" ? 1.0 : 0.5;
  const auto memory = estimate_memory(recipe, *model, prompt_tokens);
  return fmt::format(
      "time: at most about {}, when every reply goes on to its longest length and nothing is dropped. Assumed, not measured here: {} threads "
      "with {:.0f} (sampling) and {:.0f} (training) thousand million operations a second each, as on a processor with AVX-512, and 5 ms for each "
      "step of an optimizer; models behind servers, people, commands and the encoder are left out\n"
      "memory: about {:.1f} GB while it trains, {:.1f} GB while it samples ({:.1f} million parameters, {})\n",
      duration(seconds), num_threads(recipe), share * kAssumedSpeed.sampling / 1e9, share * kAssumedSpeed.training / 1e9, memory.training / 1e9,
      memory.sampling / 1e9, static_cast<double>(model->parameters) / 1e6, recipe.models.compute);
}

}  // namespace

std::string describe_plan(const Recipe& recipe) {
  const PromptPool pool(recipe);
  check_capability_names(recipe, pool);
  const auto work = estimate_work(recipe, pool, read_recipe_files(recipe));
  const auto model = size_of_pretrained(recipe);
  std::int64_t questions = 0;
  for (const auto& [capability, suite] : pool.suites()) questions += static_cast<std::int64_t>(suite.prompts.size());
  std::string text = fmt::format("{}: {} {}, {} prompts, {} held-out questions\n", recipe.name, recipe.rounds,
                                 recipe.rounds == 1 ? "round" : "rounds", pool.prompts().size(), questions);
  for (const auto& stage : work.start) text += line_of(recipe, stage, model);
  text += "round 1\n";
  for (const auto& stage : work.rounds.front()) text += line_of(recipe, stage, model);
  text += fmt::format("  {:<20} {:>8}  the averaged model and its variants, best first\n", "choose", "");
  if (recipe.rounds > 1) {
    text += fmt::format("round {}, where it differs\n", recipe.rounds);
    for (std::size_t i = 0; i < work.rounds.back().size(); ++i) {
      if (work.rounds.back()[i].counts != work.rounds.front()[i].counts) text += line_of(recipe, work.rounds.back()[i], model);
    }
  }
  return text + cost_in_words(recipe, work, model, mean_prompt_tokens(pool));
}

}  // namespace drover::rounds
