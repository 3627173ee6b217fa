#include "rounds/evaluate_stage.h"

#include <algorithm>

#include "base/error.h"
#include "evaluate/paired_comparison.h"
#include "rounds/prompt_room.h"
#include "verify/checker.h"

namespace drover::rounds {
namespace {

const ScoreBoard::Entry* best_on(const ScoreBoard& board, const std::string& suite) {
  const ScoreBoard::Entry* best = nullptr;
  for (const auto& entry : board.entries) {
    if (entry.suite == suite && (best == nullptr || entry.accuracy > best->accuracy)) best = &entry;
  }
  return best;
}

void add_paired_test(Workspace& work, const std::string& stage, const ScoreBoard::Entry& before,
                     const ScoreBoard::Entry& now) {
  const auto marks = [](const std::string& digits) {
    std::vector<bool> list;
    for (const char digit : digits) list.push_back(digit == '1');
    return list;
  };
  const auto paired = evaluate::compare_paired(marks(before.is_right), marks(now.is_right));
  work.ledger.add(ledger::Metric{.stage = stage,
                                 .name = "p_value",
                                 .subject = now.suite + " " + now.model,
                                 .step = 0,
                                 .value = paired.p_value,
                                 .low = {},
                                 .high = {},
                                 .count = paired.only_first + paired.only_second});
}

// A model's accuracy over fewer prompts than another's could not be compared with it, so none is left out.
void require_room(Workspace& work, const ModelRef& model, const evaluate::Suite& suite) {
  const PromptRoom room(work, std::span(&model, 1));
  for (std::size_t i = 0; i < suite.prompts.size(); ++i) {
    const auto& prompt = suite.prompts[i];
    const auto too_many = room.tokens_too_many(prompt.dialog);
    if (too_many <= 0) continue;
    throw base::UserError("{}: prompt {} of [suites.{}] (\"{:.60}\") is {} tokens too long for {}; take a part of the suite without "
                          "it, or a model that reads more.",
                          work.recipe.file.string(), i + 1, suite.name, verify::text_of(prompt.dialog.messages), too_many, model.name);
  }
}

}  // namespace

ScoreBoard score_models(Workspace& work, const std::string& stage, std::span<const ModelRef> models,
                        const std::vector<CapabilitySuite>& suites, const ScoreBoard& before) {
  const auto& section = work.recipe.evaluate;
  const auto options = sampling_options(section.sampling, work.seed("evaluate"));
  ScoreBoard board;
  for (const auto& model : models) {
    std::vector<std::unique_ptr<generate::Generator>> generators;
    const auto responder = work.responder(model, generators);
    for (const auto& [capability, suite] : suites) require_room(work, model, suite);
    for (const auto& [capability, suite] : suites) {
      const auto score = evaluate::score_on(
          suite, responder,
          {.stage = stage, .sampling = options, .prompts_per_batch = section.sampling.prompts_per_batch}, work.ledger,
          work.on_progress);
      ScoreBoard::Entry entry{.model = model.hash,
                              .name = model.name,
                              .suite = suite.name,
                              .is_right = {},
                              .accuracy = score.accuracy,
                              .low = score.interval.low,
                              .high = score.interval.high};
      for (const bool is_right : score.is_right) entry.is_right.push_back(is_right ? '1' : '0');
      if (const auto* best = best_on(before, suite.name)) add_paired_test(work, stage, *best, entry);
      board.entries.push_back(std::move(entry));
    }
  }
  return board;
}

ModelSet best_first(const std::vector<ModelRef>& models, const ScoreBoard& scores) {
  ModelSet sorted{.variants = models, .average = {}};
  std::stable_sort(sorted.variants.begin(), sorted.variants.end(), [&](const ModelRef& a, const ModelRef& b) {
    return scores.mean_accuracy(a.hash) > scores.mean_accuracy(b.hash);
  });
  sorted.average = sorted.variants.at(0);
  return sorted;
}

const ModelRef& best_at(const std::string& capability, const ModelSet& deployed, const ScoreBoard& scores,
                        const std::map<std::string, std::set<std::string>>& suites_by_capability) {
  const auto suites = suites_by_capability.find(capability);
  if (suites == suites_by_capability.end()) return deployed.variants.at(0);
  return *std::max_element(deployed.variants.begin(), deployed.variants.end(), [&](const ModelRef& a, const ModelRef& b) {
    return scores.mean_accuracy(a.hash, suites->second) < scores.mean_accuracy(b.hash, suites->second);
  });
}

ModelSet choose_deployed(const ModelSet& tuned, const ModelSet& aligned, const ScoreBoard& scores) {
  std::vector<ModelRef> models;
  const auto add = [&](const ModelRef& model) {
    const bool is_there = std::any_of(models.begin(), models.end(), [&](const auto& other) { return other.hash == model.hash; });
    if (!is_there) models.push_back(model);
  };
  add(aligned.average);
  for (const auto& variant : aligned.variants) add(variant);
  if (models.size() < 2) {
    add(tuned.average);
    for (const auto& variant : tuned.variants) add(variant);
  }
  auto deployed = best_first(models, scores);
  deployed.average = aligned.average;
  return deployed;
}

}  // namespace drover::rounds
