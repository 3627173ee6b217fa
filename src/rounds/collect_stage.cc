#include "rounds/collect_stage.h"

#include <algorithm>
#include <cmath>

#include "base/content_hash.h"
#include "base/error.h"
#include "generate/scorer.h"
#include "judge/rubric.h"
#include "preference/agreement.h"
#include "preference/annotator.h"
#include "preference/collect.h"
#include "preference/dialogs.h"
#include "preference/edit.h"
#include "rounds/prompt_pool.h"
#include "rounds/prompt_room.h"
#include "rounds/reply_rewards.h"

namespace drover::rounds {
namespace {

preference::ReplyScorer reply_scorer(Workspace& work, const ModelRef& reward_model) {
  const auto model = work.load(reward_model);
  const auto scorer = std::make_shared<generate::Scorer>(model, work.format(*model));
  return [scorer](const chat::Dialog& prompt, std::span<const std::vector<chat::Message>> replies) {
    std::vector<double> rewards;
    for (const auto& reward : reply_rewards(*scorer, prompt, replies)) rewards.push_back(reward.value ? *reward.value : std::nan(""));
    return rewards;
  };
}

// "round 1 reward 2" is "of round 1": the annotator's name says already that it is a reward model.
std::string readable_name(const ModelRef& reward_model) {
  const auto kind = reward_model.name.find(" reward");
  return kind == std::string::npos ? reward_model.name : "of " + reward_model.name.substr(0, kind);
}

/// The annotators and the editor of one round. What the recipe names and the round does not have (the reward model in
/// round 1, a judge at chance) is left out.
class Collection {
 public:
  Collection(Workspace& work, const std::string& stage, const CollectionPlan& plan)
      : work_(work), section_(work.recipe.collect), stage_(stage), seed_(work.seed(stage)), judge_(work, plan.judge, seed_), room_(work, plan.deployed) {
    if (plan.reward_model) rewards_ = reply_scorer(work, *plan.reward_model);
    if (plan.reward_model) reward_name_ = readable_name(*plan.reward_model);
    for (const auto& model : plan.deployed) responders_.push_back(work.responder(model, generators_));
    std::vector<std::unique_ptr<preference::Annotator>> members;
    for (const auto& name : section_.annotators) {
      if (auto member = annotator(name)) members.push_back(std::move(member));
      // A member's second look at pairs that another one has decided.
      if (name == "people" || section_.annotators.size() == 1) continue;
      if (auto second = annotator(name)) second_opinions_.push_back(std::move(second));
    }
    if (members.empty()) {
      throw base::UserError("{}: nobody can compare in this round: \"annotators\" in [collect] names only what it does "
                            "not have yet (a reward model exists from round 2 on, a judge at chance is not asked).",
                            work.recipe.file.string());
    }
    annotator_ = members.size() == 1 ? std::move(members[0]) : preference::make_chain_annotator(std::move(members));
    if (section_.edit) make_editor();
  }

  preference::Collected collect(std::span<const ledger::PromptId> prompts, const base::OnProgress& on_progress) {
    std::vector<ledger::PromptId> single;
    std::vector<ledger::PromptId> openings;
    for (const auto id : room_.fitting(prompts, stage_, work_.ledger)) {
      const auto prompt = *work_.ledger.find(id);
      if (!annotator_->can_compare(prompt)) {
        ++num_unasked_;
        continue;
      }
      const auto& multi = section_.multi_turn;
      const bool opens = std::find(multi.begin(), multi.end(), capability_of(prompt)) != multi.end();
      (opens ? openings : single).push_back(id);
    }
    preference::Collected all;
    if (!single.empty())
      all.add(preference::collect_comparisons(single, responders_, *annotator_, plan(), work_.ledger, on_progress));
    if (!openings.empty()) {
      preference::DialogPlan dialogs{.collect = plan(),
                                     .max_turns = section_.turns,
                                     .next_user_turns = preference::simulated_user(*responders_.at(0).generator),
                                     .has_room = [this](const chat::Dialog& dialog) { return room_.has_room_for(dialog); }};
      dialogs.collect.unit = ledger::ComparisonUnit::kTurn;
      all.add(preference::collect_dialogs(openings, responders_, *annotator_, dialogs, work_.ledger, on_progress));
    }
    return all;
  }

  /// Prompts that no annotator of the round can compare replies to.
  std::int64_t num_unasked() const { return num_unasked_; }

