#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "chat/dialog.h"
#include "curate/decontamination.h"
#include "evaluate/suite.h"
#include "ledger/ledger.h"
#include "preference/prompt_plan.h"
#include "rounds/artefact.h"
#include "rounds/recipe.h"

namespace drover::rounds {

/// A suite and the capability that it measures.
struct CapabilitySuite {
  std::string capability;
  evaluate::Suite suite;
};

/// All prompts and suites of a recipe. A prompt's first tag is its capability.
class PromptPool {
 public:
  /// Reads the recipe's files. Throws UserError for a prompt that also stands in a suite, since a suite must be held
  /// out, and for files that cannot be read.
  explicit PromptPool(const Recipe& recipe);

  const std::vector<ledger::Prompt>& prompts() const { return prompts_; }
  const std::vector<CapabilitySuite>& suites() const { return suites_; }
  /// Of the prompts, sorted.
  std::vector<std::string> capabilities() const;

  std::string hash_of_prompts() const;
  std::string hash_of_suites() const;  ///< of their prompts, whichever capability they measure
  std::string hash_of_measured_capabilities() const;

  /// What users say in the suites' prompts: what training must not hold.
  std::vector<curate::HeldOutPrompt> held_out() const;
  /// Finds dialogs that hold one of these, by runs of so many words too; 0: whole prompts only.
  curate::Decontaminator decontaminator(std::int64_t window_words) const;

  /// Suites by the capability that they measure; capabilities without a suite have no entry.
  std::map<std::string, std::set<std::string>> suites_by_capability() const;

 private:
  void refuse_held_out_prompts(const Recipe& recipe) const;

  std::vector<ledger::Prompt> prompts_;
  std::vector<CapabilitySuite> suites_;
};

using preference::capability_of;

/// The prompts of one round.
struct PromptChoice {
  std::vector<ledger::PromptId> prompts;

  std::string hash() const;
  chat::Json to_json() const;
  static PromptChoice from_json(const chat::Json& json);
  bool is_intact(const std::filesystem::path&) const { return true; }
};

}  // namespace drover::rounds
