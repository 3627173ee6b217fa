#include "report/round_counts.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

#include "report/stage_output.h"

namespace drover::report {
namespace {

void add(std::vector<Count>& counts, const std::string& name, std::int64_t more = 1) {
  const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& each) { return each.first == name; });
  if (found == counts.end()) {
    counts.emplace_back(name, more);
  } else {
    found->second += more;
  }
}

std::int64_t sum_of(const std::vector<Count>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0},
                         [](std::int64_t sum, const Count& count) { return sum + count.second; });
}

std::string capability_of(const ledger::Prompt& prompt) { return prompt.tags.empty() ? "other" : prompt.tags.front(); }

// Reasons hold numbers and answers; what they have in common is their beginning.
std::string kind_of_reason(const std::string& reason) {
  if (reason.starts_with("reward ")) return "another reply scored higher";
  if (reason.starts_with("wrong")) return "wrong by the checker";
  return reason.substr(0, 60);
}

// Annotators are named by words that may end with the hash of a model.
std::string with_name(const ledger::Ledger& ledger, const std::string& annotator) {
  const auto space = annotator.rfind(' ');
  const auto model = ledger.find_model(space == std::string::npos ? annotator : annotator.substr(space + 1));
  return model ? model->name : annotator;
}

void count_prompts(const ledger::Ledger& ledger, const std::string& stage, RoundCounts& counts) {
  const auto end = ledger.find_stage_end(stage);
  if (!end) return;
  const auto chosen = read_json(end->output);
  if (!chosen.is_array()) return;
  for (const auto& id : chosen) {
    if (!id.is_number_integer()) continue;
    const auto prompt = ledger.find(ledger::PromptId(id.get<std::int64_t>()));
    add(counts.prompts, prompt ? capability_of(*prompt) : "removed");
  }
  std::sort(counts.prompts.begin(), counts.prompts.end());
}

void count_comparisons(const ledger::Ledger& ledger, const std::string& stage, RoundCounts& counts) {
  for (const auto id : ledger.generations_of(stage)) {
    const auto generation = ledger.find(id);
    if (!generation) continue;
    ++(generation->kind == ledger::GenerationKind::kEdited ? counts.edits : counts.compared_replies);
  }
  std::map<chat::PreferenceLevel, std::int64_t> levels;
  for (const auto id : ledger.comparisons_of(stage)) {
    const auto comparison = ledger.find(id);
    if (!comparison) continue;
    ++levels[comparison->level];
    if (comparison->level != chat::PreferenceLevel::kNone) {
      add(counts.annotators, with_name(ledger, comparison->annotator));
    }
    if (!comparison->edited.is_nothing()) ++counts.three_way;
    if (comparison->unit == ledger::ComparisonUnit::kTurn) ++counts.turns;
  }
  for (const auto& [level, count] : levels) counts.levels.emplace_back(chat::name_of(level), count);
}

void count_decisions(const ledger::Ledger& ledger, const RoundStages& stages, RoundCounts& counts) {
  const auto decisions_of = [&](const std::string& name) {
    const auto key = stages.keys.find(name);
    return key == stages.keys.end() ? std::vector<ledger::Decision>() : ledger.decisions_of(key->second);
  };
  for (const auto& decision : decisions_of("reject")) {
    ++counts.sampled_replies;
    if (decision.is_kept) {
      ++counts.best_replies;
    } else {
      add(counts.not_kept, kind_of_reason(decision.reason));
    }
  }
  for (const auto& decision : decisions_of("synthesise")) counts.synthetic += decision.is_kept ? 1 : 0;
  for (const auto& decision : decisions_of("curate")) {
    if (decision.is_kept) {
      ++counts.mixed;
    } else if (decision.rule != "rewritten") {  // such a reply goes on in another wording
      add(counts.curated_away, decision.rule);
    }
  }
}

std::int64_t count_rows(const ledger::Ledger& ledger, const RoundStages& stages, const std::string& name) {
  const auto key = stages.keys.find(name);
  std::int64_t rows = 0;
  if (key == stages.keys.end()) return rows;
  for (const auto& count : ledger.row_counts_of(key->second)) rows += count.count;
  return rows;
}

}  // namespace

std::int64_t RoundCounts::num_prompts() const { return sum_of(prompts); }
std::int64_t RoundCounts::num_comparisons() const { return sum_of(levels); }

std::vector<RoundStages> rounds_of(const ledger::Ledger& ledger, const std::vector<std::string>& stage_keys) {
  constexpr std::string_view kRound = "round ";
  std::vector<RoundStages> rounds;
  for (const auto& key : stage_keys) {
    const auto stage = ledger.find_stage(key);
    if (!stage || !stage->name.starts_with(kRound)) continue;
    const auto slash = stage->name.find(" / ");
    if (slash == std::string::npos) continue;
    std::int64_t number = 0;
    std::from_chars(stage->name.data() + kRound.size(), stage->name.data() + slash, number);
    if (rounds.empty() || rounds.back().number != number) rounds.push_back({.number = number, .keys = {}});
    rounds.back().keys[stage->name.substr(slash + 3)] = key;
  }
  return rounds;
}

RoundCounts count_round(const ledger::Ledger& ledger, const RoundStages& stages) {
  RoundCounts counts;
  counts.number = stages.number;
  const auto with_stage = [&](const std::string& name, const auto& count) {
    if (const auto key = stages.keys.find(name); key != stages.keys.end()) count(key->second);
  };
  with_stage("plan", [&](const auto& key) { count_prompts(ledger, key, counts); });
  with_stage("collect", [&](const auto& key) { count_comparisons(ledger, key, counts); });
  with_stage("import", [&](const auto& key) {
    counts.imported = static_cast<std::int64_t>(ledger.comparisons_of(key).size());
    for (const auto& metric : ledger.metrics_of(key)) {
      if (metric.name == "leaked rows") counts.leaked_imports += static_cast<std::int64_t>(metric.value);
    }
  });
  count_decisions(ledger, stages, counts);
  counts.reward_rows = count_rows(ledger, stages, "reward");
  counts.sft_rows = count_rows(ledger, stages, "sft");
  counts.dpo_rows = count_rows(ledger, stages, "dpo");
  std::set<std::string> overlong;
  for (const auto* name : {"collect", "reject"}) {
    with_stage(name, [&](const auto& key) {
      for (const auto& metric : ledger.metrics_of(key)) {
        if (metric.name == "prompt too long") overlong.insert(metric.subject);
      }
    });
  }
  counts.overlong_prompts = static_cast<std::int64_t>(overlong.size());
  for (const auto* name : {"reward", "sft", "dpo"}) {
    with_stage(name, [&](const auto& key) {
      for (const auto& metric : ledger.metrics_of(key)) {
        if (metric.name == "refused rows") counts.refused_rows += static_cast<std::int64_t>(metric.value);
      }
    });
  }
  return counts;
}

}  // namespace drover::report
