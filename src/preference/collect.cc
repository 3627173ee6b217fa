#include "preference/collect.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/random_stream.h"

namespace drover::preference {
namespace {

/// The names of two replies, the smaller first.
using PairKey = std::pair<ledger::GenerationId, ledger::GenerationId>;

PairKey key_of(ledger::GenerationId one, ledger::GenerationId other) {
  return one < other ? PairKey(one, other) : PairKey(other, one);
}

// Two different models in random order.
struct ModelPair {
  std::size_t first = 0;
  std::size_t second = 0;
};

ModelPair choose_pair(std::size_t num_models, base::RandomStream& random) {
  const auto first = static_cast<std::size_t>(random.below(num_models));
  const auto other = static_cast<std::size_t>(random.below(num_models - 1));
  return {first, other < first ? other : other + 1};
}

void require_two_models(std::span<const evaluate::Responder> responders) {
  if (responders.size() < 2) {
    throw base::UserError(
        "Comparisons need replies of two different models, but {} is deployed; name two in models.bootstrap.",
        responders.size());
  }
  std::set<std::string> names;
  for (const auto& responder : responders) names.insert(responder.generator->model_name());
  if (names.size() < responders.size()) {
    throw base::UserError(
        "Two of the {} deployed models have the same weights, so their replies say nothing about each other.",
        responders.size());
  }
}

/// A pair of replies that is to be compared.
struct Pair {
  std::size_t prompt = 0;  ///< index
  ledger::GenerationId first;
  ledger::GenerationId second;
  bool is_first_of_prompt = false;
};

class Collection {
 public:
  Collection(std::span<const ledger::PromptId> prompts, Annotator& annotator, const CollectPlan& plan, ledger::Ledger& ledger)
      : prompts_(prompts), annotator_(annotator), plan_(plan), ledger_(ledger) {
    for (const auto prompt : prompts) collected_.outcomes.push_back({.prompt = prompt, .best = {}});
    for (const auto id : ledger.comparisons_of(plan.stage)) {
      const auto comparison = ledger.find(id);
      known_[key_of(comparison->preferred, comparison->other)] = id;
    }
  }

  /// Compares some pairs and records what came of it.
  void compare(std::span<const Pair> pairs) {
    std::vector<const Pair*> open;
    std::vector<Question> questions;
    for (const auto& pair : pairs) {
      if (const auto found = known_.find(key_of(pair.first, pair.second)); found != known_.end()) continue;
      auto question = question_of(pair);
      if (question.first.reply == question.second.reply) continue;
      open.push_back(&pair);
      questions.push_back(std::move(question));
    }
    auto judgements = annotator_.compare_all(questions);
    DROVER_CHECK_EQ(judgements.size(), questions.size(), "An annotator answers each question");
    const auto edits = edits_of(questions, judgements);
    ledger::Ledger::Batch batch(ledger_);
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!judgements[i]) continue;
      const auto id = record(questions[i], *open[i], *judgements[i], edits[i], plan_.stage, annotator_.name());
      known_[key_of(open[i]->first, open[i]->second)] = id;
    }
    batch.commit();
    ask_for_second_opinions(questions, open);
    for (const auto& pair : pairs) count(pair);
  }

  Collected finish() { return std::move(collected_); }

 private:
  Question question_of(const Pair& pair) const {
    Question question{.prompt = *ledger_.find(prompts_[pair.prompt]),
                      .first = *ledger_.find(pair.first),
                      .second = *ledger_.find(pair.second),
                      .unit = plan_.unit};
    // With tools, a dialog is annotated message by message (Llama 3 report, 4.3.5).
    const auto& dialog = question.prompt.dialog;
    if (!dialog.tools.empty() || !dialog.core_tools.empty()) question.unit = ledger::ComparisonUnit::kMessage;
    return question;
  }

