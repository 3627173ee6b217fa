#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/progress_line.h"
#include "cli/train_arguments.h"
#include "cli/train_log.h"
#include "cli/train_rows.h"
#include "model/adapter_folder.h"
#include "model/lineage.h"
#include "model/model.h"
#include "model/model_folder.h"
#include "model/model_path.h"
#include "model/threads.h"
#include "train/held_space.h"
#include "train/result_folder.h"
#include "train/trainer.h"

namespace drover::cli {
namespace {

using ModelPointer = std::shared_ptr<const model::Model>;

/// The user's cache folder (XDG), or none when there is no home.
std::filesystem::path reference_cache(const TrainArguments& arguments) {
  if (arguments.reference_cache == "none") return {};
  if (!arguments.reference_cache.empty()) return arguments.reference_cache;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::filesystem::path(cache) / "drover/reference";
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? std::filesystem::path() : std::filesystem::path(home) / ".cache/drover/reference";
}

train::TrainOptions train_options(const TrainArguments& arguments, const TrainRows& rows) {
  auto options = arguments.train;
  options.compute_type = compute_type(arguments.dtype);
  options.schedule.shape = *train::schedule_shape_of(arguments.schedule);
  options.checkpoint_folder = arguments.checkpoint;
  options.stop_when_lost = !arguments.keep_going;
  options.row_lines = rows.lines;
  return options;
}

train::DpoOptions dpo_options(const TrainArguments& arguments, const train::TrainOptions& options) {
  auto dpo = arguments.dpo;
  dpo.train = options;
  dpo.nll_average = arguments.nll_per_token ? train::NllAverage::kPerToken : train::NllAverage::kPerSequence;
  dpo.loss = arguments.dpo_loss == "ipo" ? train::DpoLoss::kIpo : train::DpoLoss::kSigmoid;
  dpo.reference_cache = reference_cache(arguments);
  return dpo;
}

ModelPointer train_rows(const TrainArguments& arguments, ModelPointer start, const TrainRows& rows,
                        const train::TrainOptions& options, const train::OnStep& on_step) {
  const auto& kind = arguments.kind;
  const train::HeadOptions head{.train = options, .head_seed = arguments.head_seed};
  if (kind == "lm") return train::train_lm(std::move(start), rows.rows, options, on_step);
  if (kind == "sft") return train::train_sft(std::move(start), rows.rows, options, on_step);
  if (kind == "dpo") return train::train_dpo(std::move(start), rows.pairs, dpo_options(arguments, options), on_step);
  if (kind == "outcome") return train::train_outcome(std::move(start), rows.labelled, head, on_step);
  if (kind == "steps") return train::train_steps(std::move(start), rows.labelled, head, on_step);
  if (kind == "classify") return train::train_classify(std::move(start), rows.labelled, rows.classes, head, on_step);
  return train::train_reward(std::move(start), rows.rows, {.train = options, .centring = arguments.centring, .head_seed = arguments.head_seed, .facts = rows.facts,
                                                          .lowest_level = *chat::preference_level_of(arguments.lowest_level)},
                             on_step);
}

/// An adapter names one base, which is a model of its own.
void check_start(const TrainArguments& arguments, const std::filesystem::path& start) {
  if (!arguments.train.lora.is_on() || !model::is_adapter_folder(start)) return;
  throw base::UserError("'{}' is an adapter, and no adapter can be trained over it: merge it first, with `drover merge {} -o FOLDER`, or leave --lora-rank out.",
                        start.string(), start.string());
}

train::BesideResult beside_result(const TrainArguments& arguments, const std::filesystem::path& start) {
  return {.sources = {{"the start model", start}},
          .checkpoints = arguments.checkpoint,
          .logs = {{"The log", arguments.log},
                   {"The folder for TensorBoard", arguments.tensorboard},
                   {"The cache of the reference", arguments.kind == "dpo" ? reference_cache(arguments) : std::filesystem::path()}}};
}

/// Bytes of what the run writes at its end: its model in the type that computes, or an adapter's float32 numbers.
std::int64_t result_bytes(const TrainArguments& arguments, const train::RunOutlook& outlook) {
  constexpr std::int64_t kOtherFiles = 16 << 20;  // configuration and tokenizer
  const bool is_adapter = arguments.train.lora.is_on();
  const bool is_wide = is_adapter || compute_type(arguments.dtype) == model::ComputeType::kFloat32;
  return kOtherFiles + (is_adapter ? outlook.parameters_learned : outlook.parameters) * (is_wide ? 4 : 2);
}

base::ExitStatus train_model(const TrainArguments& arguments) {
  apply_config(arguments);
  check_options_of_kind(arguments);
  arguments.train.lora.validate();  // before anything is loaded
  if (!arguments.log.empty()) base::check_output_file(arguments.log);
  const auto start_path = model::model_path(arguments.model);
  check_start(arguments, start_path);
  const train::ResultFolder result(arguments.out, beside_result(arguments, start_path), arguments.train.lora.is_on());
  model::use_threads(arguments.threads);
  // In float32, because that is what master weights are, but for adapters, which leave the weights as they compute; the run lets go of it
  // once it has copied them.
  const auto type = arguments.train.lora.is_on() ? compute_type(arguments.dtype) : model::ComputeType::kFloat32;
  auto start = model::Model::load(start_path, {.compute_type = type, .device = arguments.device});
  const auto rows = read_train_rows(arguments, *start);
  TrainLog log(arguments, rows);
  log.show_rows(start->tokenizer());
  ProgressLine progress;
  auto options = train_options(arguments, rows);
  std::optional<train::HeldSpace> space;  // until the result is written
  options.on_start = [&](const train::RunOutlook& outlook) {
    space.emplace(result.parent(), result_bytes(arguments, outlook));
    log.begin(outlook);
  };
  options.on_progress = progress.on_progress();
  options.on_warning = [&](const std::string& warning) { log.warn(warning); };
  options.on_unsaved = [&](const std::string& fault) { log.complain(fault); };
  options.on_stopped = [&](const train::StoppedRun& stopped) { log.say_how_to_go_on(stopped); };
  // A folder may have been filled while the run went on: that is no reason to lose what was trained.
  const auto place = [&] {
    space.reset();
    auto found = result.place();
    if (found != arguments.out) log.complain(fmt::format("Other things stand in '{}' by now, so the result goes to '{}'.", arguments.out, found.string()));
    return found;
  };
  const auto origin = model::weights_hash(*start);
  const model::AdapterOrigin adapter_origin{.base = std::filesystem::absolute(start_path), .start = origin, .seed = options.seed,
                                            .tokenizer_source = start->tokenizer_source(), .chat_template = start->chat_template()};
  options.on_adapter = [&](const model::Adapter& adapter) {
    model::save_adapter(adapter, options.lora, adapter_origin, place());
  };
  watch_for_termination();  // the state is saved then
  const auto trained = train_rows(arguments, std::move(start), rows, options, [&](const train::StepReport& report) {
    progress.clear();
    log.add(report);
    if (report.step < report.total_steps) throw_if_interrupted();
  });
  if (trained != nullptr) model::save_model(*trained, {.start = origin}, place());
  log.finish();
  return base::ExitStatus::kDone;
}

}  // namespace

void add_train_command(const Commands& commands) {
  const auto arguments = std::make_shared<TrainArguments>();
  CLI::App& command = commands.add(
      "train", "Trains a model: fine-tuning, reward and stepwise models, classifiers, preference optimisation, documents",
      "drover train sft smollm2-135m-instruct docs/examples/dialogs.jsonl -o tuned --steps 2", arguments, train_model);
  add_train_arguments(command, *arguments);
}

}  // namespace drover::cli
