#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/output_file.h"
#include "base/proportion.h"
#include "base/random_stream.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/json_output.h"
#include "cli/progress_line.h"
#include "cli/suite_responder.h"
#include "evaluate/paired_comparison.h"
#include "evaluate/reply_file.h"
#include "evaluate/suite_measures.h"
#include "evaluate/suite_registry.h"
#include "model/threads.h"

namespace drover::cli {
namespace {

using evaluate::SuiteReply;
using evaluate::SuiteResult;

struct EvaluateOptions {
  std::string model;
  std::vector<std::string> suites;
  std::string compare, data, out;
  std::int64_t limit = 0;
  std::int64_t max_tokens = 0;
  double temperature = 0;
  std::uint64_t seed = 0;
  int threads = 0;
  ResponderOptions responder;
  bool json = false;
  bool list = false;
};

// --- prompts -------------------------------------------------------------------------------------------------------------

// `limit` of the prompts, chosen by the seed, in the suite's order.
void keep_some(evaluate::Suite& suite, std::int64_t limit, std::uint64_t seed) {
  if (limit <= 0 || static_cast<std::size_t>(limit) >= suite.prompts.size()) return;
  std::vector<std::size_t> order(suite.prompts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  base::RandomStream(seed, "suite " + suite.name).shuffle(std::span(order));
  order.resize(static_cast<std::size_t>(limit));
  std::sort(order.begin(), order.end());
  std::vector<ledger::Prompt> kept;
  for (const auto index : order) kept.push_back(std::move(suite.prompts[index]));
  suite.prompts = std::move(kept);
}

std::int64_t room_for(const std::string& suite, const EvaluateOptions& options) {
  if (options.max_tokens > 0) return options.max_tokens;
  for (const auto& known : evaluate::known_suites()) {
    if (known.name == suite) return known.max_tokens;
  }
  return 512;
}

// --- replies -------------------------------------------------------------------------------------------------------------

/// The replies of one model to one suite: those of the file, and the rest from the model.
class Answers {
 public:
  Answers(const evaluate::Suite& suite, generate::Generator& generator, const EvaluateOptions& options, evaluate::ReplyFile* file)
      : suite_(suite), generator_(generator), file_(file) {
    sampling_.temperature = options.temperature;
    sampling_.seed = options.seed;
    sampling_.max_tokens = room_for(suite.name, options);
    run_ = base::FieldHasher().add(generator.model_name()).add(options.responder.dtype).add(options.responder.weights).add(sampling_.describe()).finish().hex().substr(0, 16);
  }

  std::vector<SuiteReply> collect() {
    std::vector<SuiteReply> replies(suite_.prompts.size());
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const auto known = file_ == nullptr ? std::nullopt : file_->find(suite_.name, ledger::id_of(suite_.prompts[i]), run_);
      if (known) replies[i] = *known;
      else missing.push_back(i);
    }
    if (file_ != nullptr && missing.size() < replies.size()) fmt::print(stderr, "{}: {} of {} replies are there already.\n", suite_.name, replies.size() - missing.size(), replies.size());
    if (!missing.empty()) answer(missing, replies);
    return replies;
  }

 private:
  void answer(const std::vector<std::size_t>& missing, std::vector<SuiteReply>& replies) {
    std::vector<generate::GenerationRequest> requests;
    for (const auto index : missing) requests.push_back({.dialog = suite_.prompts[index].dialog, .options = sampling_});
    ProgressLine progress;
    generate::GenerationCallbacks callbacks;
    callbacks.keep_responses = false;
    callbacks.on_progress = [&, show = progress.on_progress()](const base::Progress& given) {
      auto named = given;
      named.what = suite_.name;
      show(named);
    };
    callbacks.on_response = [&](std::size_t request, std::int64_t, const generate::Response& response) {
      const auto index = missing[request];
      replies[index] = {response.reply.messages, response.finish == generate::Finish::kLength};
      if (file_ == nullptr) return;
      const auto& prompt = suite_.prompts[index];
      file_->record(suite_.name, ledger::id_of(prompt), run_, generator_.model_name(), replies[index], evaluate::verdict_on(prompt, replies[index]));
    };
    std::size_t failed = 0;
    callbacks.on_failure = [&](std::size_t request, const std::string& reason) {
      progress.clear();
      if (++failed <= 3) fmt::print(stderr, "{}, prompt {}: {} It counts as wrong.\n", suite_.name, missing[request] + 1, reason);
    };
    generator_.generate(requests, callbacks);
    progress.clear();
    if (failed == requests.size()) throw base::UserError("{} answers no prompt of the suite {} at all.", generator_.model_name(), suite_.name);
    if (failed > 3) fmt::print(stderr, "{}: {} prompts failed in all.\n", suite_.name, failed);
  }

  const evaluate::Suite& suite_;
  generate::Generator& generator_;
  evaluate::ReplyFile* file_;
  generate::SamplingOptions sampling_;
  std::string run_;
};

std::vector<SuiteResult> evaluate_model(const std::string& model, const std::vector<evaluate::Suite>& suites, const EvaluateOptions& options, evaluate::ReplyFile* file) {
  const auto generator = make_responder(model, options.responder);
  std::vector<SuiteResult> results;
  for (const auto& suite : suites) results.push_back(evaluate::measure(suite, Answers(suite, *generator, options, file).collect()));
  return results;
}

// --- output --------------------------------------------------------------------------------------------------------------

/// Two models on each suite.
struct Comparison {
  evaluate::PairedComparison paired;
  double corrected_p = 1;
};

std::vector<Comparison> compared(const std::vector<SuiteResult>& first, const std::vector<SuiteResult>& second) {
  std::vector<Comparison> comparisons;
  std::vector<double> p_values;
  for (std::size_t i = 0; i < first.size(); ++i) {
    comparisons.push_back({evaluate::compare_paired(first[i].is_right, second[i].is_right)});
    p_values.push_back(comparisons.back().paired.p_value);
  }
  const auto corrected = base::holm_corrected(p_values);
  for (std::size_t i = 0; i < corrected.size(); ++i) comparisons[i].corrected_p = corrected[i];
  return comparisons;
}

void print_results(const std::string& model, const std::vector<SuiteResult>& results) {
  write_output(model + "\n");
  for (const auto& result : results) {
    bool is_first = true;
    for (const auto& measure : result.measures) {
      const auto interval = measure.interval ? fmt::format("[{:5.1f}, {:5.1f}]  {} of {}", 100 * measure.interval->low, 100 * measure.interval->high, measure.right, measure.total)
                                             : std::string();
      write_output(fmt::format("  {:<12} {:<28} {:>6.1f}%  {}\n", is_first ? result.suite : "", measure.name, 100 * measure.value, interval));
      is_first = false;
    }
    if (result.num_cut > 0 || result.num_empty > 0) {
      write_output(fmt::format("  {:<12} {} of {} replies cut, {} empty\n", "", result.num_cut, result.is_right.size(), result.num_empty));
    }
    if (const auto doubt = result.doubt(); !doubt.empty()) write_output(fmt::format("  {:<12} note: {}\n", "", doubt));
  }
}

void print_comparison(const std::vector<SuiteResult>& first, const std::vector<SuiteResult>& second, const std::vector<Comparison>& comparisons) {
  write_output("second against first, the same prompts (exact test on those where only one is right; p corrected for the number of suites by Holm)\n");
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto& paired = comparisons[i].paired;
    write_output(fmt::format("  {:<12} {:>+6.1f} points  only first right {}, only second {}, p = {:.3g}, corrected {:.3g}{}\n", first[i].suite,
                             100 * (second[i].score() - first[i].score()), paired.only_first, paired.only_second, paired.p_value, comparisons[i].corrected_p,
                             comparisons[i].corrected_p >= 0.05 ? "" : paired.only_second > paired.only_first ? "  second is better" : "  first is better"));
  }
}

nlohmann::ordered_json json_of(const SuiteResult& result) {
  auto measures = nlohmann::ordered_json::array();
  for (const auto& measure : result.measures) {
    nlohmann::ordered_json object = {{"name", measure.name}, {"value", measure.value}};
    if (measure.interval) {
      object["low"] = measure.interval->low;
      object["high"] = measure.interval->high;
      object["right"] = measure.right;
      object["total"] = measure.total;
    }
    measures.push_back(std::move(object));
  }
  nlohmann::ordered_json object = {{"suite", result.suite}, {"prompts", result.is_right.size()}, {"score", result.score()}, {"measures", std::move(measures)},
                                   {"cut", result.num_cut}, {"empty", result.num_empty}};
  if (const auto doubt = result.doubt(); !doubt.empty()) object["note"] = doubt;
  return object;
}

nlohmann::ordered_json json_of(const std::string& model, const std::vector<SuiteResult>& results) {
  auto suites = nlohmann::ordered_json::array();
  for (const auto& result : results) suites.push_back(json_of(result));
  return {{"model", model}, {"suites", std::move(suites)}};
}

nlohmann::ordered_json json_of(const std::vector<SuiteResult>& first, const std::vector<SuiteResult>& second, const std::vector<Comparison>& comparisons) {
  auto rows = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < first.size(); ++i) {
    rows.push_back({{"suite", first[i].suite},
                    {"difference", second[i].score() - first[i].score()},
                    {"only_first", comparisons[i].paired.only_first},
                    {"only_second", comparisons[i].paired.only_second},
                    {"p", comparisons[i].paired.p_value},
                    {"p_corrected", comparisons[i].corrected_p}});
  }
  return rows;
}

