#include "rounds/curation.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "curate/cleaning.h"
#include "curate/decontamination.h"
#include "curate/dialog_vectors.h"
#include "curate/difficulty.h"
#include "curate/judging.h"
#include "curate/mix.h"
#include "curate/mix_table.h"
#include "curate/near_duplicates.h"
#include "curate/quality.h"
#include "curate/topics.h"
#include "evaluate/recorded_replies.h"
#include "generate/scorer.h"
#include "model/encoder.h"
#include "model/model_path.h"
#include "rounds/steering.h"

namespace drover::rounds {
namespace {

constexpr std::size_t kScoresPerBatch = 1000;  // each batch waits for the disk once

/// A reply on its way through curation.
struct Candidate {
  ledger::GenerationId generation;
  curate::Row row;
  std::string fault;
};

class Curation {
 public:
  Curation(Workspace& work, const std::string& stage, const CurationPlan& plan)
      : work_(work), section_(work.recipe.curate), stage_(stage), plan_(plan) {
    for (const auto& set : plan.candidates) {
      for (const auto& decision : work.ledger.decisions_of(set.stage)) {
        if (decision.is_kept) candidates_.push_back(candidate(decision.generation, set.stage));
      }
    }
  }

  void clean() {
    std::vector<chat::Dialog> dialogs;
    std::vector<std::string> faults;
    for (const auto& each : candidates_) {
      dialogs.push_back(each.row.dialog);
      faults.push_back(each.fault);
    }
    const auto before = dialogs;
    curate::CleaningOptions options;
    options.max_emojis = section_.max_emojis;
    options.max_exclamation_marks = section_.max_exclamation_marks;
    options.drop_cut = !work_.recipe.reject.allow_cut;  // what may win may be learned
    options.drop_malformed = section_.drop_malformed;
    options.drop_duplicates = section_.drop_duplicates;
    options.openings.apology_share = section_.apology_share;
    options.openings.seed = work_.seed(stage_);
    const auto cleaned = curate::clean(dialogs, faults, options);
    ledger::Ledger::Batch batch(work_.ledger);
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (dialogs[i] == before[i]) continue;
      candidates_[i].generation = rewritten(candidates_[i], dialogs[i], cleaned.decisions[i].reason);
      candidates_[i].row.dialog = std::move(dialogs[i]);
    }
    batch.commit();
    keep(cleaned.decisions);
  }

  void decontaminate(const PromptPool& pool) {
    std::vector<chat::Dialog> dialogs;
    for (const auto& each : candidates_) dialogs.push_back(each.row.dialog);
    keep(curate::decontaminate(dialogs, pool.decontaminator(section_.leak_window_words)));
  }

  void sort_into_topics() {
    if (section_.topics.empty() || candidates_.empty()) return;
    auto sorted = rows();
    if (section_.topics == "judge") {
      RunJudge judge(work_, plan_.judge, work_.seed(stage_));
      if (judge.get() == nullptr) {
        const auto count = std::ssize(candidates_);
        add_metric("topic", "no judge", static_cast<double>(count), count);
        return;
      }
      curate::fill_topics(sorted, *curate::prompted_topics(*judge.get()));
    } else {
      const auto model = model::Model::load(work_.recipe.model_path(section_.topics), {.compute_type = work_.compute_type()});
      curate::fill_topics(sorted, *curate::trained_topics(model, work_.format(*model), work_.on_progress));
    }
    std::map<std::string, std::int64_t> counts;
    ledger::Ledger::Batch batch(work_.ledger);
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      auto& row = candidates_[i].row;
      row.topic = std::move(sorted[i].topic);
      row.subtopic = std::move(sorted[i].subtopic);
      if (row.topic.empty()) {
        ++counts["unknown"];
        continue;
      }
      const auto both = row.subtopic.empty() ? row.topic : row.topic + " / " + row.subtopic;
      ++counts[both];
      work_.ledger.add(ledger::Score{.generation = candidates_[i].generation, .stage = stage_, .scorer = "topic", .value = 1, .reason = both});
    }
    for (const auto& [topic, count] : counts) add_metric("topic", topic, static_cast<double>(count), count);
    batch.commit();
  }

