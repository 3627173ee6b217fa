#include "rounds/reward_accuracy.h"

#include <map>
#include <vector>

#include "base/error.h"
#include "base/proportion.h"
#include "generate/scorer.h"
#include "preference/collect.h"

namespace drover::rounds {
namespace {

struct Count {
  std::int64_t right = 0;
  std::int64_t total = 0;
  void add(bool is_right) {
    ++total;
    right += is_right ? 1 : 0;
  }
};

}  // namespace

void record_reward_accuracy(Workspace& work, const std::string& stage, const std::string& name,
                            const ModelRef& reward_model, std::span<const FactSet> comparisons) {
  const auto model = work.load(reward_model);
  generate::Scorer scorer(model, work.format(*model));
  std::map<std::string, Count> counts;
  for (const auto& set : comparisons) {
    for (const auto id : work.ledger.comparisons_of(set.stage)) {
      const auto comparison = *work.ledger.find(id);
      if (comparison.level == chat::PreferenceLevel::kNone) continue;
      std::vector<std::vector<chat::Message>> replies;
      for (const auto reply : preference::ranked_replies(comparison)) replies.push_back(work.ledger.find(reply)->reply);
      std::vector<float> rewards;
      try {
        const auto scored = scorer.rewards(work.ledger.find(comparison.prompt)->dialog, replies);
        rewards.assign(scored.begin(), scored.end());
      } catch (const base::UserError&) {
        continue;  // longer than the model reads; the trainers refused the row too
      }
      const auto last = rewards.size() - 1;
      const bool is_right = rewards[last - 1] > rewards[last];
      counts[std::string(chat::name_of(comparison.level))].add(is_right);
      counts["all"].add(is_right);
      if (last == 2) counts["edited"].add(rewards[0] > rewards[1]);
    }
  }
  ledger::Ledger::Batch batch(work.ledger);
  for (const auto& [level, count] : counts) {
    const auto interval = base::wilson_interval(count.right, count.total);
    work.ledger.add(ledger::Metric{.stage = stage,
                                   .name = name,
                                   .subject = level,
                                   .step = 0,
                                   .value = static_cast<double>(count.right) / static_cast<double>(count.total),
                                   .low = interval.low,
                                   .high = interval.high,
                                   .count = count.total});
  }
  batch.commit();
}

}  // namespace drover::rounds
