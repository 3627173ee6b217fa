#include "rounds/rejection_sampling.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "evaluate/recorded_replies.h"
#include "generate/scorer.h"
#include "rounds/prompt_pool.h"
#include "rounds/prompt_room.h"
#include "rounds/reply_rewards.h"
#include "rounds/steering.h"
#include "verify/checker.h"
#include "verify/language_match.h"

namespace drover::rounds {
namespace {

/// The prompts of one sampler, and its replies to each.
struct Sampled {
  std::vector<ledger::PromptId> prompts;
  std::vector<std::vector<ledger::GenerationId>> replies;
};

evaluate::ReplyPlan reply_plan(const Workspace& work, const std::string& stage, std::int64_t round) {
  const auto& section = work.recipe.reject;
  evaluate::ReplyPlan plan{.stage = stage,
                           .sampling = sampling_options(section.sampling, work.seed(stage)),
                           .num_replies = section.replies_per_prompt,
                           .prompts_per_batch = section.sampling.prompts_per_batch};
  const bool is_last = round == work.recipe.rounds;
  if (is_last && section.last_round_temperature > 0) {
    plan.sampling.temperature = section.last_round_temperature;
  } else if (section.lowest_temperature > 0) {
    plan.lowest_temperature = section.lowest_temperature;
  }
  return plan;
}

// The samplers in the order of their first prompts.
std::vector<Sampled> sample(Workspace& work, const std::string& stage, const RejectionPlan& plan,
                            std::span<const ledger::PromptId> prompts) {
  std::vector<Sampled> all;
  std::vector<ModelRef> samplers;
  {
    ledger::Ledger::Batch batch(work.ledger);
    for (const auto id : prompts) {
      const auto prompt = *work.ledger.find(id);
      const auto& model = plan.sampler(capability_of(prompt));
      std::size_t at = 0;
      while (at < samplers.size() && samplers[at].hash != model.hash) ++at;
      if (at == samplers.size()) {
        samplers.push_back(model);
        all.emplace_back();
      }
      const bool is_steered = plan.round >= work.recipe.reject.system_prompts_from;
      all[at].prompts.push_back(is_steered ? work.ledger.add(steered(work.recipe, prompt, work.seed(stage))) : id);
    }
    batch.commit();
  }
  const auto replies = reply_plan(work, stage, plan.round);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].prompts = PromptRoom(work, std::span(&samplers[i], 1)).fitting(all[i].prompts, stage, work.ledger);
    std::vector<std::unique_ptr<generate::Generator>> generators;
    all[i].replies = evaluate::recorded_replies(work.responder(samplers[i], generators), all[i].prompts, replies,
                                                work.ledger, work.on_progress);
  }
  return all;
}

std::shared_ptr<const text::LanguageIdentifier> installed_languages() {
  try {
    return text::LanguageIdentifier::installed();
  } catch (const base::Error&) {
    return nullptr;
  }
}

/// Chooses among the replies to one prompt at a time, and records why.
class Choice {
 public:
  Choice(Workspace& work, const std::string& stage, const ModelRef& reward_model)
      : work_(work), stage_(stage), reward_model_(reward_model) {
    const auto model = work.load(reward_model);
    scorer_.emplace(model, work.format(*model));
  }