base::ExitStatus list_suites() {
  for (const auto& suite : evaluate::known_suites()) {
    write_output(fmt::format("{:<11} {}\n{:<11} {}, {}{}\n", suite.name, suite.about, "", suite.source, suite.licence, suite.ships ? "; a part ships with drover" : "; needs --data"));
  }
  return base::ExitStatus::kDone;
}

base::ExitStatus run_evaluation(const EvaluateOptions& options) {
  if (options.list) return list_suites();
  if (options.model.empty() || options.suites.empty()) throw base::UserError("Name a model and at least one suite: drover evaluate smollm2-135m-instruct arithmetic. --list shows the suites.");
  if (options.limit < 0 || options.max_tokens < 0) throw base::UserError("--limit and --max-tokens cannot be negative.");
  if (!(options.responder.memory_gib > 0.0 && options.responder.memory_gib < 1e6)) {
    throw base::UserError("--memory {} is not possible: give gibibytes, as --memory 2.", options.responder.memory_gib);
  }
  if (!options.out.empty()) base::check_output_file(options.out);
  const std::filesystem::path data = options.data.empty() ? evaluate::default_data_folder() : std::filesystem::path(options.data);
  std::vector<evaluate::Suite> suites;
  for (const auto& name : options.suites) {
    suites.push_back(evaluate::load_suite(name, data));
    keep_some(suites.back(), options.limit, options.seed);
  }
  model::use_threads(options.threads);
  std::optional<evaluate::ReplyFile> file;
  if (!options.out.empty()) file.emplace(options.out);
  auto* replies = file ? &*file : nullptr;

  const auto first = evaluate_model(options.model, suites, options, replies);
  if (!options.json) print_results(options.model, first);
  nlohmann::ordered_json report = {{"models", nlohmann::ordered_json::array({json_of(options.model, first)})}};
  if (!options.compare.empty()) {
    const auto second = evaluate_model(options.compare, suites, options, replies);
    const auto comparisons = compared(first, second);
    report["models"].push_back(json_of(options.compare, second));
    report["comparison"] = json_of(first, second, comparisons);
    if (!options.json) {
      print_results(options.compare, second);
      print_comparison(first, second, comparisons);
    }
  }
  if (options.json) write_output(report.dump(2) + "\n");
  return base::ExitStatus::kDone;
}

}  // namespace

