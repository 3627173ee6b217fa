#pragma once

#include <memory>
#include <optional>

#include "generate/generator.h"
#include "judge/judge.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// What the run knows about its judge.
struct JudgeReport {
  ModelRef model;                ///< empty hash: the run has no judge
  bool is_above_chance = false;  ///< on all sets together
  bool is_used = false;          ///< above chance, or forced by the recipe
  chat::Json calibrations = chat::Json::array();  ///< one a set, with its name

  std::string hash() const;
  chat::Json to_json() const;
  static JudgeReport from_json(const chat::Json& json);
  bool is_intact(const std::filesystem::path&) const { return true; }
};

/// Hash of the pairs that the judge is measured on.
std::string hash_of_judged_pairs(const Recipe& recipe);

/// Measures the judge against people's labels (judge::calibrate), and records its accuracy on each set as the metric
/// "judge accuracy". A judge that is not above chance has no say in what follows unless the recipe forces it.
JudgeReport calibrate_judge(Workspace& work, const std::string& stage, const ModelRef& model);

/// The run's judge, ready to be asked; empty when it has none or it is not used.
class RunJudge {
 public:
  RunJudge(Workspace& work, const JudgeReport& report, std::uint64_t seed);

  judge::Judge* get() { return judge_ ? &*judge_ : nullptr; }

 private:
  std::vector<std::unique_ptr<generate::Generator>> generators_;
  std::optional<judge::Judge> judge_;
};

}  // namespace drover::rounds
