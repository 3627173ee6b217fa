#include "report/summary_json.h"

#include "report/stage_output.h"

namespace drover::report {
namespace {

using chat::Json;

template <typename Lines, typename ToJson>
Json list_of(const Lines& lines, const ToJson& to_json) {
  auto list = Json::array();
  for (const auto& line : lines) list.push_back(to_json(line));
  return list;
}

Json optional_number(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json counts_json(const std::vector<Count>& counts) {
  auto json = Json::object();
  for (const auto& [name, count] : counts) json[name] = count;
  return json;
}

Json stage_json(const StageLine& stage) {
  return {{"name", stage.name},
          {"key", stage.key},
          {"finished", stage.is_finished},
          {"seconds", stage.seconds},
          {"ended_at", stage.ended_at},
          {"revision", stage.revision},
          {"seed", stage.seed},
          {"inputs", read_json(stage.inputs)},
          {"options", read_json(stage.options)},
          {"hash", stage.hash}};
}

Json accuracy_json(const AccuracyLine& line) {
  return {{"stage", line.stage}, {"model", line.model_name},  {"hash", line.model},
          {"suite", line.suite}, {"accuracy", line.accuracy}, {"low", line.low},
          {"high", line.high},   {"prompts", line.count},     {"p_value", optional_number(line.p_value)}};
}

Json change_json(const ScoreChange& change) {
  return {{"suite", change.after.suite},
          {"before", accuracy_json(change.before)},
          {"after", accuracy_json(change.after)},
          {"difference", change.difference()},
          {"holm_p_value", optional_number(change.corrected_p)},
          {"is_clear", change.is_clear()}};
}

Json round_json(const RoundCounts& counts) {
  return {{"round", counts.number},
          {"prompts", counts_json(counts.prompts)},
          {"compared_replies", counts.compared_replies},
          {"edits", counts.edits},
          {"comparisons", counts_json(counts.levels)},
          {"annotators", counts_json(counts.annotators)},
          {"three_way", counts.three_way},
          {"turns", counts.turns},
          {"imported", counts.imported},
          {"reward_rows", counts.reward_rows},
          {"dpo_rows", counts.dpo_rows},
          {"leaked_imports", counts.leaked_imports},
          {"overlong_prompts", counts.overlong_prompts},
          {"refused_rows", counts.refused_rows},
          {"sampled_replies", counts.sampled_replies},
          {"not_kept", counts_json(counts.not_kept)},
          {"best_replies", counts.best_replies},
          {"synthetic", counts.synthetic},
          {"curated_away", counts_json(counts.curated_away)},
          {"mixed", counts.mixed},
          {"sft_rows", counts.sft_rows}};
}

Json judge_json(const JudgeSummary& judge) {
  return {{"name", judge.name},
          {"is_above_chance", judge.is_above_chance},
          {"is_used", judge.is_used},
          {"sets", list_of(judge.lines, [](const JudgeLine& line) {
             return Json{{"set", line.set},         {"pairs", line.pairs},    {"accuracy", line.accuracy},
                         {"low", line.low},         {"high", line.high},      {"contradictions", line.contradictions},
                         {"invalid", line.invalid}, {"p_value", line.p_value}};
           })}};
}

Json model_json(const ledger::ModelFact& model) {
  return {{"name", model.name},
          {"hash", model.hash},
          {"made_by", model.made_by},
          {"folder", model.folder},
          {"data", model.data},
          {"parents", list_of(model.parents, [](const auto& parent) {
             return Json{{"hash", parent.hash}, {"weight", parent.weight}};
           })}};
}

Json curve_json(const CurveGroup& group) {
  return {{"stage", group.stage},
          {"quantity", group.quantity},
          {"curves", list_of(group.curves,
                             [](const Curve& curve) { return Json{{"name", curve.name}, {"points", curve.points}}; })}};
}

Json mix_json(const MixTable& table) {
  const auto values = [](const std::vector<std::optional<double>>& cells) {
    return list_of(cells, [](const auto& value) { return optional_number(value); });
  };
  return {{"title", table.title},
          {"llama3_table", table.number},
          {"columns", table.columns},
          {"lines", list_of(table.lines, [&](const MixLine& line) {
             return Json{{"dataset", line.dataset}, {"here", values(line.here)}, {"llama3", values(line.report)}};
           })}};
}

Json spread_json(const RewardSpread& spread) {
  return {{"round", spread.round}, {"capabilities", list_of(spread.capabilities, [](const CapabilityDraws& draw) {
                                      return Json{{"capability", draw.capability},
                                                  {"prompts", draw.prompts},
                                                  {"answered", draw.answered},
                                                  {"replies", draw.replies},
                                                  {"scored", draw.rewards.size()},
                                                  {"mean_reward", optional_number(mean_of(draw.rewards))},
                                                  {"mean_reward_kept", optional_number(mean_of(draw.kept_rewards))},
                                                  {"checked", draw.checked},
                                                  {"right", draw.right},
                                                  {"checked_kept", draw.checked_kept},
                                                  {"right_kept", draw.right_kept}};
                                    })}};
}

Json opinions_json(const RunSummary& summary) {
  return {{"agreements", list_of(summary.agreements,
                                 [](const AgreementLine& line) {
                                   return Json{{"stage", line.stage},
                                               {"annotators", line.annotators},
                                               {"pairs", line.pairs},
                                               {"raw", line.raw},
                                               {"kappa", optional_number(line.kappa)},
                                               {"alpha", optional_number(line.alpha)}};
                                 })},
          {"judge", summary.judge ? judge_json(*summary.judge) : Json()},
          {"reward_accuracies", list_of(summary.reward_accuracies, [](const RewardAccuracyLine& line) {
             return Json{{"stage", line.stage},       {"unseen", line.is_unseen}, {"level", line.level},
                         {"accuracy", line.accuracy}, {"low", line.low},          {"high", line.high},
                         {"comparisons", line.count}};
           })}};
}

Json source_json(const DataSource& source) {
  return {{"name", source.name},
          {"licence", source.licence},
          {"location", source.location},
          {"hash", source.hash},
          {"prompts", source.prompts},
          {"rows", counts_json(source.rows)},
          {"is_held_out", source.is_held_out}};
}

}  // namespace

Json summary_json(const RunSummary& summary) {
  Json json = {{"recipe", summary.recipe_name},
               {"began_at", summary.began_at},
               {"finished", summary.is_finished()},
               {"seconds", summary.seconds()}};
  json["changes"] = list_of(summary.changes(), change_json);
  json["accuracies"] = list_of(summary.accuracies, accuracy_json);
  json["rounds"] = list_of(summary.rounds, round_json);
  json["complexities"] = list_of(summary.complexities, [](const ComplexityLine& line) {
    return Json{{"stage", line.stage}, {"capability", line.capability},     {"before", line.before},
                {"after", line.after}, {"prompts_before", line.num_before}, {"prompts_after", line.num_after}};
  });
  json["opinions"] = opinions_json(summary);
  json["curves"] = list_of(summary.curves, curve_json);
  json["sampling"] = list_of(summary.reward_spreads, spread_json);
  json["dropped"] = list_of(summary.dropped, [](const DroppedByRule& rule) {
    return Json{{"round", rule.round}, {"rule", rule.rule}, {"replies", rule.count}};
  });
  json["ratings"] = list_of(summary.ratings, [](const RowRating& rating) {
    return Json{{"stage", rating.stage},
                {"kind", rating.kind == RowRating::Kind::kTopic ? "topic" : "difficulty"},
                {"name", rating.name},
                {"value", rating.value},
                {"count", rating.count}};
  });
  json["mix"] = list_of(summary.mix_tables, mix_json);
  json["models"] = list_of(summary.models, model_json);
  json["deployed"] = list_of(summary.deployed, [](const DeployedModel& model) {
    return Json{{"round", model.round},
                {"name", model.name},
                {"hash", model.hash},
                {"folder", model.folder},
                {"team", model.team}};
  });
  json["sources"] = list_of(summary.sources, source_json);
  json["stages"] = list_of(summary.stages, stage_json);
  json["facts"] = counts_json(summary.facts);
  json["recipe_text"] = summary.recipe_text;
  return json;
}

}  // namespace drover::report