  std::vector<std::optional<ledger::GenerationId>> edits_of(std::span<const Question> questions,
                                                            std::span<const std::optional<Judgement>> judgements) const {
    std::vector<std::optional<ledger::GenerationId>> edits(questions.size());
    if (plan_.editor == nullptr) return edits;
    std::vector<EditTask> tasks;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto& judgement = judgements[i];
      const bool is_open = judgement && judgement->preferred != Judgement::Preferred::kNeither && judgement->edited.empty();
      if (!is_open) continue;
      const bool second_wins = judgement->preferred == Judgement::Preferred::kSecond;
      tasks.push_back({.prompt = questions[i].prompt, .chosen = second_wins ? questions[i].second : questions[i].first});
      places.push_back(i);
    }
    const auto made = plan_.editor->edit(tasks);
    for (std::size_t k = 0; k < places.size(); ++k) {
      if (!made[k]) continue;
      // What the models say by chance must not come back as the reply that lost.
      const auto& question = questions[places[k]];
      const auto edited = ledger_.find(*made[k])->reply;
      const bool is_old = says_the_same(edited, question.first.reply) || says_the_same(edited, question.second.reply);
      if (!is_old) edits[places[k]] = made[k];
    }
    return edits;
  }

  ledger::ComparisonId record(const Question& question, const Pair& pair, const Judgement& judgement,
                              std::optional<ledger::GenerationId> edit, const std::string& stage, const std::string& annotator) {
    const bool second_wins = judgement.preferred == Judgement::Preferred::kSecond;
    const auto preferred = second_wins ? pair.second : pair.first;
    const auto who = judgement.annotator.empty() ? annotator : judgement.annotator;
    if (!judgement.edited.empty()) {
      ledger::Generation edited;
      edited.prompt = prompts_[pair.prompt];
      edited.stage = stage;
      edited.reply = judgement.edited;
      edited.kind = ledger::GenerationKind::kEdited;
      edited.origin = who;
      edited.edited_from = preferred;
      edit = ledger_.add(edited);
    }
    return ledger_.add(ledger::Comparison{.prompt = prompts_[pair.prompt],
                                          .stage = stage,
                                          .preferred = preferred,
                                          .other = second_wins ? pair.first : pair.second,
                                          .level = judgement.level,
                                          .annotator = who,
                                          .reason = judgement.reason,
                                          .unit = question.unit,
                                          .edited = edit.value_or(ledger::GenerationId()),
                                          .request = judgement.request});
  }

  void ask_for_second_opinions(std::span<const Question> questions, std::span<const Pair* const> pairs) {
    if (plan_.second_opinions.empty()) return;
    std::vector<Question> some;
    std::vector<const Pair*> their_pairs;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      base::RandomStream random(plan_.seed, "second opinion", static_cast<std::uint64_t>(pairs[i]->first.value()));
      if (random.uniform() >= plan_.second_opinion_share) continue;
      some.push_back(questions[i]);
      their_pairs.push_back(pairs[i]);
    }
    for (auto* annotator : plan_.second_opinions) {
      std::vector<Question> asked;
      std::vector<const Pair*> asked_pairs;
      for (std::size_t i = 0; i < some.size(); ++i) {
        if (!annotator->can_compare(some[i].prompt)) continue;
        asked.push_back(some[i]);
        asked_pairs.push_back(their_pairs[i]);
      }
      const auto judgements = annotator->compare_all(asked);
      ledger::Ledger::Batch batch(ledger_);
      for (std::size_t i = 0; i < asked.size(); ++i) {
        if (!judgements[i]) continue;  // nobody waits for a second opinion
        record(asked[i], *asked_pairs[i], *judgements[i], std::nullopt, second_opinions_of(plan_.stage), annotator->name());
      }
      batch.commit();
    }
  }

  void count(const Pair& pair) {
    auto& best = collected_.outcomes[pair.prompt].best;
    const auto found = known_.find(key_of(pair.first, pair.second));
    if (found == known_.end()) {
      const bool are_equal = ledger_.find(pair.first)->reply == ledger_.find(pair.second)->reply;
      ++(are_equal ? collected_.num_equal : collected_.num_waiting);
      if (are_equal && pair.is_first_of_prompt) best = pair.first;
      return;
    }
    const auto comparison = ledger_.find(found->second);
    collected_.comparisons.push_back(found->second);
    ++collected_.by_level[comparison->level];
    collected_.num_edited += comparison->edited.is_nothing() ? 0 : 1;
    if (pair.is_first_of_prompt) best = ranked_replies(*comparison).front();
  }

  std::span<const ledger::PromptId> prompts_;
  Annotator& annotator_;
  const CollectPlan& plan_;
  ledger::Ledger& ledger_;
  std::map<PairKey, ledger::ComparisonId> known_;
  Collected collected_;
};

