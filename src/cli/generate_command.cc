#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/output_file.h"
#include "chat/dialog_file.h"
#include "chat/dialog_json.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "cli/progress_line.h"
#include "cli/sampling_arguments.h"
#include "generate/local_generator.h"
#include "generate/sample_file.h"
#include "model/model.h"
#include "model/threads.h"
#include "openai/remote_generator.h"
#include "text/load_tokenizer.h"

namespace drover::cli {
namespace {

struct GenerateOptions {
  std::string model, prompts, out, format, on_bad_row = "stop", dtype = "bf16", device = "cpu";
  SamplingArguments sampling;
  std::int64_t responses = 1;
  std::int64_t max_sequences = 128;
  double memory_gib = 2.0;
  int threads = 0;
  std::string weights = "as-given";
  bool no_sharing = false;
  std::vector<std::string> endpoints;
  std::string key_variable, tokenizer;
  std::int64_t max_in_flight = 64;
  bool json = false;
};

/// The prompts of a file, and the lines they stand in.
struct Prompts {
  std::vector<chat::Dialog> dialogs;
  std::vector<std::int64_t> lines;
};

Prompts read_prompts(const GenerateOptions& options) {
  Prompts prompts;
  const auto bad_rows = options.on_bad_row == "skip" ? chat::OnBadRow::kSkip : chat::OnBadRow::kStop;
  const auto report = chat::for_each_dialog(options.prompts, {.on_bad_row = bad_rows, .ignored_keys = {}}, [&](std::int64_t line, chat::Dialog dialog) {
    if (!dialog.messages.empty() && dialog.messages.back().sender == chat::Sender::kAssistant) {
      throw base::UserError("the dialog ends with the assistant's own message: there is nothing to answer. Leave that message out.");
    }
    prompts.dialogs.push_back(std::move(dialog));
    prompts.lines.push_back(line);
  });
  if (!report.bad_rows.empty()) fmt::print(stderr, "{}\n", report.summary(options.prompts));
  return prompts;
}

/// Names what samples of one file have in common. How many there are of each prompt and what only changes speed is left out, so that a
/// later run can add samples.
std::string run_name(const std::string& answering, const Prompts& prompts, const engine::SamplingOptions& sampling, const GenerateOptions& options) {
  base::FieldHasher hasher;
  hasher.add(answering).add(sampling.describe());
  for (const auto& choice : options.sampling.choices) hasher.add(choice);
  if (!options.sampling.json_schema.empty()) hasher.add(base::content_hash_of_file(options.sampling.json_schema));
  hasher.add(std::int64_t{options.sampling.json_object});
  for (std::size_t i = 0; i < prompts.dialogs.size(); ++i) hasher.add(prompts.lines[i]).add(chat::dialog_to_json(prompts.dialogs[i]).dump(-1, ' ', false, chat::Json::error_handler_t::replace));
  return hasher.finish().hex().substr(0, 16);
}

/// Who answers: a model in this process, or servers.
struct Answering {
  std::string name;  ///< of all that decides the answers but prompts and sampling
  engine::SamplingOptions sampling;
  std::shared_ptr<const engine::TokenConstraint> constraint;
  std::unique_ptr<generate::Generator> generator;
  const generate::LocalGenerator* local = nullptr;  ///< the same, when it has an engine
};

Answering local_model(const GenerateOptions& options) {
  const auto path = model::model_path(options.model);
  const auto format = choose_format(options.format, path);
  const auto model = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
  Answering answering{.name = fmt::format("{} {} {} {}", model->hash(), options.dtype, options.weights, format->name()),
                      .sampling = options.sampling.options_for(model->tokenizer()),
                      .constraint = options.sampling.constraint_for(model->tokenizer()),
                      .generator = nullptr};
  auto generator = generate::make_local_generator(
      model, format,
      {.memory_bytes = static_cast<std::int64_t>(options.memory_gib * 1024.0 * 1024.0 * 1024.0), .max_sequences = options.max_sequences, .share_pages = !options.no_sharing},
      weight_form(options.weights));
  answering.local = generator.get();
  answering.generator = std::move(generator);
  return answering;
}

Answering servers(const GenerateOptions& options) {
  const auto& arguments = options.sampling;
  if (!arguments.choices.empty() || !arguments.json_schema.empty() || arguments.json_object) {
    throw base::UserError("--choice, --json-schema and --json-object work with a model in this process, not with --endpoint.");
  }
  openai::RemoteOptions remote;
  for (const auto& url : options.endpoints) {
    remote.endpoints.push_back({.url = url, .model = options.model == "-" ? "" : options.model, .key_variable = options.key_variable, .max_in_flight = options.max_in_flight});
  }
  if (!options.tokenizer.empty()) {
    const auto path = model::model_path(options.tokenizer);
    remote.tokenizer = text::load_tokenizer(path);
    remote.format = choose_format(options.format, path);
  } else if (!arguments.stop_tokens.empty() || !arguments.logit_bias.empty()) {
    throw base::UserError("--stop-token and --logit-bias name tokens: with --endpoint say whose by --tokenizer MODEL.");
  }
  Answering answering{.name = "server " + options.model, .sampling = arguments.options, .constraint = nullptr, .generator = nullptr};
  if (remote.tokenizer) answering.sampling = arguments.options_for(*remote.tokenizer);
  answering.sampling.validate();
  answering.generator = openai::make_remote_generator(std::move(remote));
  return answering;
}

/// The samples that are still to be drawn: for each prompt a request for each run of missing numbers. Prompts that failed are tried
/// again: this run may have the memory that they need.
struct Work {
  std::vector<generate::GenerationRequest> requests;
  std::vector<std::int64_t> lines;  // of each request's prompt
};

Work missing_samples(const Prompts& prompts, const generate::SampleFile* file, const engine::SamplingOptions& sampling,
                     const std::shared_ptr<const engine::TokenConstraint>& constraint, std::int64_t responses) {
  Work work;
  for (std::size_t i = 0; i < prompts.dialogs.size(); ++i) {
    const auto line = prompts.lines[i];
    for (std::int64_t sample = 0; sample < responses; ++sample) {
      if (file != nullptr && file->holds(line, sample)) continue;
      const auto first = sample;
      while (sample + 1 < responses && !(file != nullptr && file->holds(line, sample + 1))) ++sample;
      work.requests.push_back({.dialog = prompts.dialogs[i],
                               .options = sampling,
                               .num_responses = sample - first + 1,
                               .constraint = constraint,
                               .first_sample = first});
      work.lines.push_back(line);
    }
  }
  return work;
}

struct Summary {
  std::int64_t prompts = 0, samples = 0, failed = 0;
  engine::EngineStatistics engine;
  double seconds = 0.0;