  void rate_difficulty() {
    // Where quality is asked for, both are (`keep_high_quality`).
    if (!section_.difficulty || section_.reward_share < 1 || candidates_.empty()) return;
    RunJudge judge(work_, plan_.judge, work_.seed(stage_));
    if (judge.get() == nullptr) return;
    auto rated = rows();
    ask_how_hard(rated, *judge.get());
    for (std::size_t i = 0; i < rated.size(); ++i) candidates_[i].row = std::move(rated[i]);
    record_difficulty();
  }

  void keep_high_quality() {
    if (section_.reward_share >= 1) return;
    score_the_unscored();
    ask_the_judge();
    record_difficulty();
    keep(curate::high_quality(rows(), {.reward_share = section_.reward_share, .use_judge = judge_answered_}));
  }

  void drop_near_duplicates() {
    if (section_.encoder.empty() || candidates_.empty()) return;
    const auto encoder = model::Encoder::load(work_.recipe.model_path(section_.encoder), {.compute_type = work_.compute_type()});
    std::vector<chat::Dialog> dialogs;
    for (const auto& each : candidates_) dialogs.push_back(each.row.dialog);
    base::ThreadPool pool(1);
    const auto found = curate::find_near_duplicates(
        curate::embed_dialogs(dialogs, *encoder, work_.on_progress), curate::worth_of(rows()),
        {.threshold = section_.duplicate_threshold,
         .against = section_.against == "kept" ? curate::Against::kKept : curate::Against::kAllEarlier,
         .seed = work_.seed(stage_)},
        pool);
    keep(found.decisions);
  }