// Each model answers all of its prompts at once: which two models meet on a prompt does not depend on what they answer, nor on which
// other prompts are there, since dialogs that wait for people are not.
std::vector<Pair> answered_pairs(std::span<const ledger::PromptId> prompts, std::span<const evaluate::Responder> responders,
                                 const CollectPlan& plan, ledger::Ledger& ledger, const base::OnProgress& on_progress) {
  std::vector<ModelPair> models;
  std::vector<std::vector<ledger::PromptId>> prompts_of(responders.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    base::RandomStream random(plan.seed, "pair of models", static_cast<std::uint64_t>(prompts[i].value()));
    models.push_back(choose_pair(responders.size(), random));
    for (const auto model : {models[i].first, models[i].second}) prompts_of[model].push_back(prompts[i]);
  }
  std::vector<std::map<ledger::PromptId, std::vector<ledger::GenerationId>>> replies(responders.size());
  for (std::size_t model = 0; model < responders.size(); ++model) {
    evaluate::ReplyPlan replies_plan{.stage = plan.stage,
                                     .sampling = plan.sampling,
                                     .num_replies = plan.comparisons_per_prompt,
                                     .prompts_per_batch = plan.prompts_per_batch};
    // The same random numbers would draw the same reply from two similar models, and there would be nothing to compare.
    replies_plan.sampling.seed = base::FieldHasher()
                                     .add(static_cast<std::int64_t>(plan.seed))
                                     .add(responders[model].generator->model_name())
                                     .finish()
                                     .low >>
                                 1U;
    const auto found = evaluate::recorded_replies(responders[model], prompts_of[model], replies_plan, ledger, on_progress);
    for (std::size_t i = 0; i < found.size(); ++i) replies[model][prompts_of[model][i]] = found[i];
  }
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (std::int64_t sample = 0; sample < plan.comparisons_per_prompt; ++sample) {
      const auto place = static_cast<std::size_t>(sample);
      pairs.push_back({.prompt = i,
                       .first = replies[models[i].first].at(prompts[i]).at(place),
                       .second = replies[models[i].second].at(prompts[i]).at(place),
                       .is_first_of_prompt = sample == 0});
    }
  }
  return pairs;
}

}  // namespace

std::string second_opinions_of(const std::string& stage) { return stage + " second opinions"; }

void Collected::add(const Collected& more) {
  comparisons.insert(comparisons.end(), more.comparisons.begin(), more.comparisons.end());
  for (const auto& [level, count] : more.by_level) by_level[level] += count;
  num_waiting += more.num_waiting;
  num_equal += more.num_equal;
  num_edited += more.num_edited;
  outcomes.insert(outcomes.end(), more.outcomes.begin(), more.outcomes.end());
}

Collected collect_comparisons(std::span<const ledger::PromptId> prompts,
                              std::span<const evaluate::Responder> responders, Annotator& annotator,
                              const CollectPlan& plan, ledger::Ledger& ledger, const base::OnProgress& on_progress) {
  require_two_models(responders);
  const auto pairs = answered_pairs(prompts, responders, plan, ledger, on_progress);
  Collection collection(prompts, annotator, plan, ledger);
  const auto batch_size = static_cast<std::size_t>(plan.prompts_per_batch);
  for (std::size_t begin = 0; begin < pairs.size(); begin += batch_size) {
    const auto size = std::min(batch_size, pairs.size() - begin);
    collection.compare(std::span(pairs).subspan(begin, size));
    if (!on_progress) continue;
    on_progress({.what = "comparing",
                 .done = static_cast<std::int64_t>(begin + size),
                 .total = static_cast<std::int64_t>(pairs.size()),
                 .unit = "pairs"});
  }
  return collection.finish();
}

std::vector<ledger::GenerationId> ranked_replies(const ledger::Comparison& comparison) {
  std::vector<ledger::GenerationId> ranked = {comparison.preferred, comparison.other};
  if (!comparison.edited.is_nothing()) ranked.insert(ranked.begin(), comparison.edited);
  return ranked;
}

chat::PreferenceRow preference_row(const ledger::Comparison& comparison, const ledger::Ledger& ledger) {
  DROVER_CHECK(comparison.level != chat::PreferenceLevel::kNone, "No preference is never trained on");
  const auto prompt = ledger.find(comparison.prompt);
  DROVER_CHECK(prompt.has_value(), "A comparison names a prompt that the ledger lacks");
  chat::PreferenceRow row{.prompt = prompt->dialog, .responses = {}, .levels = {comparison.level}};
  if (!comparison.edited.is_nothing()) row.levels.insert(row.levels.begin(), chat::PreferenceLevel::kBetter);
  for (const auto id : ranked_replies(comparison)) {
    const auto reply = ledger.find(id);
    DROVER_CHECK(reply.has_value(), "A comparison names a reply that the ledger lacks");
    row.responses.push_back(reply->reply);
  }
  return row;
}

}  // namespace drover::preference
