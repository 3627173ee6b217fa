#include "rounds/judge_stage.h"

#include <algorithm>

#include "base/content_hash.h"
#include "chat/dialog_json.h"
#include "judge/answer_forms.h"
#include "judge/calibration.h"
#include "judge/standing.h"
#include "rounds/recipe_files.h"

namespace drover::rounds {
namespace {

judge::Judge make_judge(Workspace& work, const ModelRef& model, const judge::JudgeOptions& options,
                        std::vector<std::unique_ptr<generate::Generator>>& generators) {
  auto* generator = work.responder(model, generators).generator;
  return judge::Judge(*generator, judge::answer_forms(work.load(model)->tokenizer()), options);
}

}  // namespace

std::string JudgeReport::hash() const {
  return base::content_hash(to_json().dump(-1, ' ', false, chat::Json::error_handler_t::replace)).hex();
}

chat::Json JudgeReport::to_json() const {
  return {{"model", {{"name", model.name}, {"hash", model.hash}, {"folder", model.folder}, {"files", model.files}}},
          {"is_above_chance", is_above_chance},
          {"is_used", is_used},
          {"calibrations", calibrations}};
}

JudgeReport JudgeReport::from_json(const chat::Json& json) {
  const auto& model = json.at("model");
  return {.model = {.name = model.at("name"), .hash = model.at("hash"), .folder = model.at("folder"), .files = model.at("files")},
          .is_above_chance = json.at("is_above_chance"),
          .is_used = json.at("is_used"),
          .calibrations = json.at("calibrations")};
}

std::string hash_of_judged_pairs(const Recipe& recipe) {
  base::FieldHasher hasher;
  for (const auto& set : recipe.judge.calibrate_on) {
    for (const auto& pair : judged_pairs(recipe, set)) {
      for (const auto& messages : {pair.replies.prompt.messages, pair.replies.first, pair.replies.second})
        hasher.add(chat::messages_to_json(messages).dump(-1, ' ', false, chat::Json::error_handler_t::replace));
      hasher.add(static_cast<std::int64_t>(pair.people));
    }
  }
  return hasher.finish().hex();
}

JudgeReport calibrate_judge(Workspace& work, const std::string& stage, const ModelRef& model) {
  const auto& section = work.recipe.judge;
  JudgeReport report{.model = model};
  judge::Standing standing;
  for (const auto& set : section.calibrate_on) {
    const auto pairs = judged_pairs(work.recipe, set);
    std::vector<std::unique_ptr<generate::Generator>> generators;
    auto judge = make_judge(work, model, {.give_up_after = 0, .seed = work.seed(stage)}, generators);
    judge.on_progress = work.on_progress;
    const auto found = judge::calibrate(judge, pairs);
    standing.sets.emplace_back(set, found);
    const auto interval = found.accuracy_interval();
    work.ledger.add(ledger::Metric{.stage = stage,
                                   .name = "judge accuracy",
                                   .subject = set,
                                   .step = 0,
                                   .value = found.accuracy(),
                                   .low = interval.low,
                                   .high = interval.high,
                                   .count = found.pairs});
  }
  report.is_above_chance = standing.is_above_chance();
  report.calibrations = standing.to_json();
  report.is_used = report.is_above_chance || section.force;
  return report;
}

RunJudge::RunJudge(Workspace& work, const JudgeReport& report, std::uint64_t seed) {
  if (report.model.hash.empty() || !report.is_used) return;
  judge_.emplace(make_judge(work, report.model, {.seed = seed}, generators_));
  judge_->on_progress = work.on_progress;
}

}  // namespace drover::rounds
