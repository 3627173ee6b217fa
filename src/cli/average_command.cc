#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "cli/progress_line.h"
#include "model/checkpoint_average.h"
#include "model/greedy_soup.h"
#include "model/heads.h"
#include "model/threads.h"
#include "train/held_out.h"
#include "train/learned_rows.h"
#include "train/ranked_pairs.h"
#include "train/result_folder.h"
#include "train/reward_facts.h"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

struct AverageOptions {
  std::vector<std::string> models;
  std::string out, held_out, format, dtype = "bf16", device = "cpu";
  std::vector<double> weights;
  std::int64_t max_tokens = 8192;
  int threads = 0;
  bool greedy_soup = false;
  bool json = false;
};

std::vector<fs::path> folders_of(const AverageOptions& options) {
  if (options.models.size() < 2) throw base::UserError("average needs two models or more, there is {}.", options.models.size());
  std::vector<fs::path> folders;
  for (const auto& name : options.models) {
    folders.push_back(model::model_path(name));
    std::error_code ignored;
    if (fs::equivalent(folders.back(), options.out, ignored)) {
      throw base::UserError("--out '{}' is one of the models that are averaged; give another folder.", options.out);
    }
  }
  return folders;
}

std::vector<train::NamedPlace> sources_of(const std::vector<fs::path>& folders) {
  std::vector<train::NamedPlace> sources;
  for (const auto& folder : folders) sources.push_back({fmt::format("the model '{}'", folder.string()), folder});
  return sources;
}

void check_choice(const AverageOptions& options) {
  if (options.greedy_soup == options.held_out.empty()) throw base::UserError("--greedy-soup and --held-out FILE go together.");
  if (options.greedy_soup && !options.weights.empty()) throw base::UserError("--greedy-soup finds the weights itself; leave --weights out.");
}

/// No row is longer than the models' context.
train::RowOptions row_options(const AverageOptions& options, const model::DecoderConfig& config) {
  train::RowOptions rows{.max_tokens = options.max_tokens};
  rows.validate();
  if (config.max_positions <= rows.max_tokens) rows = {.max_tokens = config.max_positions, .is_context = true};
  return rows;
}

struct HeldOut {
  std::vector<model::TokenRow> rows;
  std::vector<std::vector<train::RankedPair>> pairs;  // of preferences, those that count
};

/// Dialogs for language models, preferences for reward models.
HeldOut held_out_rows(const AverageOptions& options, const model::DecoderConfig& config, const fs::path& first) {
  const auto format = choose_format(options.format, first);
  const auto limits = row_options(options, config);
  HeldOut held_out;
  if (config.head.kind != model::HeadKind::kReward) {
    chat::for_each_dialog(options.held_out, {}, [&](std::int64_t, const chat::Dialog& dialog) {
      held_out.rows.push_back(train::sft_row(*format, dialog, train::Learn::kFinal, limits));
    });
    return held_out;
  }
  chat::for_each_preference(options.held_out, {}, [&](std::int64_t, const chat::PreferenceRow& row) {
    const auto ranked = train::clear_part(row, chat::PreferenceLevel::kMarginal);
    auto pairs = ranked ? train::clear_pairs(ranked->levels, chat::PreferenceLevel::kBetter) : std::vector<train::RankedPair>();
    if (pairs.empty()) return;
    held_out.rows.push_back(train::reward_row(*format, *ranked, limits));
    held_out.pairs.push_back(std::move(pairs));
  });
  if (held_out.rows.empty()) throw base::UserError("{} holds no comparison of level better or above.", options.held_out);
  return held_out;
}

model::GreedySoup make_soup(const AverageOptions& options, const model::Checkpoints& checkpoints, const fs::path& first) {
  const auto kind = checkpoints.config().head.kind;
  if (kind != model::HeadKind::kLanguage && kind != model::HeadKind::kReward) {
    throw base::UserError("--held-out scores language and reward models, and '{}' has a {} head; average with --weights, or plainly.", first.string(),
                          model::name_of(kind));
  }
  const auto held_out = held_out_rows(options, checkpoints.config(), first);
  ProgressLine progress;
  const auto most = static_cast<std::int64_t>(2 * checkpoints.size()) - 1;
  std::int64_t done = 0;
  return model::greedy_soup(checkpoints.size(), [&](std::span<const double> weights) {
    throw_if_interrupted();
    const auto mean = checkpoints.mean(weights, {.compute_type = compute_type(options.dtype), .device = options.device});
    const double score = kind == model::HeadKind::kReward ? train::mean_ranking_log_prob(*mean, held_out.rows, held_out.pairs)
                                                               : train::mean_log_prob(*mean, held_out.rows);
    progress.show({.what = "scoring", .done = ++done, .total = most, .unit = "models"});
    return score;
  });
}

