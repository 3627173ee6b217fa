#include "report/run_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace drover::report {
namespace {

constexpr std::size_t kNumSamples = 4;

std::string text_of(const std::vector<chat::Message>& messages) {
  std::string text;
  for (const auto& message : messages) text += (text.empty() ? "" : "\n") + message.content;
  return text;
}

void add_accuracies(const ledger::Ledger& ledger, const std::vector<ledger::Metric>& metrics,
                    const std::string& stage_name, RunSummary& summary) {
  for (const auto& metric : metrics) {
    if (metric.name != "accuracy") continue;
    const auto space = metric.subject.rfind(' ');
    AccuracyLine line{.stage = stage_name,
                      .model_name = {},
                      .model = metric.subject.substr(space + 1),
                      .suite = metric.subject.substr(0, space),
                      .accuracy = metric.value,
                      .low = metric.low.value_or(0),
                      .high = metric.high.value_or(1),
                      .count = metric.count,
                      .p_value = {}};
    const auto model = ledger.find_model(line.model);
    line.model_name = model ? model->name : line.model.substr(0, 8);
    for (const auto& other : metrics) {
      if (other.name == "p_value" && other.subject == metric.subject) line.p_value = other.value;
    }
    summary.accuracies.push_back(std::move(line));
  }
}

void add_losses(const std::vector<ledger::Metric>& metrics, RunSummary& summary) {
  for (const auto& metric : metrics) {
    if (metric.name != "loss") continue;
    if (summary.losses.empty() || summary.losses.back().name != metric.subject)
      summary.losses.push_back({.name = metric.subject, .losses = {}});
    summary.losses.back().losses.push_back(metric.value);
  }
}

std::vector<SampledPrompt> samples_of(const ledger::Ledger& ledger, const std::string& stage) {
  std::vector<SampledPrompt> samples;
  std::map<ledger::PromptId, std::size_t> place;
  for (const auto& decision : ledger.decisions_of(stage)) {
    const auto generation = ledger.find(decision.generation);
    if (!generation) continue;
    if (!place.contains(generation->prompt)) {
      if (samples.size() == kNumSamples) continue;
      place[generation->prompt] = samples.size();
      const auto prompt = ledger.find(generation->prompt);
      samples.push_back({.question = text_of(prompt->dialog.messages), .expected = prompt->expected, .replies = {}});
    }
    ReplyLine reply{.id = decision.generation.hex(),
                    .text = text_of(generation->reply),
                    .is_kept = decision.is_kept,
                    .reason = decision.reason};
    for (const auto& score : ledger.scores_of(decision.generation)) reply.score = score.value;
    samples[place[generation->prompt]].replies.push_back(std::move(reply));
  }
  for (auto& sample : samples) {
    std::stable_sort(sample.replies.begin(), sample.replies.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
  }
  return samples;
}

}  // namespace

RunSummary summarise(const ledger::Ledger& ledger) {
  const auto run = ledger.latest_run();
  if (!run) throw base::UserError("No run has begun in this home; start one with drover run RECIPE.");
  RunSummary summary;
  summary.recipe_name = run->recipe_name;
  summary.recipe_text = run->recipe_text;
  std::map<std::string, std::int64_t> levels;
  std::map<std::string, std::int64_t> dropped;
  for (const auto& key : ledger.stages_of_run(run->run)) {
    const auto stage = ledger.find_stage(key);
    if (!stage) continue;
    const auto end = ledger.find_stage_end(key);
    summary.stages.push_back(
        {.name = stage->name, .key = key, .is_finished = end.has_value(), .seconds = end ? end->seconds : 0});
    const auto metrics = ledger.metrics_of(key);
    add_accuracies(ledger, metrics, stage->name, summary);
    add_losses(metrics, summary);
    for (const auto& metric : metrics) {
      if (metric.name == "comparisons") levels[metric.subject] += static_cast<std::int64_t>(metric.value);
    }
    for (auto& model : ledger.models_of(key)) summary.models.push_back(std::move(model));
    if (stage->name.ends_with("/ reject")) summary.samples = samples_of(ledger, key);
    if (stage->name.ends_with("/ curate")) {
      for (const auto& decision : ledger.decisions_of(key)) ++dropped[decision.rule];
    }
  }
  summary.comparisons.assign(levels.begin(), levels.end());
  summary.dropped.assign(dropped.begin(), dropped.end());
  summary.facts = ledger.counts();
  return summary;
}

std::string describe_stages(const RunSummary& summary) {
  std::string text;
  double total = 0;
  for (const auto& stage : summary.stages) {
    text += fmt::format("  {:<22} {}\n", stage.name,
                        stage.is_finished ? fmt::format("{:6.1f} s", stage.seconds) : "unfinished");
    total += stage.seconds;
  }
  return text + fmt::format("  {:<22} {:6.1f} s\n", "work in all", total);
}

std::string describe_accuracies(const RunSummary& summary) {
  if (summary.accuracies.empty()) return {};
  std::string text =
      fmt::format("  {:<22} {:<18} {:>8}  {:<15} {}\n", "model", "suite", "right", "95% interval", "against the start");
  for (const auto& line : summary.accuracies) {
    text += fmt::format("  {:<22} {:<18} {:>7.1f}%  {:>5.1f} .. {:>5.1f}  {}\n", line.model_name, line.suite,
                        100 * line.accuracy, 100 * line.low, 100 * line.high,
                        line.p_value ? fmt::format(" p = {:.2g}", *line.p_value) : "");
  }
  return text;
}

}  // namespace drover::report