  /// Nothing where no step only decoded: replies of one token, servers.
  std::optional<double> decode_rate() const {
    if (engine.decoded_tokens == 0 || !(engine.decode_seconds > 0.0)) return std::nullopt;
    return static_cast<double>(engine.decoded_tokens) / engine.decode_seconds;
  }
  double whole_rate() const { return seconds > 0.0 ? static_cast<double>(engine.new_tokens) / seconds : 0.0; }

  std::string json() const {
    return nlohmann::ordered_json{{"prompts", prompts},
                                  {"samples", samples},
                                  {"failed", failed},
                                  {"prompt_tokens", engine.prompt_tokens},
                                  {"cached_tokens", engine.cached_tokens},
                                  {"new_tokens", engine.new_tokens},
                                  {"new_tokens_per_second", decode_rate() ? nlohmann::ordered_json(*decode_rate()) : nlohmann::ordered_json(nullptr)},
                                  {"end_to_end_tokens_per_second", whole_rate()},
                                  {"pages_peak", engine.pages_peak},
                                  {"seconds", seconds}}
        .dump();
  }
  std::string text() const {
    const auto decoding = decode_rate() ? fmt::format("{:.0f}/s decoding, ", *decode_rate()) : "";
    auto line = fmt::format("{} samples of {} prompts: {} prompt tokens ({} cached), {} new tokens, {}{:.0f}/s end to end, {} pages at most, {:.1f} s",
                            samples, prompts, engine.prompt_tokens, engine.cached_tokens, engine.new_tokens, decoding, whole_rate(), engine.pages_peak, seconds);
    return failed == 0 ? line : line + fmt::format("; {} prompts failed", failed);
  }
};

base::ExitStatus generate_samples(const GenerateOptions& options) {
  if (options.responses < 1) throw base::UserError("--responses {} is not possible: a prompt has at least 1.", options.responses);
  if (options.responses > generate::kMaxResponses) {
    throw base::UserError("--responses {} is not possible: ask for at most {} samples of a prompt.", options.responses, generate::kMaxResponses);
  }
  if (!(options.memory_gib > 0.0 && options.memory_gib < 1e6)) throw base::UserError("--memory {} is not possible: give gibibytes, as --memory 2.", options.memory_gib);
  if (!options.out.empty()) base::check_output_file(options.out);
  model::use_threads(options.threads);
  const auto prompts = read_prompts(options);
  const auto answering = options.endpoints.empty() ? local_model(options) : servers(options);
  const auto run = run_name(answering.name, prompts, answering.sampling, options);
  std::optional<generate::SampleFile> file;
  if (!options.out.empty() && options.out != "-") file.emplace(options.out, run);

  const auto work = missing_samples(prompts, file ? &*file : nullptr, answering.sampling, answering.constraint, options.responses);
  Summary summary{.prompts = static_cast<std::int64_t>(prompts.dialogs.size()), .samples = file ? file->num_samples() : 0, .engine = {}};
  if (file && summary.samples > 0 && !work.requests.empty()) fmt::print(stderr, "{} holds {} samples: going on.\n", options.out, summary.samples);

  std::set<std::int64_t> failed;  // lines
  std::int64_t received = 0;      // tokens
  ProgressLine progress;
  generate::GenerationCallbacks callbacks;
  callbacks.keep_responses = false;
  callbacks.on_progress = progress.on_progress();
  callbacks.on_response = [&](std::size_t request, std::int64_t response, const generate::Response& reply) {
    const auto sample = work.requests[request].first_sample + response;
    ++summary.samples;
    received += static_cast<std::int64_t>(reply.ids.size());
    if (file) file->record(work.lines[request], sample, reply);
    else write_output(generate::sample_line(work.lines[request], sample, reply, run) + "\n");
  };
  callbacks.on_failure = [&](std::size_t request, const std::string& reason) {
    if (!failed.insert(work.lines[request]).second) return;
    progress.clear();
    fmt::print(stderr, "{}, line {}: {}\n", options.prompts, work.lines[request], reason);
    if (file) file->record_failure(work.lines[request], reason);
  };
  const auto begin = std::chrono::steady_clock::now();
  answering.generator->generate(work.requests, callbacks);
  if (file) file->sync();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (answering.local != nullptr) summary.engine = answering.local->statistics();
  else summary.engine.new_tokens = received;  // where the server says which
  summary.failed = static_cast<std::int64_t>(failed.size());
  progress.clear();
  const auto line = (options.json ? summary.json() : summary.text()) + "\n";
  if (file) write_output(line);
  else fmt::print(stderr, "{}", line);
  return summary.failed == 0 ? base::ExitStatus::kDone : base::ExitStatus::kUserInput;
}

}  // namespace

void add_generate_command(const Commands& commands) {
  const auto options = std::make_shared<GenerateOptions>();
  CLI::App& command = commands.add("generate", "Samples replies to a file of prompts; the same command goes on after an interruption",
                                   "drover generate smollm2-135m-instruct docs/examples/prompts.jsonl --responses 4 --max-tokens 64 -o samples.jsonl", options,
                                   generate_samples);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name; with --endpoint the model's name there (- : the first)")->required();
  command.add_option("PROMPTS", options->prompts, "JSONL file of dialogs that end with the message to answer; - is standard input")->required();
  command.add_option("-o,--out", options->out, "file of samples (JSONL); without it, or as -, they go to standard output");
  command.add_option("-n,--responses", options->responses, "samples of each prompt")->capture_default_str();
  add_sampling_options(command, options->sampling);
  command.add_option("--endpoint", options->endpoints, "servers that answer, by OpenAI's protocol: http://127.0.0.1:8080/v1; may be given several times");
  command.add_option("--api-key-env", options->key_variable, "environment variable that holds the servers' key");
  command.add_option("--max-in-flight", options->max_in_flight, "requests at once for each server")->capture_default_str();
  command.add_option("--tokenizer", options->tokenizer, "with --endpoint: a local model whose tokenizer and format are the server's; gives token ids");
  command.add_option("--max-sequences", options->max_sequences, "samples that are decoded together")->capture_default_str();
  command.add_option("--memory", options->memory_gib, "gibibytes for keys and values")->capture_default_str();
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  command.add_flag("--no-sharing", options->no_sharing, "compute every sample's prompt apart (to measure what sharing saves)");
  command.add_option("--on-bad-row", options->on_bad_row, "stop or skip")->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  add_weights_option(command, options->weights);
  command.add_flag("--json", options->json, "print the summary as JSON");
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
