#include "preference/prompt_plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/random_stream.h"
#include "evaluate/recorded_replies.h"
#include "verify/checker.h"

namespace drover::preference {
namespace {

/// A prompt that can be chosen.
struct Candidate {
  ledger::PromptId id;
  double complexity = 0;
  std::int64_t uses = 0;  ///< by earlier rounds
};

using ByCapability = std::map<std::string, std::vector<Candidate>>;

// `before`: the round before used these.
ByCapability sorted_by_capability(std::span<const ledger::PromptId> prompts, const std::set<ledger::PromptId>& before,
                                  const PromptPlanOptions& options, const ledger::Ledger& ledger) {
  ByCapability sorted;
  for (const auto id : prompts) {
    const auto prompt = ledger.find(id);
    DROVER_CHECK(prompt.has_value(), "A prompt is not in the ledger");
    const auto counted = options.intentions.find(id);
    const auto num_intentions = counted == options.intentions.end() ? -1 : counted->second;
    const auto used = options.uses.find(id);
    const auto uses = std::max<std::int64_t>(used == options.uses.end() ? 0 : used->second, before.contains(id) ? 1 : 0);
    sorted[capability_of(*prompt)].push_back({.id = id, .complexity = complexity_of(*prompt, num_intentions), .uses = uses});
  }
  return sorted;
}

double mean_complexity(std::span<const Candidate> prompts) {
  double sum = 0;
  for (const auto& prompt : prompts) sum += prompt.complexity;
  return prompts.empty() ? 0 : sum / static_cast<double>(prompts.size());
}

std::vector<Candidate> first_of(std::vector<Candidate> prompts, std::int64_t count) {
  prompts.resize(std::min(prompts.size(), static_cast<std::size_t>(std::max<std::int64_t>(count, 0))));
  return prompts;
}

// The least used prompts first; among these by `badness`, lowest first. Equal ones keep their order.
template <typename Badness>
std::vector<Candidate> ordered(std::vector<Candidate> prompts, const Badness& badness) {
  std::stable_sort(prompts.begin(), prompts.end(), [&](const Candidate& a, const Candidate& b) {
    return std::pair(a.uses, badness(a)) < std::pair(b.uses, badness(b));
  });
  return prompts;
}

std::vector<Candidate> more_complex(const std::vector<Candidate>& candidates, double before, std::int64_t count, double step) {
  auto chosen = first_of(ordered(candidates, [&](const auto& one) { return std::abs(one.complexity - before - step); }), count);
  if (mean_complexity(chosen) > before) return chosen;
  chosen = first_of(ordered(candidates, [](const auto& one) { return -one.complexity; }), count);
  if (mean_complexity(chosen) > before) return chosen;
  // What is new is easy: the hard ones of earlier rounds are better than that, where they help.
  auto hardest = candidates;
  std::stable_sort(hardest.begin(), hardest.end(),
                   [](const auto& a, const auto& b) { return std::pair(-a.complexity, a.uses) < std::pair(-b.complexity, b.uses); });
  hardest = first_of(std::move(hardest), count);
  return mean_complexity(hardest) > before ? hardest : chosen;
}

// Some by chance, the least used first, the capabilities in turns: each gets an equal part, and one that has few leaves its part to the others.
std::vector<Candidate> equal_parts(std::vector<std::vector<Candidate>> by_capability, std::int64_t count, std::uint64_t seed) {
  base::RandomStream random(seed, "prompts of strong capabilities");
  std::size_t longest = 0;
  for (auto& prompts : by_capability) {
    random.shuffle(std::span(prompts));
    prompts = ordered(std::move(prompts), [](const auto&) { return 0; });
    longest = std::max(longest, prompts.size());
  }
  std::vector<Candidate> chosen;
  for (std::size_t turn = 0; turn < longest; ++turn) {
    for (const auto& prompts : by_capability) {
      if (turn < prompts.size()) chosen.push_back(prompts[turn]);
    }
  }
  return first_of(std::move(chosen), count);
}

std::vector<std::string> weakest_of(std::span<const CapabilityRate> rates, const ByCapability& candidates, std::int64_t count) {
  std::vector<CapabilityRate> known;
  for (const auto& rate : rates) {
    if (rate.total > 0 && candidates.contains(rate.capability)) known.push_back(rate);
  }
  std::stable_sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.rate() < b.rate(); });
  std::vector<std::string> names;
  for (const auto& rate : known) {
    if (static_cast<std::int64_t>(names.size()) < count) names.push_back(rate.capability);
  }
  return names;
}

}  // namespace

std::string capability_of(const ledger::Prompt& prompt) { return prompt.tags.empty() ? prompt.source : prompt.tags.front(); }

std::vector<CapabilityRate> verifier_rates(const ledger::Ledger& ledger, const std::string& stage) {
  std::map<std::string, CapabilityRate> rates;
  for (const auto id : ledger.generations_of(stage)) {
    const auto reply = ledger.find(id);
    if (reply->kind != ledger::GenerationKind::kSampled) continue;
    const auto prompt = ledger.find(reply->prompt);
    if (prompt->checker.empty()) continue;
    auto& rate = rates[capability_of(*prompt)];
    rate.capability = capability_of(*prompt);
    ++rate.total;
    if (evaluate::is_cut(*reply)) continue;
    const auto verdict = verify::make_checker(prompt->checker)->check_messages(reply->reply, prompt->expected);
    rate.right += verdict.is_right() ? 1 : 0;
  }
  std::vector<CapabilityRate> list;
  for (auto& [name, rate] : rates) list.push_back(std::move(rate));
  return list;
}

