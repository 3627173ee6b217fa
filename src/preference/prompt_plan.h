#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::preference {

/// How often a capability was answered rightly.
struct CapabilityRate {
  std::string capability;
  std::int64_t right = 0;
  std::int64_t total = 0;

  double rate() const { return total == 0 ? 0 : static_cast<double>(right) / static_cast<double>(total); }
};

/// The capability of a prompt: its first tag, else its source.
std::string capability_of(const ledger::Prompt& prompt);

/// The rates of a stage's sampled replies under their prompts' checkers, by capability: the verifier rates of a
/// collection. Prompts without a checker do not count.
std::vector<CapabilityRate> verifier_rates(const ledger::Ledger& ledger, const std::string& stage);

/// How complex a prompt is, from 0 to 1: its difficulty where it is rated; else n / (n + 4), where n counts its
/// intentions or constraints: `num_intentions` when that is not negative, else the tags behind the capability.
double complexity_of(const ledger::Prompt& prompt, std::int64_t num_intentions = -1);

struct PromptPlanOptions {
  std::int64_t num_prompts = 0;   ///< 0: as many as in the round before
  std::int64_t num_weakest = 2;   ///< capabilities that count as weak
  double weak_share = 0.5;        ///< of the prompts, for the weak ones in equal parts; so goes the rest to the others
  double step = 0.1;              ///< by how much the mean complexity of a weak capability should rise; at least 0
  std::uint64_t seed = 0;         ///< which prompts of the other capabilities
  std::map<ledger::PromptId, std::int64_t> intentions = {};  ///< counted by a judge (judge/intentions.h), where it did
  std::map<ledger::PromptId, std::int64_t> uses = {};        ///< how many earlier rounds had a prompt; those of the round before count once at least

  /// Throws UserError that names the field.
  void validate() const;
};

/// The mean complexity of a weak capability's prompts.
struct ComplexityChange {
  std::string capability;
  double before = 0;
  double after = 0;
  std::int64_t num_before = 0;
  std::int64_t num_after = 0;
};

struct PromptPlan {
  std::vector<ledger::PromptId> prompts;  ///< of the next round
  std::vector<ComplexityChange> weakest;  ///< weakest first
};

/// The prompts of the next round: more of the weakest capabilities, and more complex ones there than `before` held (Llama 3
/// report, 4.2.1). Within each capability the prompts that earlier rounds used least come first, so a share is never
/// smaller because new prompts ran out. Of a weak capability those are taken whose complexity lies nearest to its mean
/// before plus `step`; when their mean would not rise, the most complex ones, in the end used ones before new ones that
/// are easier. Capabilities without a rate are not called weak.
PromptPlan plan_prompts(std::span<const ledger::PromptId> candidates, std::span<const ledger::PromptId> before,
                        std::span<const CapabilityRate> rates, const PromptPlanOptions& options,
                        const ledger::Ledger& ledger);

/// Records the plan's complexities as metrics "complexity before" and "complexity after" of the stage, with the capability
/// as subject, and the mean over the weak capabilities with the subject "weakest".
void record_plan(const PromptPlan& plan, const std::string& stage, ledger::Ledger& ledger);

}  // namespace drover::preference
