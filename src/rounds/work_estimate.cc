#include "rounds/work_estimate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "model/model_shape.h"
#include "text/load_tokenizer.h"
#include "verify/checker.h"

namespace drover::rounds {
namespace {

constexpr double kUserTurnTokens = 160;     // preference::SimulatedUserOptions
constexpr double kJudgeCalls = 5;           // a reply: three points, difficulty, intentions
constexpr double kModelsInMemory = 4;       // Workspace
constexpr double kProgramBytes = 300e6;     // LibTorch above all
constexpr double kLearnedBytes = 16;        // a parameter: master, gradient, two moments, in f32
constexpr double kHeadBytes = 192 << 20;    // what the language head keeps at most

double real(std::int64_t count) { return static_cast<double>(count); }

bool asks(const Recipe& recipe, const char* annotator) {
  const auto& all = recipe.collect.annotators;
  return std::find(all.begin(), all.end(), annotator) != all.end();
}

/// Rows that all variants of a section learn together, of `rows` different ones.
double rows_trained(const TrainSection& section, double rows) {
  const double each = section.steps > 0 ? real(section.steps * section.rows_per_step) : section.epochs * section.data_share * rows;
  return each * real(section.variants);
}

double mean_tokens_of_suites(const PromptPool& pool, std::int64_t& count) {
  double tokens = 0;
  count = 0;
  for (const auto& [capability, suite] : pool.suites()) {
    for (const auto& prompt : suite.prompts) {
      ++count;
      tokens += rough_tokens(static_cast<std::int64_t>(verify::text_of(prompt.dialog.messages).size()));
    }
  }
  return count == 0 ? 0 : tokens / real(count);
}

/// Rows of a [preferences.NAME] that a round imports.
double imported(const PreferenceSource& source, std::int64_t rows, std::int64_t round) {
  if (round < source.from_round) return 0;
  if (source.rows == 0) return round == source.from_round ? real(rows) : 0;
  return real(std::clamp<std::int64_t>(rows - (round - source.from_round) * source.rows, 0, source.rows));
}

class Estimate {
 public:
  Estimate(const Recipe& recipe, const PromptPool& pool, const RecipeFiles& files)
      : recipe_(recipe), files_(files), prompt_tokens_(mean_prompt_tokens(pool)), num_capabilities_(pool.capabilities().size()) {
    const auto all = static_cast<std::int64_t>(pool.prompts().size());
    const auto wanted = recipe.collect.prompts_per_round;
    prompts_ = real(wanted == 0 ? all : std::min(all, wanted));
    const auto& multi = recipe.collect.multi_turn;
    const auto openings = std::count_if(pool.prompts().begin(), pool.prompts().end(), [&](const auto& prompt) {
      return std::find(multi.begin(), multi.end(), capability_of(prompt)) != multi.end();
    });
    openings_ = prompts_ * static_cast<double>(openings) / real(std::max<std::int64_t>(all, 1));
    suite_tokens_ = mean_tokens_of_suites(pool, questions_);
    comparisons_ = (prompts_ - openings_ + openings_ * real(recipe.collect.turns)) * real(recipe.collect.comparisons_per_prompt);
  }

  std::vector<StageWork> start() const {
    std::vector<StageWork> stages;
    for (const auto& start : recipe_.start) {
      if (start.text.empty()) continue;
      const auto& text = files_.start.at(start.name);
      const auto rows = rows_trained(start.train, real(text.rows));
      stages.push_back({.stage = "start / " + start.name,
                        .counts = fmt::format("{} texts, {:.0f} learned", text.rows, rows),
                        .tokens_trained = rows * text.tokens_per_row(),
                        .steps = rows / real(start.train.rows_per_step)});
    }
    stages.push_back(evaluation("start / evaluate", static_cast<std::int64_t>(recipe_.models.bootstrap.size())));
    if (!recipe_.judge.model.empty()) {
      stages.push_back({.stage = "start / calibrate",
                        .counts = fmt::format("{} pairs that people judged, in both orders", files_.judged_pairs.rows),
                        .tokens_read = 2 * files_.judged_pairs.tokens});
    }
    return stages;
  }

