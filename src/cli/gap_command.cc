#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "cli/progress_line.h"
#include "cli/sampling_arguments.h"
#include "generate/local_generator.h"
#include "generate/log_prob_gap.h"
#include "model/model.h"
#include "model/threads.h"

namespace drover::cli {
namespace {

struct GapOptions {
  std::string model, prompts, format, dtype = "bf16", device = "cpu";
  SamplingArguments sampling;
  std::int64_t responses = 4;
  int threads = 0;
  std::string weights = "as-given";
  bool json = false;
};

base::ExitStatus measure_gap(const GapOptions& options) {
  model::use_threads(options.threads);
  const auto path = model::model_path(options.model);
  const auto format = choose_format(options.format, path);
  const auto model = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
  const auto sampling = options.sampling.options_for(model->tokenizer());
  const auto constraint = options.sampling.constraint_for(model->tokenizer());
  std::vector<generate::GenerationRequest> requests;
  chat::for_each_dialog(options.prompts, {}, [&](std::int64_t, chat::Dialog dialog) {
    requests.push_back({.dialog = std::move(dialog), .options = sampling, .num_responses = options.responses, .constraint = constraint});
  });
  ProgressLine progress;
  generate::GenerationCallbacks callbacks;
  callbacks.on_progress = progress.on_progress();
  const auto results = generate::make_local_generator(model, format, {}, weight_form(options.weights))->generate(requests, callbacks);
  model::TrainingLogProbs training(model);
  std::vector<double> gaps;
  for (std::size_t i = 0; i < results.size(); ++i) {
    generate::add_log_prob_gaps(training, results[i], gaps);
    progress.show({.what = "comparing", .done = static_cast<std::int64_t>(i) + 1, .total = static_cast<std::int64_t>(results.size()), .unit = "prompts"});
    throw_if_interrupted();
  }
  progress.clear();
  const auto gap = generate::log_prob_gap(gaps);
  if (options.json) {
    write_output(nlohmann::ordered_json{{"tokens", gap.tokens}, {"mean", gap.mean}, {"mean_signed", gap.mean_signed}, {"p99", gap.percentile_99},
                                        {"p99.9", gap.percentile_99_9}, {"largest", gap.largest}}
                     .dump() +
                 "\n");
  } else {
    write_output(fmt::format("{} sampled tokens; |sampler - training| of a token's log-probability, in nats:\n"
                             "mean {:.2e} (signed {:+.2e}), 99% below {:.2e}, 99.9% below {:.2e}, largest {:.2e}\n",
                             gap.tokens, gap.mean, gap.mean_signed, gap.percentile_99, gap.percentile_99_9, gap.largest));
  }
  return base::ExitStatus::kDone;
}

}  // namespace

void add_gap_command(const Commands& commands) {
  const auto options = std::make_shared<GapOptions>();
  CLI::App& command = commands.add("gap", "Measures how far the sampler's log-probabilities lie from training's",
                                   "drover gap smollm2-135m-instruct docs/examples/prompts.jsonl --max-tokens 64 --dtype f32", options, measure_gap);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name")->required();
  command.add_option("PROMPTS", options->prompts, "JSONL file of dialogs that end with the message to answer")->required();
  command.add_option("-n,--responses", options->responses, "samples of each prompt")->capture_default_str();
  add_sampling_options(command, options->sampling);
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  add_weights_option(command, options->weights);
  command.add_flag("--json", options->json, "print one JSON object");
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
