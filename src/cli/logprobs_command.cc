#include <fmt/format.h>

#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "chat/chat_format.h"
#include "chat/dialog_file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "model/log_probs.h"
#include "model/model.h"

namespace drover::cli {
namespace {

struct LogprobsOptions {
  std::string model;
  std::string dialogs;
  std::string format;
  std::string dtype = "bf16";
  std::string device = "cpu";
  bool json = false;
};

/// `log_probs[i]` belongs to token i + 1: nothing comes before the first token.
void print_json(const chat::RenderedDialog& dialog, const std::vector<float>& log_probs) {
  fmt::memory_buffer out;
  const auto append = std::back_inserter(out);
  fmt::format_to(append, "{{\"tokens\": [");
  for (std::size_t i = 0; i < dialog.ids.size(); ++i) {
    fmt::format_to(append, "{}{{\"id\": {}, \"role\": \"{}\", \"logprob\": ", i == 0 ? "" : ", ", text::to_int(dialog.ids[i]),
                   chat::name_of(dialog.roles[i]));
    if (i == 0) {
      fmt::format_to(append, "null}}");
    } else {
      fmt::format_to(append, "{}}}", log_probs[i - 1]);
    }
  }
  fmt::format_to(append, "]}}\n");
  write_output({out.data(), out.size()});
}

void print_for_people(std::int64_t line, const chat::RenderedDialog& dialog, const std::vector<float>& log_probs,
                      const text::Tokenizer& tokenizer) {
  double sum = 0;
  std::string out = fmt::format("line {}\n{:>8}  {:<10}  {:>9}  token\n", line, "id", "role", "log-prob");
  for (std::size_t i = 0; i < dialog.ids.size(); ++i) {
    const auto shown_log_prob = i == 0 ? std::string("-") : fmt::format("{:.4f}", log_probs[i - 1]);
    if (i > 0) sum += log_probs[i - 1];
    out += fmt::format("{:>8}  {:<10}  {:>9}  {}\n", text::to_int(dialog.ids[i]), chat::name_of(dialog.roles[i]), shown_log_prob,
                       json_quoted(tokenizer.bytes_of(dialog.ids[i])));
  }
  out += fmt::format("{} tokens, {:.4f} nats in all\n", dialog.ids.size(), sum);
  write_output(out);
}

base::ExitStatus logprobs(const LogprobsOptions& options) {
  const auto path = model::model_path(options.model);
  const auto format = choose_format(options.format, path);
  const auto model = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
  chat::for_each_dialog(options.dialogs, {}, [&](std::int64_t line, const chat::Dialog& dialog) {
    throw_if_interrupted();
    const auto rendered = format->render(dialog);
    const auto log_probs = model::log_probs(*model, model::score_all(rendered.ids));
    if (options.json) {
      print_json(rendered, log_probs);
    } else {
      print_for_people(line, rendered, log_probs, model->tokenizer());
    }
  });
  return base::ExitStatus::kDone;
}

}  // namespace

void add_logprobs_command(const Commands& commands) {
  const auto options = std::make_shared<LogprobsOptions>();
  CLI::App& command = commands.add("logprobs", "Prints the log-probability of every token of dialogs",
                                   "drover logprobs smollm2-135m-instruct docs/examples/dialogs.jsonl --json --dtype f32", options, logprobs);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name")->required();
  command.add_option("DIALOGS", options->dialogs, "JSONL file of dialogs; - is standard input")->required();
  command.add_flag("--json", options->json,
                   "print one JSON object a line: {\"tokens\": [{\"id\", \"role\", \"logprob\"}, ...]}, natural logarithm, the first null");
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