  std::vector<StageWork> round(std::int64_t number) const {
    double comparisons_so_far = 0;
    double imported_now = 0;
    for (std::int64_t earlier = 1; earlier <= number; ++earlier) {
      imported_now = imported_in(earlier);
      comparisons_so_far += comparisons_ + imported_now;
    }
    const auto synthetic = synthetic_in(number);
    std::vector<StageWork> stages;
    stages.push_back({.stage = "plan", .counts = fmt::format("{:.0f} prompts of {} capabilities", prompts_, num_capabilities_)});
    stages.push_back(collection(number));
    stages.push_back({.stage = "import", .counts = fmt::format("{:.0f} comparisons from files", imported_now)});
    stages.push_back(training("reward", recipe_.reward.train, comparisons_so_far, pair_tokens(), 3));
    stages.back().tokens_read = comparisons_so_far * pair_tokens();  // its accuracy
    stages.push_back(sampling());
    stages.push_back({.stage = "synthesise", .counts = synthetic_counts(number)});
    stages.push_back(curation(synthetic));
    stages.push_back(training("sft", recipe_.sft.train, mixed_rows(synthetic), prompt_tokens_ + reply_tokens(recipe_.reject.sampling), 3));
    stages.push_back(training("dpo", recipe_.dpo.train, comparisons_ + imported_now, pair_tokens(), 4));
    stages.push_back(evaluation("evaluate", 2 + (recipe_.dpo.train.variants > 1 ? recipe_.dpo.train.variants : 0)));
    return stages;
  }

 private:
  static double reply_tokens(const SamplingSection& section) { return real(section.max_tokens); }
  double pair_tokens() const { return prompt_tokens_ + 2 * reply_tokens(recipe_.collect.sampling); }

  StageWork evaluation(const std::string& stage, std::int64_t models) const {
    const auto replies = real(models * questions_);
    return {.stage = stage,
            .counts = fmt::format("{} models, {:.0f} replies", models, replies),
            .tokens_read = replies * suite_tokens_,
            .tokens_sampled = replies * reply_tokens(recipe_.evaluate.sampling)};
  }

  StageWork collection(std::int64_t round) const {
    const auto& section = recipe_.collect;
    const auto user_turns = openings_ * real(section.turns - 1);
    StageWork work{.stage = "collect",
                   .counts = fmt::format("{:.0f} comparisons by the {}, {:.0f} replies{}{}", comparisons_,
                                         fmt::join(section.annotators, ", then the "), 2 * comparisons_,
                                         section.edit ? fmt::format(", {:.0f} edits", comparisons_) : "",
                                         user_turns > 0 ? fmt::format(", {:.0f} user turns", user_turns) : ""),
                   .tokens_read = comparisons_ * pair_tokens(),
                   .tokens_sampled = 2 * comparisons_ * reply_tokens(section.sampling) + user_turns * kUserTurnTokens};
    // A later turn reads the turns before it.
    work.tokens_read += user_turns * real(section.turns) / 2 * (reply_tokens(section.sampling) + kUserTurnTokens);
    if (section.edit) {
      work.tokens_read += comparisons_ * pair_tokens();
      work.tokens_sampled += comparisons_ * reply_tokens(section.edit_sampling);
    }
    if (asks(recipe_, "reward") && round > 1) work.tokens_read += comparisons_ * pair_tokens();
    if (asks(recipe_, "judge")) work.tokens_read += 2 * comparisons_ * pair_tokens();
    return work;
  }