double complexity_of(const ledger::Prompt& prompt, std::int64_t num_intentions) {
  if (prompt.difficulty) return *prompt.difficulty;
  const auto num_tags = static_cast<std::int64_t>(prompt.tags.size()) - 1;
  const auto count = static_cast<double>(num_intentions >= 0 ? num_intentions : std::max<std::int64_t>(num_tags, 0));
  return count / (count + 4);
}

void PromptPlanOptions::validate() const {
  if (num_prompts < 0) throw base::UserError("A plan of {} prompts is not possible.", num_prompts);
  if (num_weakest < 1) throw base::UserError("num_weakest is {}; it must be at least 1.", num_weakest);
  if (!(weak_share >= 0 && weak_share <= 1)) throw base::UserError("weak_share is {}; it must be from 0 to 1.", weak_share);
  if (!(step >= 0 && step <= 1)) throw base::UserError("The step of complexity is {}; it must be from 0 to 1.", step);
}

PromptPlan plan_prompts(std::span<const ledger::PromptId> candidates, std::span<const ledger::PromptId> before,
                        std::span<const CapabilityRate> rates, const PromptPlanOptions& options,
                        const ledger::Ledger& ledger) {
  options.validate();
  const auto available = sorted_by_capability(candidates, {before.begin(), before.end()}, options, ledger);
  const auto earlier = sorted_by_capability(before, {}, options, ledger);
  const auto total = std::min(options.num_prompts > 0 ? options.num_prompts : static_cast<std::int64_t>(before.size()),
                              static_cast<std::int64_t>(candidates.size()));
  PromptPlan plan;
  const auto weakest = weakest_of(rates, available, options.num_weakest);
  std::set<ledger::PromptId> taken;
  const auto take = [&](const std::vector<Candidate>& chosen) {
    for (const auto& one : chosen) {
      if (taken.insert(one.id).second) plan.prompts.push_back(one.id);
    }
  };
  const double share = weakest.empty() ? 0 : options.weak_share / static_cast<double>(weakest.size());
  for (const auto& name : weakest) {
    const auto& of_capability = available.at(name);
    const auto found = earlier.find(name);
    const auto& reference = found == earlier.end() ? of_capability : found->second;
    const double mean_before = mean_complexity(reference);
    const auto count = static_cast<std::int64_t>(std::llround(share * static_cast<double>(total)));
    const auto chosen = more_complex(of_capability, mean_before, count, options.step);
    take(chosen);
    plan.weakest.push_back({.capability = name,
                            .before = mean_before,
                            .after = mean_complexity(chosen),
                            .num_before = static_cast<std::int64_t>(reference.size()),
                            .num_after = static_cast<std::int64_t>(chosen.size())});
  }
  std::vector<std::vector<Candidate>> others;
  for (const auto& [name, prompts] : available) {
    if (std::find(weakest.begin(), weakest.end(), name) == weakest.end()) others.push_back(prompts);
  }
  take(equal_parts(std::move(others), total - static_cast<std::int64_t>(plan.prompts.size()), options.seed));
  // Where the others are too few, the weak ones fill up.
  for (const auto& name : weakest) {
    std::vector<Candidate> rest;
    for (const auto& one : available.at(name)) {
      if (!taken.contains(one.id)) rest.push_back(one);
    }
    take(first_of(ordered(std::move(rest), [](const auto& one) { return -one.complexity; }),
                  total - static_cast<std::int64_t>(plan.prompts.size())));
  }
  for (auto& change : plan.weakest) {
    std::vector<Candidate> chosen;
    for (const auto& one : available.at(change.capability)) {
      if (taken.contains(one.id)) chosen.push_back(one);
    }
    change.after = mean_complexity(chosen);
    change.num_after = static_cast<std::int64_t>(chosen.size());
  }
  return plan;
}

void record_plan(const PromptPlan& plan, const std::string& stage, ledger::Ledger& ledger) {
  ledger::Ledger::Batch batch(ledger);
  const auto add = [&](const std::string& name, const std::string& subject, double value, std::int64_t count) {
    ledger.add(ledger::Metric{
        .stage = stage, .name = name, .subject = subject, .step = 0, .value = value, .low = {}, .high = {}, .count = count});
  };
  double before = 0;
  double after = 0;
  std::int64_t num_before = 0;
  std::int64_t num_after = 0;
  for (const auto& change : plan.weakest) {
    add("complexity before", change.capability, change.before, change.num_before);
    add("complexity after", change.capability, change.after, change.num_after);
    before += change.before / static_cast<double>(plan.weakest.size());
    after += change.after / static_cast<double>(plan.weakest.size());
    num_before += change.num_before;
    num_after += change.num_after;
  }
  if (!plan.weakest.empty()) {
    add("complexity before", "weakest", before, num_before);
    add("complexity after", "weakest", after, num_after);
  }
  batch.commit();
}

}  // namespace drover::preference
