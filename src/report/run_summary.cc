#include "report/run_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "base/error.h"
#include "report/stage_output.h"

namespace drover::report {
namespace {

constexpr std::size_t kNumSamples = 4;

void add_accuracies(const ledger::Ledger& ledger, const std::vector<ledger::Metric>& metrics,
                    const std::string& stage_name, RunSummary& summary) {
  for (const auto& metric : metrics) {
    if (metric.name != "accuracy") continue;
    const auto space = metric.subject.rfind(' ');
    if (space == std::string::npos) continue;
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

// A few prompts worth reading: of each capability one that kept a reply, before others that kept one, before the rest.
std::vector<ledger::PromptId> prompts_to_show(const ledger::Ledger& ledger, const std::vector<ledger::Decision>& decisions) {
  std::vector<ledger::PromptId> ranks[3];
  std::set<std::string> capabilities;
  std::set<ledger::PromptId> seen;
  for (const bool wants_kept : {true, false}) {
    for (const auto& decision : decisions) {
      if (wants_kept && !decision.is_kept) continue;
      const auto generation = ledger.find(decision.generation);
      const auto prompt = generation ? ledger.find(generation->prompt) : std::nullopt;
      if (!prompt || !seen.insert(generation->prompt).second) continue;
      const auto capability = prompt->tags.empty() ? std::string() : prompt->tags.front();
      const bool is_first = wants_kept && capabilities.insert(capability).second;
      ranks[is_first ? 0 : wants_kept ? 1 : 2].push_back(generation->prompt);
    }
  }
  std::vector<ledger::PromptId> chosen;
  for (const auto& rank : ranks) {
    for (const auto prompt : rank) {
      if (chosen.size() < kNumSamples) chosen.push_back(prompt);
    }
  }
  return chosen;
}

std::vector<SampledPrompt> samples_of(const ledger::Ledger& ledger, const std::string& stage) {
  const auto decisions = ledger.decisions_of(stage);
  std::vector<SampledPrompt> samples;
  std::map<ledger::PromptId, std::size_t> place;
  for (const auto id : prompts_to_show(ledger, decisions)) {
    const auto prompt = *ledger.find(id);
    place[id] = samples.size();
    samples.push_back({.question = text_of(prompt.dialog.messages), .expected = prompt.expected, .replies = {}});
  }
  for (const auto& decision : decisions) {
    const auto generation = ledger.find(decision.generation);
    if (!generation || !place.contains(generation->prompt)) continue;
    ReplyLine reply{.id = decision.generation.hex(),
                    .text = text_of(generation->reply),
                    .score = {},
                    .is_kept = decision.is_kept,
                    .reason = decision.reason};
    for (const auto& score : ledger.scores_of(decision.generation)) {
      if (score.stage == stage) reply.score = score.value;
    }
    samples[place[generation->prompt]].replies.push_back(std::move(reply));
  }
  for (auto& sample : samples) {
    std::stable_sort(sample.replies.begin(), sample.replies.end(),
                     [](const auto& a, const auto& b) { return b.score < a.score; });
  }
  return samples;
}

StageLine stage_line(const ledger::Ledger& ledger, const ledger::StageBegin& stage) {
  const auto end = ledger.find_stage_end(stage.key);
  return {.name = stage.name,
          .key = stage.key,
          .is_finished = end.has_value(),
          .seconds = end ? end->seconds : 0,
          .ended_at = end ? end->ended_at : "",
          .revision = stage.revision,
          .seed = stage.seed,
          .inputs = stage.inputs,
          .options = stage.options,
          .hash = end ? end->hash : ""};
}

void add_models(const ledger::Ledger& ledger, const std::string& stage, RunSummary& summary) {
  for (auto& model : ledger.models_of(stage)) {
    const bool is_known = std::any_of(summary.models.begin(), summary.models.end(),
                                      [&](const auto& known) { return known.hash == model.hash; });
    if (!is_known) summary.models.push_back(std::move(model));
  }
}

void add_deployed(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage, RunSummary& summary) {
  const auto end = ledger.find_stage_end(stage);
  if (!end) return;
  const auto output = read_json(end->output);
  const auto& average = part_at(output, "average");
  if (text_at(average, "hash").empty()) return;
  DeployedModel model{.round = round,
                      .hash = text_at(average, "hash"),
                      .name = text_at(average, "name"),
                      .folder = text_at(average, "folder")};
  const auto& variants = part_at(output, "variants");
  if (variants.is_array()) {
    for (const auto& variant : variants) model.team.push_back(text_at(variant, "hash"));
  }
  summary.deployed.push_back(std::move(model));
}

template <typename Line>
void append(std::vector<Line>& all, std::vector<Line> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

void add_stage(const ledger::Ledger& ledger, const ledger::StageBegin& stage, RunSummary& summary) {
  summary.stages.push_back(stage_line(ledger, stage));
  const auto metrics = ledger.metrics_of(stage.key);
  add_accuracies(ledger, metrics, stage.name, summary);
  append(summary.curves, training_curves(stage.name, metrics));
  append(summary.complexities, complexities(stage.name, metrics));
  append(summary.agreements, agreements(stage.name, metrics));
  append(summary.ratings, row_ratings(stage.name, metrics));
  append(summary.reward_accuracies, reward_accuracies(stage.name, metrics));
  add_models(ledger, stage.key, summary);
  if (stage.name != "start / calibrate") return;
  if (const auto end = ledger.find_stage_end(stage.key)) summary.judge = judge_summary(read_json(end->output));
}

void add_round(const ledger::Ledger& ledger, const RoundStages& stages, RunSummary& summary) {
  summary.rounds.push_back(count_round(ledger, stages));
  const auto with_stage = [&](const std::string& name, const auto& add) {
    if (const auto key = stages.keys.find(name); key != stages.keys.end()) add(key->second);
  };
  with_stage("reward", [&](const auto& key) {
    if (auto table = preference_mix_table(ledger, stages.number, key)) summary.mix_tables.push_back(*std::move(table));
  });
  with_stage("reject", [&](const auto& key) {
    summary.reward_spreads.push_back(reward_spread(ledger, stages.number, key));
    if (auto samples = samples_of(ledger, key); !samples.empty()) summary.samples = std::move(samples);
  });
  with_stage("curate", [&](const auto& key) {
    append(summary.dropped, dropped_replies(ledger, stages.number, key));
    if (auto table = sft_mix_table(ledger, stages.number, key)) summary.mix_tables.push_back(*std::move(table));
  });
  with_stage("choose", [&](const auto& key) { add_deployed(ledger, stages.number, key, summary); });
}

}  // namespace

bool RunSummary::is_finished() const {
  return !stages.empty() && std::all_of(stages.begin(), stages.end(), [](const auto& stage) { return stage.is_finished; });
}

double RunSummary::seconds() const {
  double sum = 0;
  for (const auto& stage : stages) sum += stage.seconds;
  return sum;
}

std::vector<ScoreChange> RunSummary::changes() const {
  return deployed.empty() ? std::vector<ScoreChange>() : score_changes(accuracies, deployed.back().hash);
}

RunSummary summarise(const ledger::Ledger& ledger) {
  const auto run = ledger.latest_run();
  if (!run) throw base::UserError("No run has begun in this home; start one with drover run RECIPE.");
  RunSummary summary;
  summary.recipe_name = run->recipe_name;
  summary.recipe_text = run->recipe_text;
  summary.began_at = run->began_at;
  const auto keys = ledger.stages_of_run(run->run);
  for (const auto& key : keys) {
    if (const auto stage = ledger.find_stage(key)) add_stage(ledger, *stage, summary);
  }
  for (const auto& stages : rounds_of(ledger, keys)) add_round(ledger, stages, summary);
  summary.sources = data_sources(ledger, keys);
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