 private:
  std::unique_ptr<preference::Annotator> annotator(const std::string& name) {
    if (name == "verifier") return preference::make_verifier_annotator();
    if (name == "people") return preference::make_people_annotator(work_.ledger, stage_);
    if (name == "reward" && rewards_) return preference::make_reward_annotator(reward_name_, rewards_);
    if (name == "judge" && judge_.get() != nullptr) return preference::make_judge_annotator(*judge_.get());
    return nullptr;
  }

  void make_editor() {
    preference::EditOptions options{.stage = stage_,
                                    .sampling = sampling_options(section_.edit_sampling, seed_ + 1),
                                    .reward = rewards_};
    if (judge_.get() != nullptr) {
      options.feedback = preference::first_feedback(
          {preference::verifier_feedback(), preference::judge_feedback(*judge_.get(), judge::general_rubric())});
      options.judge = preference::judge_scorer(*judge_.get(), judge::general_rubric());
    }
    editor_ = preference::make_model_editor(responders_.at(0), std::move(options), work_.ledger);
  }

  preference::CollectPlan plan() const {
    preference::CollectPlan plan{.stage = stage_,
                                 .sampling = sampling_options(section_.sampling, seed_),
                                 .comparisons_per_prompt = section_.comparisons_per_prompt,
                                 .seed = seed_,
                                 .prompts_per_batch = section_.sampling.prompts_per_batch,
                                 .editor = editor_.get()};
    for (const auto& second : second_opinions_) plan.second_opinions.push_back(second.get());
    plan.second_opinion_share = section_.second_opinion_share;
    return plan;
  }

  Workspace& work_;
  const CollectSection& section_;
  std::string stage_;
  std::uint64_t seed_;
  RunJudge judge_;
  PromptRoom room_;
  preference::ReplyScorer rewards_;
  std::string reward_name_;
  std::vector<std::unique_ptr<generate::Generator>> generators_;
  std::vector<evaluate::Responder> responders_;
  std::unique_ptr<preference::Annotator> annotator_;
  std::vector<std::unique_ptr<preference::Annotator>> second_opinions_;
  std::unique_ptr<preference::Editor> editor_;
  std::int64_t num_unasked_ = 0;
};

std::string content_of(const ledger::Ledger& ledger, const std::vector<ledger::ComparisonId>& comparisons) {
  base::FieldHasher content;
  for (const auto id : comparisons) {
    const auto comparison = *ledger.find(id);
    for (const auto reply : preference::ranked_replies(comparison))
      content.add(reply.value()).add(evaluate::text_of(ledger.find(reply)->reply));
    content.add(static_cast<std::int64_t>(comparison.level));
  }
  return content.finish().hex();
}

}  // namespace

CollectedPreferences collect_preferences(Workspace& work, const std::string& stage, const CollectionPlan& plan,
                                         std::span<const ledger::PromptId> prompts) {
  Collection collection(work, stage, plan);
  const auto collected = collection.collect(prompts, work.on_progress);
  // What is counted stays in the ledger, so it waits until it is all there.
  if (collected.num_waiting > 0) return {.facts = {}, .num_waiting = collected.num_waiting};
  ledger::Ledger::Batch batch(work.ledger);
  const auto add_metric = [&](const std::string& name, std::string_view subject, double value, std::int64_t count) {
    work.ledger.add(ledger::Metric{.stage = stage,
                                   .name = name,
                                   .subject = std::string(subject),
                                   .step = 0,
                                   .value = value,
                                   .low = {},
                                   .high = {},
                                   .count = count});
  };
  const auto add_count = [&](std::string_view subject, std::int64_t count) {
    add_metric("comparisons", subject, static_cast<double>(count), 0);
  };
  for (const auto& [level, count] : collected.by_level) add_count(chat::name_of(level), count);
  add_count("equal replies", collected.num_equal);
  add_count("three-way rows", collected.num_edited);
  add_count("prompts that nobody could compare", collection.num_unasked());
  const std::string stages[] = {stage, preference::second_opinions_of(stage)};
  for (const auto& agreement : preference::measure_agreement_by_two(work.ledger, stages)) {
    const auto both = agreement.annotators.at(0) + " and " + agreement.annotators.at(1);
    if (agreement.raw) add_metric("agreement", both, *agreement.raw, agreement.pairs);
    if (agreement.kappa) add_metric("agreement kappa", both, *agreement.kappa, agreement.pairs);
    if (agreement.alpha_ordinal) add_metric("agreement alpha", both, *agreement.alpha_ordinal, agreement.pairs);
  }
  batch.commit();
  return {.facts = {.stage = stage,
                    .count = static_cast<std::int64_t>(collected.comparisons.size()),
                    .content = content_of(work.ledger, collected.comparisons)},
          .num_waiting = collected.num_waiting};
}

}  // namespace drover::rounds