  StageWork sampling() const {
    const auto& section = recipe_.reject;
    const auto replies = prompts_ * real(section.replies_per_prompt);
    const auto tokens = replies * reply_tokens(section.sampling);
    return {.stage = "reject",
            .counts = fmt::format("{:.0f} replies, {} a prompt", replies, section.replies_per_prompt),
            .tokens_read = 2 * prompts_ * prompt_tokens_ + tokens,
            .tokens_sampled = tokens};
  }

  StageWork curation(double synthetic) const {
    const auto rows = prompts_ + synthetic;
    const auto tokens = rows * (prompt_tokens_ + reply_tokens(recipe_.reject.sampling));
    StageWork work{.stage = "curate", .counts = fmt::format("{:.0f} replies", rows)};
    if (recipe_.curate.reward_share >= 1) return work;
    work.tokens_read = synthetic * (prompt_tokens_ + reply_tokens(recipe_.reject.sampling));
    if (!recipe_.judge.model.empty()) work.tokens_read += kJudgeCalls * tokens;
    return work;
  }

  StageWork training(const std::string& stage, const TrainSection& section, double rows, double row_tokens, double passes) const {
    const auto learned = rows_trained(section, rows);
    return {.stage = stage,
            .counts = fmt::format("{:.0f} rows, {:.0f} learned", rows, learned),
            .tokens_trained = learned * std::min(row_tokens, real(section.max_tokens)),
            .steps = learned / real(section.rows_per_step),
            .passes_trained = passes};
  }

  double mixed_rows(double synthetic) const {
    if (recipe_.curate.rows > 0) return real(recipe_.curate.rows);
    double most = 1;
    for (const auto& [name, epochs] : recipe_.curate.epochs) most = std::max(most, epochs);
    if (!recipe_.curate.shares.empty()) most = recipe_.curate.max_epochs;
    return most * (prompts_ + synthetic);
  }

  double imported_in(std::int64_t round) const {
    double rows = 0;
    for (const auto& source : recipe_.preferences) rows += imported(source, files_.preferences.at(source.name).rows, round);
    return rows;
  }

  // What a command without `rows` writes is not known.
  double synthetic_in(std::int64_t round) const {
    double rows = 0;
    for (const auto& source : recipe_.synthetic) {
      if (round < source.from_round) continue;
      const auto file = files_.synthetic.find(source.name);
      const auto there = file == files_.synthetic.end() ? source.rows : file->second.rows;
      rows += real(source.rows > 0 ? std::min(source.rows, there) : there);
    }
    return rows;
  }

  std::string synthetic_counts(std::int64_t round) const {
    const bool is_open = std::any_of(recipe_.synthetic.begin(), recipe_.synthetic.end(), [&](const auto& source) {
      return round >= source.from_round && !source.command.empty() && source.rows == 0;
    });
    return fmt::format("{:.0f} dialogs from files and commands{}", synthetic_in(round), is_open ? ", and what a command without \"rows\" writes" : "");
  }

