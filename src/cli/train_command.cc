#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "cli/model_path.h"
#include "model/lineage.h"
#include "model/model.h"
#include "model/model_folder.h"
#include "train/learned_rows.h"
#include "train/trainer.h"

namespace drover::cli {
namespace {

struct TrainCommandOptions {
  std::string kind, model, data, out, format, learn = "final", schedule = "cosine", on_bad_row = "stop", checkpoint;
  std::string dtype = "f32", device = "cpu";
  train::TrainOptions train;
  train::RewardOptions reward;
  train::DpoOptions dpo;
  std::int64_t max_tokens = 8192;
  bool nll_per_token = false;
  bool compare_terminators = false;
  bool json = false;
};

chat::DialogFileOptions file_options(const TrainCommandOptions& options) {
  return {.on_bad_row = options.on_bad_row == "skip" ? chat::OnBadRow::kSkip : chat::OnBadRow::kStop, .ignored_keys = {}};
}

/// One line a step: for programs, or for people.
train::OnStep step_printer(const TrainCommandOptions& options) {
  return [json = options.json, kind = options.kind](const train::StepReport& report) {
    if (json) {
      const nlohmann::ordered_json line = {{"step", report.step}, {"steps", report.total_steps}, {"loss", report.loss},
                                           {"grad_norm", report.grad_norm}, {"learning_rate", report.learning_rate},
                                           {"rows", report.rows}, {"tokens", report.tokens},
                                           {"tokens_per_second", report.tokens_per_second}, {"metrics", report.metrics}};
      write_output(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    } else {
      std::string line = fmt::format("{} {}/{} | loss {:.4f}", kind, report.step, report.total_steps, report.loss);
      for (const auto& [name, value] : report.metrics) line += fmt::format(" | {} {:.4g}", name, value);
      write_output(line + fmt::format(" | grad norm {:.3g} | lr {:.2e} | {:.0f} tok/s\n", report.grad_norm, report.learning_rate,
                                      report.tokens_per_second));
    }
    throw_if_interrupted();
  };
}

/// The "text" of each line's object.
std::vector<model::TokenRow> read_documents(const TrainCommandOptions& options, const text::Tokenizer& tokenizer) {
  std::vector<model::TokenRow> rows;
  base::for_each_line(options.data, [&](std::int64_t number, std::string_view line) {
    if (line.empty()) return;
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("text") || !json["text"].is_string()) {
      throw base::UserError("{}, line {}: expected an object with a \"text\".", options.data, number);
    }
    auto ids = tokenizer.encode(json["text"].get<std::string>(), {.parse_special = false, .add_special = true});
    if (const auto eos = tokenizer.eos()) ids.push_back(*eos);
    auto made = train::document_rows(ids, {.max_tokens = options.max_tokens});
    rows.insert(rows.end(), made.begin(), made.end());
  });
  return rows;
}

std::shared_ptr<const model::Model> run(const TrainCommandOptions& options, const std::shared_ptr<const model::Model>& start) {
  const auto on_step = step_printer(options);
  if (options.kind == "lm") return train::train_lm(start, read_documents(options, start->tokenizer()), options.train, on_step);

  const auto format = choose_format(options.format, start->chat_template(), start->shared_tokenizer());
  const train::RowOptions row_options{.max_tokens = options.max_tokens};
  if (options.kind == "sft") {
    const auto learn = options.learn == "all" ? train::Learn::kAll : train::Learn::kFinal;
    std::vector<model::TokenRow> rows;
    chat::for_each_dialog(options.data, file_options(options), [&](std::int64_t, const chat::Dialog& dialog) {
      rows.push_back(train::sft_row(*format, dialog, learn, row_options));
    });
    return train::train_sft(start, rows, options.train, on_step);
  }
  if (options.kind == "reward") {
    std::vector<model::TokenRow> rows;
    chat::for_each_preference(options.data, file_options(options), [&](std::int64_t, const chat::PreferenceRow& row) {
      rows.push_back(train::reward_row(*format, row, row_options));
    });
    auto reward = options.reward;
    reward.train = options.train;
    return train::train_reward(start, rows, reward, on_step);
  }
  std::vector<train::DpoRow> rows;
  chat::for_each_preference(options.data, file_options(options), [&](std::int64_t, const chat::PreferenceRow& row) {
    rows.push_back(train::dpo_row(*format, row, {.rows = row_options, .mask_format_tokens = !options.compare_terminators}));
  });
  auto dpo = options.dpo;
  dpo.train = options.train;
  dpo.nll_average = options.nll_per_token ? train::NllAverage::kPerToken : train::NllAverage::kPerSequence;
  return train::train_dpo(start, rows, dpo, on_step);
}

base::ExitStatus train_model(const TrainCommandOptions& given) {
  auto options = given;
  options.train.compute_type = compute_type(options.dtype);
  options.train.schedule.shape = *train::schedule_shape_of(options.schedule);
  options.train.checkpoint_folder = options.checkpoint;
  const auto start = model::Model::load(model_path(options.model), {.compute_type = options.train.compute_type, .device = options.device});
  model::save_model(*run(options, start), {.start = model::weights_hash(*start)}, options.out);
  return base::ExitStatus::kDone;
}

}  // namespace

void add_train_command(const Commands& commands) {
  const auto options = std::make_shared<TrainCommandOptions>();
  CLI::App& command = commands.add("train", "Trains a model: supervised fine-tuning, reward model, preference optimisation, documents",
                                   "drover train sft smollm2-135m-instruct docs/examples/dialogs.jsonl -o tuned --steps 2", options,
                                   train_model);
  command.add_option("KIND", options->kind, "sft, reward, dpo or lm")->required()->check(CLI::IsMember({"sft", "reward", "dpo", "lm"}));
  command.add_option("MODEL", options->model, "start model: folder, .gguf file or short name")->required();
  command.add_option("DATA", options->data, "JSONL: dialogs (sft), preferences (reward, dpo), {\"text\": ...} (lm)")->required();
  command.add_option("-o,--out", options->out, "folder for the trained model")->required();
  auto& train = options->train;
  command.add_option("--lr", train.learning_rate, "peak learning rate")->capture_default_str();
  command.add_option("--steps", train.steps, "optimizer steps; 0: as many as --epochs take")->capture_default_str();
  command.add_option("--epochs", train.epochs, "passes over the data")->capture_default_str();
  command.add_option("--rows-per-step", train.rows_per_step, "rows of one step")->capture_default_str();
  command.add_option("--tokens-per-step", train.tokens_per_step, "tokens of one step, in place of --rows-per-step; 0: off")->capture_default_str();
  command.add_option("--packed-tokens", train.packed_tokens, "tokens computed at once")->capture_default_str();
  command.add_option("--max-tokens", options->max_tokens, "longer rows are refused")->capture_default_str();
  command.add_option("--schedule", options->schedule, "constant, linear or cosine")->check(CLI::IsMember({"constant", "linear", "cosine"}))
      ->capture_default_str();
  command.add_option("--warmup", train.schedule.warmup_steps, "steps of the linear warm-up")->capture_default_str();
  command.add_option("--final-share", train.schedule.final_share, "last learning rate, as a part of the peak")->capture_default_str();
  command.add_option("--clip", train.clip_norm, "largest gradient norm; 0: off")->capture_default_str();
  command.add_option("--weight-decay", train.adamw.weight_decay, "decoupled weight decay")->capture_default_str();
  command.add_option("--seed", train.seed, "order of the rows")->capture_default_str();
  command.add_option("--checkpoint", options->checkpoint, "folder for checkpoints; the same command goes on from there");
  command.add_option("--checkpoint-every", train.checkpoint_every, "steps between checkpoints")->capture_default_str();
  command.add_option("--learn", options->learn, "sft: final or all assistant turns")->check(CLI::IsMember({"final", "all"}))->capture_default_str();
  command.add_option("--head-seed", options->reward.head_seed, "reward: what a new head is drawn from")->capture_default_str();
  command.add_option("--centring", options->reward.centring, "reward: pull of rewards towards 0; 0: off")->capture_default_str();
  command.add_option("--beta", options->dpo.beta, "dpo: pull towards the start model")->capture_default_str();
  command.add_option("--nll-weight", options->dpo.nll_weight, "dpo: weight of the likelihood of chosen responses")->capture_default_str();
  command.add_flag("--nll-per-token", options->nll_per_token, "dpo: average that likelihood over tokens, not over responses");
  command.add_flag("--compare-terminators", options->compare_terminators, "dpo: let terminators count in the preference term");
  command.add_option("--on-bad-row", options->on_bad_row, "stop or skip")->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  command.add_flag("--json", options->json, "print one JSON object a step");
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
