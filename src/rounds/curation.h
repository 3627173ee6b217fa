#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rounds/judge_stage.h"
#include "rounds/prompt_pool.h"
#include "rounds/workspace.h"

namespace drover::rounds {

/// What SFT learns: replies, and how often each.
struct TrainingMix {
  struct Entry {
    ledger::GenerationId generation;
    std::int64_t copies = 1;
    bool operator==(const Entry&) const = default;
  };
  std::string stage;  ///< key
  std::vector<Entry> entries;
  std::string content;  ///< hash of the replies' texts
  chat::Json table = chat::Json::array();  ///< its statistics in the columns of the report's Table 7

  std::string hash() const;
  chat::Json to_json() const;
  static TrainingMix from_json(const chat::Json& json);
  bool is_intact(const std::filesystem::path&) const { return true; }
};

struct CurationPlan {
  std::span<const FactSet> candidates;  ///< stages whose kept replies are curated
  ModelRef reward_model;                ///< scores what no stage has scored yet
  JudgeReport judge;
};

/// Cleaning, decontamination against the run's suites, topics and difficulty where the recipe asks for them (recorded as
/// scores "topic", "judge difficulty" and "judge intentions", and as the metrics "topic", "no judge" for a judge without a say, and
/// "difficulty"), quality (top share of the rewards, or the judge's maximum),
/// semantic deduplication in the order of quality times difficulty, and the mix (Llama 3 report, 4.2.3). Records a
/// decision with rule and reason for every reply that goes, is rewritten or enters the mix. A rewritten reply is a
/// generation of its own, edited by "cleaning".
TrainingMix curate_replies(Workspace& work, const std::string& stage, const CurationPlan& plan, const PromptPool& pool);

}  // namespace drover::rounds