  /// The best reply; empty when none may win.
  std::optional<ledger::GenerationId> best_of(ledger::PromptId prompt_id, const std::vector<ledger::GenerationId>& replies) {
    const auto prompt = *work_.ledger.find(prompt_id);
    std::vector<ledger::GenerationId> ids;
    std::vector<std::vector<chat::Message>> texts;
    for (const auto id : replies) {
      const auto generation = *work_.ledger.find(id);
      if (const auto fault = why_not(prompt, id, generation); !fault.empty()) {
        decide(id, false, fault);
        continue;
      }
      ids.push_back(id);
      texts.push_back(generation.reply);
    }
    if (ids.empty()) return std::nullopt;
    const auto rewards = reply_rewards(*scorer_, prompt.dialog, texts);
    std::optional<std::size_t> best;
    std::int64_t num_scored = 0;
    for (std::size_t k = 0; k < ids.size(); ++k) {
      if (!rewards[k].value) continue;
      ++num_scored;
      if (!best || *rewards[k].value > *rewards[*best].value) best = k;
    }
    for (std::size_t k = 0; k < ids.size(); ++k) {
      if (!rewards[k].value) {
        decide(ids[k], false, "no reward: " + rewards[k].fault);
        continue;
      }
      const double reward = *rewards[k].value;
      work_.ledger.add(ledger::Score{.generation = ids[k], .stage = stage_, .scorer = reward_model_.hash, .value = reward});
      decide(ids[k], k == *best, fmt::format("reward {:.4f}, best of {} {:.4f}", reward, num_scored, *rewards[*best].value));
    }
    return best ? std::optional(ids[*best]) : std::nullopt;
  }

 private:
  // Why a reply takes no part; empty when it does.
  std::string why_not(const ledger::Prompt& prompt, ledger::GenerationId id, const ledger::Generation& generation) {
    const auto& section = work_.recipe.reject;
    if (generation.reply.empty() || (evaluate::is_cut(generation) && !section.allow_cut))
      return "cut by the length limit";
    if (const auto mismatch = another_language(prompt, generation)) return "another language: " + *mismatch;
    if (prompt.checker.empty()) return {};
    const auto verdict = verify::make_checker(prompt.checker)->check_messages(generation.reply, prompt.expected);
    work_.ledger.add(ledger::CheckedAnswer{.generation = id,
                                           .stage = stage_,
                                           .checker = prompt.checker,
                                           .is_right = verdict.is_right(),
                                           .answer = verdict.answer,
                                           .reason = verdict.reason});
    return section.require_right && !verdict.is_right() ? "wrong: " + verdict.reason : std::string();
  }

  // Prompts that ask for a language of their own are left alone.
  std::optional<std::string> another_language(const ledger::Prompt& prompt, const ledger::Generation& generation) const {
    const bool is_asked_for = prompt.expected.find("response_language") != std::string::npos ||
                              std::find(prompt.tags.begin(), prompt.tags.end(), "translation") != prompt.tags.end();
    if (!work_.recipe.reject.match_language || is_asked_for) return std::nullopt;
    return verify::language_mismatch(prompt.dialog.messages.back().content, evaluate::text_of(generation.reply),
                                     languages_.get());
  }

  void decide(ledger::GenerationId id, bool is_kept, const std::string& reason) {
    work_.ledger.add(
        ledger::Decision{.generation = id, .stage = stage_, .rule = "best of K", .is_kept = is_kept, .reason = reason});
  }

  Workspace& work_;
  std::string stage_;
  ModelRef reward_model_;
  std::optional<generate::Scorer> scorer_;
  std::shared_ptr<const text::LanguageIdentifier> languages_ = installed_languages();  ///< without it scripts alone count
};

}  // namespace

FactSet keep_best_replies(Workspace& work, const std::string& stage, const RejectionPlan& plan,
                          std::span<const ledger::PromptId> prompts) {
  const auto sampled = sample(work, stage, plan, prompts);
  Choice choice(work, stage, plan.reward_model);
  FactSet kept{.stage = stage, .count = 0, .content = {}};
  base::FieldHasher content;
  for (const auto& [asked, replies] : sampled) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      ledger::Ledger::Batch batch(work.ledger);  // a short one: people may answer while the reward model is busy
      const auto best = choice.best_of(asked[i], replies[i]);
      batch.commit();
      if (!best) continue;
      content.add(best->value()).add(evaluate::text_of(work.ledger.find(*best)->reply));
      ++kept.count;
    }
  }
  kept.content = content.finish().hex();
  return kept;
}

}  // namespace drover::rounds