  const Recipe& recipe_;
  const RecipeFiles& files_;
  double prompts_ = 0;
  double openings_ = 0;  ///< prompts that open dialogs
  double prompt_tokens_ = 0;
  double comparisons_ = 0;
  double suite_tokens_ = 0;
  std::int64_t questions_ = 0;
  std::size_t num_capabilities_ = 0;
};

model::DecoderConfig random_config(const Recipe& recipe, const StartModel& start) {
  model::DecoderConfig config;
  config.vocab_size = text::load_tokenizer(recipe.resolve(start.tokenizer))->vocab_size();
  config.hidden_size = start.hidden_size;
  config.intermediate_size = start.intermediate_size;
  config.num_layers = start.num_layers;
  config.num_heads = start.num_heads;
  config.num_kv_heads = start.num_kv_heads;
  config.head_dim = start.hidden_size / start.num_heads;
  config.tied_embeddings = true;
  return config;
}

}  // namespace

RunWork estimate_work(const Recipe& recipe, const PromptPool& pool, const RecipeFiles& files) {
  const Estimate estimate(recipe, pool, files);
  RunWork work{.start = estimate.start(), .rounds = {}};
  for (std::int64_t number = 1; number <= recipe.rounds; ++number) work.rounds.push_back(estimate.round(number));
  return work;
}

double mean_prompt_tokens(const PromptPool& pool) {
  double tokens = 0;
  for (const auto& prompt : pool.prompts())
    tokens += rough_tokens(static_cast<std::int64_t>(verify::text_of(prompt.dialog.messages).size()));
  return pool.prompts().empty() ? 0 : tokens / static_cast<double>(pool.prompts().size());
}

std::optional<ModelSize> size_of_pretrained(const Recipe& recipe) {
  auto name = recipe.models.pretrained;
  model::DecoderConfig config;
  for (std::size_t steps = 0;; ++steps) {
    const auto start = std::find_if(recipe.start.begin(), recipe.start.end(), [&](const auto& entry) { return entry.name == name; });
    if (start == recipe.start.end() || steps > recipe.start.size()) break;
    if (start->from.empty()) {
      config = random_config(recipe, *start);
      break;
    }
    name = start->from;
  }
  if (config.hidden_size == 0) {
    std::filesystem::path path;
    try {
      path = recipe.model_path(name);
    } catch (const base::UserError&) {
      return std::nullopt;
    }
    config = model::read_model_config(path);
  }
  return ModelSize{.parameters = model::num_parameters(config),
                   .layers = config.num_layers,
                   .hidden_size = config.hidden_size,
                   .intermediate_size = config.intermediate_size,
                   .kv_width = config.num_kv_heads * config.head_dim};
}

std::int64_t num_threads(const Recipe& recipe) {
  return recipe.threads > 0 ? recipe.threads : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
}

double seconds_of(const StageWork& work, const ModelSize& model, const Recipe& recipe) {
  const auto operations = 2 * real(model.parameters);  // of one token, forward
  const auto share = recipe.models.compute == "bf16" ? 1.0 : 0.5;
  const auto seconds = operations * (work.tokens_read / kAssumedSpeed.reading + work.tokens_sampled / kAssumedSpeed.sampling +
                                     work.passes_trained * work.tokens_trained / kAssumedSpeed.training);
  return seconds / (share * real(num_threads(recipe))) + work.steps * kAssumedSpeed.step_seconds;
}

MemoryEstimate estimate_memory(const Recipe& recipe, const ModelSize& model, double prompt_tokens) {
  const double number = recipe.models.compute == "bf16" ? 2 : 4;  // bytes
  const auto parameters = real(model.parameters);
  MemoryEstimate memory;
  double variants = 0;
  double row = 0;
  for (const auto* section : {&recipe.reward.train, &recipe.sft.train, &recipe.dpo.train}) {
    variants = std::max(variants, real(section->variants));
    row = std::max(row, real(section->packed_tokens));
  }
  const auto kept = kProgramBytes + (kModelsInMemory + variants) * number * parameters;
  // Each layer keeps the stream twice in f32, queries, keys, values and what was attended, gate and up.
  const auto activations = row * real(model.layers) * (8 * real(model.hidden_size) + number * (4 * real(model.hidden_size) + 2 * real(model.intermediate_size)));
  // The model that training starts from is there in f32 as well.
  memory.training = (kLearnedBytes + 4) * parameters + activations + std::min(kHeadBytes, activations) + kept;
  double sequences = 0;
  const auto add = [&](const SamplingSection& section, std::int64_t replies) {
    sequences = std::max(sequences, real(section.prompts_per_batch * replies) * (prompt_tokens + real(section.max_tokens)));
  };
  add(recipe.collect.sampling, 2 * recipe.collect.comparisons_per_prompt);
  add(recipe.reject.sampling, recipe.reject.replies_per_prompt);
  add(recipe.evaluate.sampling, 1);
  memory.sampling = kept + sequences * 2 * real(model.layers * model.kv_width) * number;
  return memory;
}

}  // namespace drover::rounds
