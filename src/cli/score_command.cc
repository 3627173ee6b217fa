#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/dialog_file.h"
#include "chat/reply_tokens.h"
#include "chat/step_ends.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
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

/// Scores replies with whatever head the model has, and prints one line a reply.
class ScorePrinter {
 public:
  ScorePrinter(const std::shared_ptr<const model::Model>& model, std::shared_ptr<const chat::ChatFormat> format, bool json)
      : model_(model), format_(format), scorer_(model, std::move(format)), json_(json) {}

  void score_dialog(std::int64_t line, const chat::Dialog& dialog) { score(line, {final_turn(*format_, dialog)}, false); }

  void score_responses(std::int64_t line, const chat::PreferenceRow& row) {
    std::vector<chat::PromptAndReply> replies;
    for (std::size_t i = 0; i < row.responses.size(); ++i) replies.push_back(final_turn(*format_, row.with_response(i)));
    score(line, replies, true);
  }

 private:
  void score(std::int64_t line, const std::vector<chat::PromptAndReply>& replies, bool are_responses) {
    throw_if_interrupted();
    std::vector<std::vector<text::TokenId>> ids;
    for (const auto& reply : replies) ids.push_back(reply.reply.ids);
    const auto values = values_of(replies, ids);
    for (std::size_t i = 0; i < replies.size(); ++i) {
      print(line, are_responses ? std::optional(i + 1) : std::nullopt, values[i]);
    }
  }

  /// A reward; the logit at the end of each step; or the logit of each class.
  std::vector<std::vector<float>> values_of(const std::vector<chat::PromptAndReply>& replies,
                                            const std::vector<std::vector<text::TokenId>>& ids) {
    std::vector<std::vector<float>> values;
    const auto& prompt = replies.front().prompt;
    if (kind() == model::HeadKind::kReward) {
      for (const float reward : scorer_.rewards(prompt, ids)) values.push_back({reward});
      return values;
    }
    const auto outputs = scorer_.outputs(prompt, ids);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (kind() == model::HeadKind::kClasses) {
        values.push_back(outputs[i].back());
        continue;
      }
      values.emplace_back();
      for (const std::size_t end : chat::step_ends(model_->tokenizer(), replies[i])) values.back().push_back(outputs[i][end][0]);
    }
    return values;
  }

  void print(std::int64_t line, std::optional<std::size_t> response, const std::vector<float>& values) const {
    if (json_) {
      nlohmann::ordered_json object = {{"line", line}};
      if (response) object["response"] = *response;
      if (kind() == model::HeadKind::kReward) {
        object["reward"] = values.front();
      } else {
        object[kind() == model::HeadKind::kSteps ? "steps" : "classes"] = values;
      }
      write_output(object.dump() + "\n");
    } else {
      write_output(fmt::format("line {:>6}{}  {:>9.4f}\n", line, response ? fmt::format(", response {}", *response) : "", fmt::join(values, " ")));
    }
  }

  model::HeadKind kind() const { return model_->config().head.kind; }

  std::shared_ptr<const model::Model> model_;
  std::shared_ptr<const chat::ChatFormat> format_;
  generate::Scorer scorer_;
  bool json_;
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
  ScorePrinter printer(model, format, options.json);
  const auto on_bad_row = options.on_bad_row == "skip" ? chat::OnBadRow::kSkip : chat::OnBadRow::kStop;
  const auto report = chat::for_each_dialog_or_preference(
      options.dialogs, {.on_bad_row = on_bad_row, .ignored_keys = {}},
      [&](std::int64_t line, const chat::Dialog& dialog) { printer.score_dialog(line, dialog); },
      [&](std::int64_t line, const chat::PreferenceRow& row) { printer.score_responses(line, row); });
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
                     "JSONL file: dialogs, whose last assistant turn is scored, or preference rows, each response of which is scored; - is standard input")
      ->required();
  command.add_flag("--json", options->json,
                   "print one JSON object a reply: {\"line\", \"response\" (of preference rows; from 1, best first), and \"reward\", or \"steps\": "
                   "a logit for each line of the reply that is not blank, or \"classes\": a logit for each label}");
  command.add_option("--on-bad-row", options->on_bad_row, "stop, or skip and list at the end")->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
