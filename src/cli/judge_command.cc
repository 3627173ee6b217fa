#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "cli/progress_line.h"
#include "generate/local_generator.h"
#include "judge/calibration.h"
#include "judge/labelled_sets.h"
#include "judge/standing.h"
#include "model/model.h"
#include "model/model_path.h"
#include "model/threads.h"
#include "openai/remote_generator.h"

namespace drover::cli {
namespace {

struct JudgeArguments {
  std::string model, format, dtype = "bf16", device = "cpu", weights = "as-given", data, key_variable;
  std::vector<std::string> files, sets, endpoints;
  std::int64_t rows = 0;
  std::uint64_t seed = 0;
  int threads = 0;
  bool probabilities = false, allow_tie = false, json = false;
};

// A folder of whole sets that the user has; none: the parts that ship with the program.
std::filesystem::path folder_of_sets(const JudgeArguments& arguments) {
  if (!arguments.data.empty()) return arguments.data;
  const char* variable = std::getenv("DROVER_DATA");
  return variable != nullptr ? variable : "";
}

std::vector<judge::LabelledSet> sets_of(const JudgeArguments& arguments) {
  std::vector<judge::LabelledSet> sets;
  for (const auto& name : arguments.sets) sets.push_back({name, judge::read_labelled_set(name, folder_of_sets(arguments))});
  for (const auto& file : arguments.files) sets.push_back({file, judge::read_labelled_pairs(file)});
  if (sets.empty()) throw base::UserError("Say what to calibrate on: --on pandalm,llmbar, or --calibrate FILE.");
  for (auto& set : sets) {
    if (arguments.rows > 0) set.pairs = judge::spread_sample(set.pairs, arguments.rows);
  }
  return sets;
}

/// A judge, and what it is made of.
struct JudgeModel {
  std::unique_ptr<generate::Generator> generator;
  judge::AnswerForms forms;
};

JudgeModel local_judge(const JudgeArguments& arguments) {
  const auto path = model::model_path(arguments.model);
  const auto format = choose_format(arguments.format, path);
  const auto model = model::Model::load(path, {.compute_type = compute_type(arguments.dtype), .device = arguments.device});
  return {generate::make_local_generator(model, format, {}, weight_form(arguments.weights)), judge::answer_forms(model->tokenizer())};
}

JudgeModel remote_judge(const JudgeArguments& arguments) {
  openai::RemoteOptions remote;
  for (const auto& url : arguments.endpoints) {
    remote.endpoints.push_back({.url = url, .model = arguments.model == "-" ? "" : arguments.model, .key_variable = arguments.key_variable});
  }
  return {openai::make_remote_generator(std::move(remote)), {}};
}

base::ExitStatus calibrate(const JudgeArguments& arguments) {
  if (arguments.rows < 0) throw base::UserError("--rows {} is not possible; 0 takes all.", arguments.rows);
  model::use_threads(arguments.threads);
  const auto sets = sets_of(arguments);
  const auto model = arguments.endpoints.empty() ? local_judge(arguments) : remote_judge(arguments);
  const judge::JudgeOptions options{.use_probabilities = arguments.probabilities, .give_up_after = 0, .seed = arguments.seed};
  auto all = chat::Json::array();
  for (std::size_t i = 0; i < sets.size(); ++i) {
    judge::Judge judge(*model.generator, model.forms, options);
    ProgressLine progress;
    judge.on_progress = progress.on_progress();
    const auto calibration = judge::calibrate(judge, sets[i].pairs, {.allow_tie = arguments.allow_tie});
    progress.clear();
    if (arguments.json) {
      auto json = calibration.to_json();
      json["set"] = sets[i].name;
      all.push_back(std::move(json));
      continue;
    }
    write_output(fmt::format("{}{} on {}\n{}", i == 0 ? "" : "\n", arguments.model, sets[i].name, calibration.describe()));
    if (calibration.invalid == calibration.pairs) {
      write_output(fmt::format("it never answered validly; the last answer began with \"{}\"\n", judge.counts().last_invalid));
    }
  }
  if (arguments.json) write_output(all.dump(-1, ' ', false, chat::Json::error_handler_t::replace) + "\n");
  return base::ExitStatus::kDone;
}

}  // namespace

void add_judge_command(const Commands& commands) {
  const auto arguments = std::make_shared<JudgeArguments>();
  CLI::App& command = commands.add("judge", "Measures how well a model judges replies: its agreement with people, and whether it is above chance",
                                   "drover judge smollm2-135m-instruct --on pandalm,llmbar --rows 10", arguments, calibrate);
  command.add_option("MODEL", arguments->model, "model folder, .gguf file or short name; with --endpoint the model's name there (- : the first)")->required();
  command.add_option("--calibrate", arguments->files, "JSONL files of pairs that people have judged, in the shape of PandaLM or LLMBar");
  command.add_option("--on", arguments->sets, "sets by name: pandalm, llmbar")->delimiter(',');
  command.add_option("--data", arguments->data, "folder that holds pandalm/ and llmbar/ (default: $DROVER_DATA, else the rows that ship with drover)");
  command.add_option("--rows", arguments->rows, "takes so many pairs of each set, spread over it; 0: all")->capture_default_str();
  command.add_flag("--probabilities", arguments->probabilities, "weighs the answers by their probabilities (a model in this process)");
  command.add_flag("--allow-tie", arguments->allow_tie, "the judge may call a pair equally good");
  command.add_option("--endpoint", arguments->endpoints, "servers that answer, by OpenAI's protocol: http://127.0.0.1:8080/v1");
  command.add_option("--api-key-env", arguments->key_variable, "environment variable that holds the servers' key");
  command.add_option("--seed", arguments->seed, "of answers that are asked for again")->capture_default_str();
  command.add_option("--threads", arguments->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  command.add_flag("--json", arguments->json, "print a JSON list, one object a set");
  add_weights_option(command, arguments->weights);
  add_dtype_option(command, arguments->dtype);
  command.add_option("--format", arguments->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", arguments->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
