#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/error.h"
#include "evaluate/recorded_replies.h"
#include "preference/annotator.h"

namespace drover::preference {
namespace {

class RewardAnnotator final : public Annotator {
 public:
  RewardAnnotator(std::string name, ReplyScorer rewards, const LevelCuts& cuts)
      : name_(std::move(name)), rewards_(std::move(rewards)), cuts_(cuts) {
    cuts_.validate();
  }

  std::string name() const override { return "reward " + name_; }

  std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                   const ledger::Generation& second) override {
    const std::array replies = {first.reply, second.reply};
    const auto rewards = rewards_(prompt.dialog, replies);
    DROVER_CHECK_EQ(rewards.size(), replies.size(), "A reward model gives each reply one reward");
    const double difference = rewards[0] - rewards[1];
    if (std::isnan(difference)) return Judgement{.reason = "not both replies have a reward"};
    auto judgement = cuts_.judgement(1 / (1 + std::exp(-difference)));
    judgement.reason = fmt::format("rewards {:.3f} and {:.3f}", rewards[0], rewards[1]);
    const bool prefers_cut = (judgement.preferred == Judgement::Preferred::kFirst && evaluate::is_cut(first)) ||
                             (judgement.preferred == Judgement::Preferred::kSecond && evaluate::is_cut(second));
    if (prefers_cut) return Judgement{.reason = judgement.reason + ", but the better one was cut"};
    return judgement;
  }

 private:
  std::string name_;
  ReplyScorer rewards_;
  LevelCuts cuts_;
};

}  // namespace

std::unique_ptr<Annotator> make_reward_annotator(std::string name, ReplyScorer rewards, const LevelCuts& cuts) {
  return std::make_unique<RewardAnnotator>(std::move(name), std::move(rewards), cuts);
}

}  // namespace drover::preference