  TrainingMix mix() {
    curate::MixOptions options;
    options.shares = section_.shares;
    options.epochs = section_.epochs;
    options.rows = section_.rows;
    options.max_epochs = section_.max_epochs;
    options.seed = work_.seed(stage_);
    leave_out_absent(options);
    TrainingMix mix{.stage = stage_, .entries = {}, .content = {}};
    if (candidates_.empty() || !has_any_share(options)) return mix;
    if (section_.shares.empty() && options.epochs.empty()) {
      options.rows = 0;
      for (const auto& each : candidates_) options.epochs[each.row.capability] = 1;
    }
    const auto all = rows();
    const auto mixed = curate::mix_rows(all, options);
    base::FieldHasher content;
    ledger::Ledger::Batch batch(work_.ledger);
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const auto copies = mixed.copies[i];
      decide(i, copies > 0, mixed.decisions[i].rule, mixed.decisions[i].reason);
      if (copies == 0) continue;
      mix.entries.push_back({candidates_[i].generation, copies});
      content.add(candidates_[i].generation.value()).add(copies).add(text_of(candidates_[i].row.dialog));
    }
    batch.commit();
    mix.content = content.finish().hex();
    const auto& tokenizer = work_.load(plan_.reward_model)->tokenizer();
    mix.table = curate::json_of(curate::sft_table(all, mixed.copies, [&](std::string_view text) {
      return static_cast<std::int64_t>(tokenizer.encode(text).size());
    }));
    return mix;
  }

 private:
  void add_metric(const std::string& name, const std::string& subject, double value, std::int64_t count) {
    work_.ledger.add(ledger::Metric{
        .stage = stage_, .name = name, .subject = subject, .step = 0, .value = value, .low = {}, .high = {}, .count = count});
  }

  // The judge's points of each reply, and their mean by capability; and how many intentions it found behind the prompt.
  void record_difficulty() {
    std::map<std::string, std::pair<double, std::int64_t>> sums;
    ledger::Ledger::Batch batch(work_.ledger);
    for (const auto& each : candidates_) {
      if (const auto count = curate::num_intentions(each.row)) {
        work_.ledger.add(ledger::Score{
            .generation = each.generation, .stage = stage_, .scorer = "judge intentions", .value = static_cast<double>(*count)});
      }
      if (!each.row.difficulty) continue;
      auto& [sum, count] = sums[each.row.capability];
      sum += *each.row.difficulty;
      ++count;
      work_.ledger.add(
          ledger::Score{.generation = each.generation, .stage = stage_, .scorer = "judge difficulty", .value = *each.row.difficulty});
    }
    for (const auto& [capability, sum] : sums)
      add_metric("difficulty", capability, sum.first / static_cast<double>(sum.second), sum.second);
    batch.commit();
  }

  // A capability that the mix names may have no rows in one round; that is counted as the metric "absent from the mix".
  void leave_out_absent(curate::MixOptions& options) {
    std::set<std::string> present;
    for (const auto& each : candidates_) present.insert(each.row.capability);
    for (auto* amounts : {&options.shares, &options.epochs}) {
      std::erase_if(*amounts, [&](const auto& amount) {
        if (present.contains(amount.first)) return false;
        add_metric("absent from the mix", amount.first, amount.second, 0);
        return true;
      });
    }
  }

  // Where every capability with a share is absent, the mix is empty: what the recipe left out is no substitute.
  bool has_any_share(const curate::MixOptions& options) const {
    return section_.shares.empty() ||
           std::any_of(options.shares.begin(), options.shares.end(), [](const auto& share) { return share.second > 0; });
  }

  Candidate candidate(ledger::GenerationId id, const std::string& from_stage) const {
    const auto generation = *work_.ledger.find(id);
    const auto prompt = *work_.ledger.find(generation.prompt);
    Candidate made{.generation = id, .row = {}, .fault = generation.fault};
    made.row.dialog = work_.recipe.reject.keep_system_prompt ? prompt.dialog : without_steering(work_.recipe, prompt);
    made.row.dialog.messages.insert(made.row.dialog.messages.end(), generation.reply.begin(), generation.reply.end());
    made.row.capability = capability_of(prompt);
    made.row.source = prompt.source;
    for (const auto& score : work_.ledger.scores_of(id)) {
      if (score.stage == from_stage) made.row.reward = score.value;
    }
    return made;
  }

  static std::string text_of(const chat::Dialog& dialog) { return evaluate::text_of(dialog.messages); }

  ledger::GenerationId rewritten(const Candidate& before, const chat::Dialog& dialog, const std::string& reason) {
    const auto original = *work_.ledger.find(before.generation);
    ledger::Generation generation;
    generation.prompt = original.prompt;
    generation.stage = stage_;
    generation.sample = original.sample;
    generation.model = original.model;
    generation.reply.assign(dialog.messages.end() - static_cast<std::ptrdiff_t>(original.reply.size()),
                            dialog.messages.end());
    generation.kind = ledger::GenerationKind::kEdited;
    generation.origin = "cleaning";
    generation.edited_from = before.generation;
    const auto id = work_.ledger.add(generation);
    work_.ledger.add(ledger::Decision{
        .generation = before.generation, .stage = stage_, .rule = "rewritten", .is_kept = false, .reason = reason});
    return id;
  }

  std::vector<curate::Row> rows() const {
    std::vector<curate::Row> all;
    for (const auto& each : candidates_) all.push_back(each.row);
    return all;
  }

  void score_the_unscored() {
    if (section_.reward_share <= 0) return;
    const auto model = work_.load(plan_.reward_model);
    generate::Scorer scorer(model, work_.format(*model));
    std::vector<curate::Decision> decisions;
    std::vector<ledger::Score> unwritten;
    for (auto& each : candidates_) {
      auto& decision = decisions.emplace_back();
      decision.index = decisions.size() - 1;
      if (each.row.reward) continue;
      const auto generation = *work_.ledger.find(each.generation);
      auto prompt = each.row.dialog;
      prompt.messages.resize(prompt.messages.size() - generation.reply.size());
      const std::vector<chat::Message> replies[] = {generation.reply};
      try {
        each.row.reward = scorer.rewards(prompt, replies).at(0);
      } catch (const base::UserError& error) {
        // Longer than the reward model reads.
        decision.kept = false;
        decision.rule = "no reward";
        decision.reason = error.what();
        continue;
      }
      unwritten.push_back(
          {.generation = each.generation, .stage = stage_, .scorer = plan_.reward_model.hash, .value = *each.row.reward});
      if (unwritten.size() == kScoresPerBatch) write(unwritten);
    }
    write(unwritten);
    keep(decisions);
  }

  void write(std::vector<ledger::Score>& scores) {
    ledger::Ledger::Batch batch(work_.ledger);
    for (const auto& score : scores) work_.ledger.add(score);
    batch.commit();
    scores.clear();
  }

  void ask_the_judge() {
    RunJudge judge(work_, plan_.judge, work_.seed(stage_));
    if (judge.get() == nullptr) return;
    std::vector<curate::Row> judged = rows();
    judge_answered_ = curate::judge_quality(judged, *judge.get()) > 0;
    ask_how_hard(judged, *judge.get());
    for (std::size_t i = 0; i < judged.size(); ++i) candidates_[i].row = std::move(judged[i]);
  }

  // Intentions cost a list an answer, so they are asked for only where the recipe wants difficulty.
  void ask_how_hard(std::span<curate::Row> rows, judge::Judge& judge) const {
    curate::judge_difficulty(rows, judge);
    if (section_.difficulty) curate::tag_intentions(rows, judge);
  }

  void decide(std::size_t index, bool is_kept, const std::string& rule, const std::string& reason) {
    work_.ledger.add(ledger::Decision{.generation = candidates_[index].generation,
                                      .stage = stage_,
                                      .rule = rule,
                                      .is_kept = is_kept,
                                      .reason = reason});
  }

  // Records what goes, and forgets it. Batches are short: people may answer while models are busy.
  void keep(std::span<const curate::Decision> decisions) {
    ledger::Ledger::Batch batch(work_.ledger);
    std::vector<Candidate> kept;
    for (const auto& decision : decisions) {
      if (decision.kept) {
        kept.push_back(std::move(candidates_[decision.index]));
      } else {
        decide(decision.index, false, decision.rule, decision.reason);
      }
    }
    batch.commit();
    candidates_ = std::move(kept);
  }

  Workspace& work_;
  const CurateSection& section_;
  std::string stage_;
  const CurationPlan& plan_;
  std::vector<Candidate> candidates_;
  bool judge_answered_ = false;
};

}  // namespace

std::string TrainingMix::hash() const { return content.empty() ? "empty" : content; }

chat::Json TrainingMix::to_json() const {
  auto list = chat::Json::array();
  for (const auto& entry : entries) list.push_back({entry.generation.value(), entry.copies});
  return {{"stage", stage}, {"content", content}, {"entries", std::move(list)}, {"table", table}, {"report_table", curate::json_of(curate::report_sft_lines())}};
}

TrainingMix TrainingMix::from_json(const chat::Json& json) {
  TrainingMix mix{.stage = json.at("stage"), .entries = {}, .content = json.at("content"), .table = json.at("table")};
  for (const auto& entry : json.at("entries"))
    mix.entries.push_back({ledger::GenerationId(entry.at(0).get<std::int64_t>()), entry.at(1).get<std::int64_t>()});
  return mix;
}

TrainingMix curate_replies(Workspace& work, const std::string& stage, const CurationPlan& plan, const PromptPool& pool) {
  Curation curation(work, stage, plan);
  curation.clean();
  curation.decontaminate(pool);
  curation.sort_into_topics();
  curation.rate_difficulty();
  curation.keep_high_quality();
  curation.drop_near_duplicates();
  return curation.mix();
}

}  // namespace drover::rounds