nlohmann::ordered_json score_json(double score) { return std::isfinite(score) ? nlohmann::ordered_json(score) : nlohmann::ordered_json(); }

void print(const AverageOptions& options, const model::Checkpoints& checkpoints, const std::vector<double>& shares,
           const std::optional<model::GreedySoup>& soup) {
  if (options.json) {
    nlohmann::ordered_json facts = {{"out", options.out}, {"models", nlohmann::ordered_json::array()}};
    for (std::size_t i = 0; i < shares.size(); ++i) facts["models"].push_back({{"model", options.models[i]}, {"weight", shares[i]}});
    const auto start = checkpoints.lineage().start;
    facts["start"] = start.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(start);
    if (soup) {
      facts["score"] = soup->score;
      for (const auto& attempt : soup->tries) {
        facts["tries"].push_back({{"model", options.models[attempt.model]}, {"score", score_json(attempt.own_score)},
                                  {"soup_score", score_json(attempt.soup_score)}, {"kept", attempt.is_kept}});
      }
    }
    write_output(facts.dump() + "\n");
    return;
  }
  std::string text;
  if (soup) {
    for (const auto& attempt : soup->tries) {
      text += fmt::format("{:<7} {}: alone {:.5f}, soup with it {:.5f}\n", attempt.is_kept ? "kept" : "dropped", options.models[attempt.model],
                          attempt.own_score, attempt.soup_score);
    }
  }
  for (std::size_t i = 0; i < shares.size(); ++i) text += fmt::format("{:.6f}  {}\n", shares[i], options.models[i]);
  write_output(text + fmt::format("{} written\n", options.out));
}

base::ExitStatus average(const AverageOptions& options) {
  check_choice(options);
  model::use_threads(options.threads);
  const auto folders = folders_of(options);
  // Looked at and held before anything is scored.
  const train::ResultFolder result(options.out, {.sources = sources_of(folders)});
  const auto checkpoints = model::Checkpoints::open(folders);
  for (const auto& folder : checkpoints.of_unknown_lineage()) {
    fmt::print(stderr, "drover: warning: '{}' does not say which start model it was trained from; the mean of models with different starts is seldom any good.\n",
               folder.string());
  }
  std::optional<model::GreedySoup> soup;
  if (options.greedy_soup) soup = make_soup(options, checkpoints, folders.front());
  auto weights = soup ? soup->weights : options.weights;
  if (weights.empty()) weights.assign(folders.size(), 1.0);
  {
    ProgressLine progress;
    checkpoints.write_mean(weights, options.out, progress.on_progress());
  }
  print(options, checkpoints, model::effective_weights(weights), soup);
  return base::ExitStatus::kDone;
}

}  // namespace

void add_average_command(const Commands& commands) {
  const auto options = std::make_shared<AverageOptions>();
  CLI::App& command = commands.add("average", "Averages the weights of checkpoints that were trained from one start model",
                                   "drover average runs/a runs/b runs/c -o mean --weights 2,1,1", options, average);
  command.add_option("MODEL", options->models, "two model folders or more")->required();
  command.add_option("-o,--out", options->out, "folder for the mean")->required();
  command.add_option("--weights", options->weights, "what each model counts, separated by commas; only the proportions matter")->delimiter(',')->allow_extra_args(false);
  command.add_flag("--greedy-soup", options->greedy_soup,
                   "add models to the mean, best first, while the held-out score does not fall (Wortsman et al. 2022)");
  command.add_option("--held-out", options->held_out,
                     "JSONL file for --greedy-soup: dialogs, whose last turns' tokens' mean log-probability is the score; or preferences for reward "
                     "models, whose pairs' mean log-probability it is");
  command.add_option("--max-tokens", options->max_tokens, "longer held-out rows are refused, as are those longer than the models' context")
      ->capture_default_str();
  command.add_flag("--json", options->json,
                   "print one JSON object: {\"out\", \"models\": [{\"model\", \"weight\"}], \"start\", and of a soup \"score\", \"tries\"}");
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1; for scoring")->capture_default_str();
}

}  // namespace drover::cli