void add_evaluate_command(const Commands& commands) {
  const auto options = std::make_shared<EvaluateOptions>();
  CLI::App& command = commands.add("evaluate", "Scores a model on suites of held-out prompts, and compares two models; the same command with -o goes on after an interruption",
                                   "drover evaluate smollm2-135m-instruct arithmetic svamp --limit 20 -o replies.jsonl", options, run_evaluation);
  command.add_option("MODEL", options->model, "model folder, .gguf file, short name, or a server's URL (http://127.0.0.1:8080/v1, with #NAME for one of its models)");
  command.add_option("SUITES", options->suites, "names of suites (--list), or files or folders of prompts with \"checker\" and \"expected\"");
  command.add_option("--compare", options->compare, "a second model, asked the same prompts");
  command.add_flag("--list", options->list, "show the suites that are known by name");
  command.add_option("--data", options->data, "folder with the sets' folders; else $DROVER_DATA, else the part that ships with drover");
  command.add_option("--limit", options->limit, "prompts of each suite, chosen by the seed; 0: all")->capture_default_str();
  command.add_option("--seed", options->seed, "chooses prompts and, above temperature 0, replies")->capture_default_str();
  command.add_option("--temperature", options->temperature, "0 takes the most probable token")->capture_default_str();
  command.add_option("--max-tokens", options->max_tokens, "longest reply; 0: each suite's own")->capture_default_str();
  command.add_option("-o,--out", options->out, "file that keeps the replies with their verdicts (JSONL)");
  command.add_flag("--json", options->json, "print scores as JSON");
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  command.add_option("--memory", options->responder.memory_gib, "gibibytes for keys and values")->capture_default_str();
  command.add_option("--api-key-env", options->responder.key_variable, "environment variable that holds the servers' key");
  add_weights_option(command, options->responder.weights);
  add_dtype_option(command, options->responder.dtype);
  command.add_option("--format", options->responder.format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->responder.device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
