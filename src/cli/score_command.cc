#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/classified_tokens.h"
#include "chat/dialog_file.h"
#include "chat/reply_tokens.h"
#include "chat/step_ends.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "cli/terminal.h"
#include "model/model_path.h"
#include "generate/scorer.h"
#include "model/model.h"
#include "model/threads.h"

namespace drover::cli {
namespace {

struct ScoreOptions {
  std::string model, dialogs, format, dtype = "bf16", device = "cpu", on_bad_row = "stop";
  int threads = 0;
  bool json = false;
};

chat::PromptAndReply final_turn(const chat::ChatFormat& format, const chat::Dialog& dialog) {
  if (const auto reason = chat::nothing_to_learn(dialog)) throw base::UserError("there is nothing to score: {}", *reason);
  return chat::split_at_reply(format, dialog, chat::final_assistant_turn(dialog).begin);
}

/// Not a matter of the row: rows that are skipped do not hide it.
class BrokenModel : public std::exception {
 public:
  explicit BrokenModel(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

/// Scores dialogs with whatever head the model has, and prints one line each.
class ScorePrinter {
 public:
  ScorePrinter(const ScoreOptions& options, const std::shared_ptr<const model::Model>& model, std::shared_ptr<const chat::ChatFormat> format)
      : options_(options), model_(model), format_(format), scorer_(model, std::move(format)) {}

  void score_dialog(std::int64_t line, const chat::Dialog& dialog) { score(line, {dialog}, false); }

  void score_responses(std::int64_t line, const chat::PreferenceRow& row) {
    std::vector<chat::Dialog> dialogs;
    for (std::size_t i = 0; i < row.responses.size(); ++i) dialogs.push_back(row.with_response(i));
    score(line, dialogs, true);
  }

 private:
  /// The dialogs share all that stands before their last turns.
  void score(std::int64_t line, const std::vector<chat::Dialog>& dialogs, bool are_responses) {
    throw_if_interrupted();
    const auto values = head().kind == model::HeadKind::kClasses ? values_of_classes(dialogs) : values_of_replies(dialogs);
    for (const auto& one : values) check_numbers(line, one);
    for (std::size_t i = 0; i < values.size(); ++i) {
      print(line, are_responses ? std::optional(i + 1) : std::nullopt, values[i]);
    }
  }

  /// The logit of each class.
  std::vector<std::vector<float>> values_of_classes(const std::vector<chat::Dialog>& dialogs) {
    std::vector<std::vector<float>> values;
    for (const auto& dialog : dialogs) {
      auto tokens = chat::classified_tokens(*format_, dialog);
      const std::vector<std::vector<text::TokenId>> last{{tokens.back()}};
      tokens.pop_back();
      values.push_back(scorer_.outputs(tokens, last).front().front());
    }
    return values;
  }

  /// A reward, or the logit at the end of each step.
  std::vector<std::vector<float>> values_of_replies(const std::vector<chat::Dialog>& dialogs) {
    std::vector<chat::PromptAndReply> replies;
    std::vector<std::vector<text::TokenId>> ids;
    for (const auto& dialog : dialogs) {
      replies.push_back(final_turn(*format_, dialog));
      ids.push_back(replies.back().reply.ids);
    }
    const auto& prompt = replies.front().prompt;
    std::vector<std::vector<float>> values;
    if (head().kind == model::HeadKind::kReward) {
      for (const float reward : scorer_.rewards(prompt, ids)) values.push_back({reward});
      return values;
    }
    const auto outputs = scorer_.outputs(prompt, ids);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      values.emplace_back();
      for (const std::size_t end : chat::step_ends(model_->tokenizer(), replies[i])) values.back().push_back(outputs[i][end][0]);
    }
    return values;
  }

  void check_numbers(std::int64_t line, const std::vector<float>& values) const {
    const auto broken = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
    if (broken == values.end()) return;
    throw BrokenModel(fmt::format("{}, line {}: the model '{}' gives a score that is {}: its weights, or what they make of this row, are no numbers. Use "
                                  "another model, or train it again with a lower learning rate.",
                                  options_.dialogs, line, options_.model, std::isnan(*broken) ? "NaN" : "infinite"));
  }

  void print(std::int64_t line, std::optional<std::size_t> response, const std::vector<float>& values) const {
    write_output(options_.json ? json_line(line, response, values) : text_line(line, response, values));
  }

  std::string json_line(std::int64_t line, std::optional<std::size_t> response, const std::vector<float>& values) const {
    nlohmann::ordered_json object = {{"line", line}};
    if (response) object["response"] = *response;
    if (head().kind == model::HeadKind::kReward) {
      object["reward"] = values.front();
    } else {
      object[head().kind == model::HeadKind::kSteps ? "steps" : "classes"] = values;
    }
    if (has_names()) {
      object["names"] = head().labels;
      object["label"] = best_name(values);
    }
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  std::string text_line(std::int64_t line, std::optional<std::size_t> response, const std::vector<float>& values) const {
    const auto place = fmt::format("line {:>6}{}", line, response ? fmt::format(", response {}", *response) : "");
    if (!has_names()) return fmt::format("{}  {:>9.4f}\n", place, fmt::join(values, " "));
    std::string text = fmt::format("{}  {}:", place, best_name(values));
    for (std::size_t i = 0; i < values.size(); ++i) text += fmt::format(" {} {:.4f}", head().labels[i], values[i]);
    return shown(text) + "\n";
  }

  const std::string& best_name(const std::vector<float>& values) const {
    return head().labels[static_cast<std::size_t>(std::ranges::max_element(values) - values.begin())];
  }

  const model::Head& head() const { return model_->config().head; }
  bool has_names() const { return head().kind == model::HeadKind::kClasses && !head().labels.empty(); }

  const ScoreOptions& options_;
  std::shared_ptr<const model::Model> model_;
  std::shared_ptr<const chat::ChatFormat> format_;
  generate::Scorer scorer_;
};

base::ExitStatus score(const ScoreOptions& options) {
  model::use_threads(options.threads);
  const auto path = model::model_path(options.model);
  const auto format = choose_format(options.format, path);
  const auto model = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
  if (model->config().head.kind == model::HeadKind::kLanguage) {
    throw base::UserError("'{}' is a language model: it gives no scores. Train a reward model with `drover train reward`, or see `drover logprobs`.",
                          path.string());
  }
  ScorePrinter printer(options, model, format);
  const auto on_bad_row = options.on_bad_row == "skip" ? chat::OnBadRow::kSkip : chat::OnBadRow::kStop;
  chat::DialogFileReport report;
  try {
    report = chat::for_each_dialog_or_preference(
        options.dialogs, {.on_bad_row = on_bad_row, .ignored_keys = {"label", "labels"}},
        [&](std::int64_t line, const chat::Dialog& dialog) { printer.score_dialog(line, dialog); },
        [&](std::int64_t line, const chat::PreferenceRow& row) { printer.score_responses(line, row); });
  } catch (const BrokenModel& broken) {
    throw base::UserError("{}", broken.what());
  }
  for (const auto& bad : report.bad_rows) fmt::print(stderr, "{}, line {}: {}\n", options.dialogs, bad.line, bad.reason);
  return base::ExitStatus::kDone;
}

}  // namespace

void add_score_command(const Commands& commands) {
  const auto options = std::make_shared<ScoreOptions>();
  CLI::App& command = commands.add("score", "Prints what a reward model, stepwise reward model or classifier gives replies",
                                   "drover score rewards docs/examples/dialogs.jsonl --json", options, score);
  command.add_option("MODEL", options->model, "folder of a model with a reward, steps or classes head")->required();
  command.add_option("DIALOGS", options->dialogs,
                     "JSONL file: dialogs, whose last assistant turn is scored (a classifier scores a prompt too), or preference rows, each response of "
                     "which is scored; labels in rows are passed over; - is standard input")
      ->required();
  command.add_flag("--json", options->json,
                   "print one JSON object a reply: {\"line\", \"response\" (of preference rows; from 1, best first), and \"reward\", or \"steps\": "
                   "a logit for each line of the reply that is not blank, or \"classes\": a logit for each of \"names\", with the name of the largest as \"label\"}");
  command.add_option("--on-bad-row", options->on_bad_row, "stop, or skip and list at the end")->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
