// stage_names and describe_plan of round.h.
#include <fmt/ranges.h>

#include <algorithm>

#include "rounds/prompt_pool.h"
#include "rounds/round.h"

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

std::string describe_plan(const Recipe& recipe) {
  const PromptPool pool(recipe);
  const auto all_prompts = static_cast<std::int64_t>(pool.prompts().size());
  const auto prompts =
      recipe.collect.prompts_per_round == 0 ? all_prompts : std::min(all_prompts, recipe.collect.prompts_per_round);
  std::int64_t questions = 0;
  for (const auto& [capability, suite] : pool.suites()) questions += static_cast<std::int64_t>(suite.prompts.size());
  std::string text = fmt::format("{}: {} {}, {} prompts, {} held-out questions\n", recipe.name, recipe.rounds,
                                 recipe.rounds == 1 ? "round" : "rounds", all_prompts, questions);
  const auto line = [&](const std::string& stage, const std::string& what) {
    text += fmt::format("  {:<20} {}\n", stage, what);
  };
  for (const auto& start : recipe.start) {
    if (!start.from.empty() && start.text.empty()) continue;
    line("start / " + start.name,
         start.from.empty() ? fmt::format("random weights ({} layers of {}), then text: {}", start.num_layers,
                                          start.hidden_size, describe(start.train))
                            : fmt::format("{}, fine-tuned: {}", start.from, describe(start.train)));
  }
  line("start / evaluate", fmt::format("{} models, {} replies", recipe.models.bootstrap.size(),
                                       questions * static_cast<std::int64_t>(recipe.models.bootstrap.size())));
  text += "each round\n";
  line("plan", fmt::format("{} prompts of {} capabilities", prompts, pool.capabilities().size()));
  const auto comparisons = prompts * recipe.collect.comparisons_per_prompt;
  line("collect", fmt::format("{} comparisons by the {}, {} replies; {}", comparisons, fmt::join(recipe.collect.annotators, ", then the "),
                              2 * comparisons, describe(recipe.collect.sampling)));
  line("reward", describe(recipe.reward.train));
  line("reject", fmt::format("{} replies, {} a prompt; {}", prompts * recipe.reject.replies_per_prompt,
                             recipe.reject.replies_per_prompt, describe(recipe.reject.sampling)));
  for (const auto& source : recipe.synthetic) {
    line("synthesise", fmt::format("{} from {}{}", source.rows == 0 ? "dialogs" : fmt::format("{} dialogs", source.rows), source.name,
                                   source.from_round > 1 ? fmt::format(", from round {} on", source.from_round) : ""));
  }
  line("curate", fmt::format("at most {} replies", prompts));
  line("sft", describe(recipe.sft.train));
  line("dpo", fmt::format("{}, beta {:g}", describe(recipe.dpo.train), recipe.dpo.beta));
  const auto num_models = 2 + (recipe.dpo.train.variants > 1 ? recipe.dpo.train.variants : 0);
  line("evaluate", fmt::format("{} models, {} replies; {}", num_models, num_models * questions,
                               describe(recipe.evaluate.sampling)));
  line("choose", "the averaged model and its variants, best first");
  return text;
}

}  // namespace drover::rounds
