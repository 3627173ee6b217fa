// Ledger: the functions that list the facts of a stage, a prompt or a reply.
#include <cstdint>
#include <string>
#include <vector>

#include "chat/dialog_json.h"
#include "ledger/ledger.h"
#include "ledger/ledger_store.h"

namespace drover::ledger {
namespace {

using soci::into;
using soci::use;

// `query` has one parameter and gives one column of ids.
template <typename Id>
std::vector<Id> ids_where(soci::session& sql, const char* query, std::int64_t value) {
  std::vector<Id> ids;
  for (const auto id : soci::rowset<std::int64_t>((sql.prepare << query, use(value, "value")))) ids.push_back(Id(id));
  return ids;
}

template <typename Store>
std::vector<Decision> decisions_where(Store& store, const std::string& column, std::int64_t value) {
  std::vector<Decision> decisions;
  std::int64_t generation = 0;
  std::int64_t stage = 0;
  std::int64_t rule = 0;
  std::int64_t is_kept = 0;
  std::string reason;
  double score = 0;
  soci::indicator has_score = soci::i_null;
  soci::statement statement = (store.sql.prepare << "select g.id, d.stage, d.rule, d.is_kept, d.reason, d.score "
                                                    "from decisions d join generations g on g.seq = d.generation "
                                                    "where d." +
                                                        column + " = :value order by d.seq",
                               use(value, "value"), into(generation), into(stage), into(rule), into(is_kept),
                               into(reason), into(score, has_score));
  statement.execute();
  while (statement.fetch()) {
    decisions.push_back({.generation = GenerationId(generation),
                         .stage = store.text(stage),
                         .rule = store.text(rule),
                         .is_kept = is_kept != 0,
                         .reason = reason,
                         .score = has_score == soci::i_ok ? std::optional(score) : std::nullopt});
  }
  return decisions;
}

template <typename Store>
std::vector<Score> scores_where(Store& store, const std::string& column, std::int64_t value) {
  std::vector<Score> scores;
  std::int64_t generation = 0;
  std::int64_t stage = 0;
  std::int64_t scorer = 0;
  double number = 0;
  std::string reason;
  soci::statement statement = (store.sql.prepare << "select g.id, s.stage, s.scorer, s.value, s.reason from scores "
                                                    "s join generations g on g.seq = s.generation where s." +
                                                        column + " = :value order by s.seq",
                               use(value, "value"), into(generation), into(stage), into(scorer), into(number),
                               into(reason));
  statement.execute();
  while (statement.fetch()) {
    scores.push_back({.generation = GenerationId(generation),
                      .stage = store.text(stage),
                      .scorer = store.text(scorer),
                      .value = number,
                      .reason = reason});
  }
  return scores;
}

template <typename Store>
std::vector<TrainingRow> training_rows_by(Store& store, const std::vector<TrainingRowId>& ids) {
  std::vector<TrainingRow> rows;
  for (const auto id : ids) {
    const auto name = id.value();
    std::int64_t stage = 0;
    std::int64_t kind = 0;
    TrainingRow row;
    store.sql << "select stage, ordinal, kind from training_rows where id = :id", use(name, "id"), into(stage),
        into(row.ordinal), into(kind);
    if (!store.sql.got_data()) continue;
    row.stage = store.text(stage);
    row.kind = store.text(kind);
    row.generations = ids_where<GenerationId>(
        store.sql, "select generation from training_row_generations where training_row = :value order by place", name);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::optional<TrainingRow> Ledger::find(TrainingRowId id) const {
  return store_->guarded([&]() -> std::optional<TrainingRow> {
    auto rows = training_rows_by(*store_, {id});
    if (rows.empty()) return std::nullopt;
    return std::move(rows[0]);
  });
}

std::optional<ComparisonRequest> Ledger::find(ComparisonRequestId id) const {
  return store_->guarded([&]() -> std::optional<ComparisonRequest> {
    const auto name = id.value();
    std::int64_t prompt = 0;
    std::int64_t stage = 0;
    std::int64_t first = 0;
    std::int64_t second = 0;
    std::int64_t unit = 0;
    std::int64_t annotator = 0;
    store_->sql << "select prompt, stage, first_reply, second_reply, unit, annotator from comparison_requests where "
                   "id = :id",
        use(name, "id"), into(prompt), into(stage), into(first), into(second), into(unit), into(annotator);
    if (!store_->sql.got_data()) return std::nullopt;
    return ComparisonRequest{.prompt = PromptId(prompt),
                             .stage = store_->text(stage),
                             .first = GenerationId(first),
                             .second = GenerationId(second),
                             .unit = static_cast<ComparisonUnit>(unit),
                             .annotator = store_->text(annotator)};
  });
}

std::vector<ComparisonRequestId> Ledger::requests_of(std::string_view stage) const {
  return store_->guarded([&] {
    return ids_where<ComparisonRequestId>(store_->sql,
                                          "select id from comparison_requests where stage = :value order by seq",
                                          store_->known_word(std::string(stage)));
  });
}

std::vector<ComparisonRequestId> Ledger::pending_requests(std::string_view stage) const {
  return store_->guarded([&] {
    const auto of_stage = stage.empty() ? 0 : store_->known_word(std::string(stage));
    if (!stage.empty() && of_stage == 0) return std::vector<ComparisonRequestId>();
    return ids_where<ComparisonRequestId>(
        store_->sql,
        stage.empty() ? "select r.id from comparison_requests r where :value = 0 and not exists (select 1 from "
                        "comparison_answers a where a.request = r.id) order by r.seq"
                      : "select r.id from comparison_requests r where r.stage = :value and not exists (select 1 from "
                        "comparison_answers a where a.request = r.id) order by r.seq",
        of_stage);
  });
}

std::vector<ComparisonAnswer> Ledger::answers_to(ComparisonRequestId request) const {
  return store_->guarded([&] {
    const auto id = request.value();
    std::vector<ComparisonAnswer> answers;
    std::int64_t annotator = 0;
    std::int64_t preferred = 0;
    std::int64_t level = 0;
    std::string reason;
    std::string edited;
    std::string time;
    soci::statement statement = (store_->sql.prepare
                                     << "select annotator, preferred, level, reason, edited, answered_at from "
                                        "comparison_answers where request = :id order by seq",
                                 use(id, "id"), into(annotator), into(preferred), into(level), into(reason),
                                 into(edited), into(time));
    statement.execute();
    while (statement.fetch()) {
      answers.push_back({.request = request,
                         .annotator = store_->text(annotator),
                         .preferred = static_cast<ComparisonAnswer::Preferred>(preferred),
                         .level = static_cast<chat::PreferenceLevel>(level),
                         .reason = reason,
                         .edited = edited.empty()
                                       ? std::vector<chat::Message>()
                                       : chat::messages_from_json(chat::Json::parse(edited), "edited reply"),
                         .answered_at = time});
    }
    return answers;
  });
}

std::vector<GenerationId> Ledger::replies(std::string_view stage, PromptId prompt) const {
  return store_->guarded([&] {
    const auto key = store_->known_word(std::string(stage));
    const auto id = store_->place_of(prompt).seq;
    std::vector<GenerationId> ids;
    // By a model's hash, not by its number, so that the order does not depend on who wrote first.
    for (const auto reply : soci::rowset<std::int64_t>(
             (store_->sql.prepare << "select g.id from generations g join words m on m.seq = g.model where g.prompt = "
                                     ":prompt and g.stage = :stage order by m.text, g.sample",
              use(id, "prompt"), use(key, "stage")))) {
      ids.push_back(GenerationId(reply));
    }
    return ids;
  });
}

std::vector<GenerationId> Ledger::replies_to(PromptId prompt) const {
  return store_->guarded([&] {
    return ids_where<GenerationId>(store_->sql, "select id from generations where prompt = :value order by seq",
                                   store_->place_of(prompt).seq);
  });
}

std::vector<GenerationId> Ledger::edits_of(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    // By the prompt's index: few replies are edits, which earns no index of its own.
    return ids_where<GenerationId>(store_->sql,
                                   "select e.id from generations g join generations e on e.prompt = g.prompt where "
                                   "g.id = :value and e.edited_from = g.id order by e.seq",
                                   id);
  });
}

std::vector<PromptId> Ledger::next_turns_of(PromptId prompt) const {
  return store_->guarded([&] {
    return ids_where<PromptId>(store_->sql, "select id from prompts where parent = :value order by seq",
                               prompt.value());
  });
}

std::vector<PromptId> Ledger::all_prompts() const {
  return store_->guarded(
      [&] { return ids_where<PromptId>(store_->sql, "select id from prompts where seq > :value order by seq", 0); });
}

std::vector<GenerationId> Ledger::all_generations() const {
  return store_->guarded([&] {
    return ids_where<GenerationId>(store_->sql, "select id from generations where seq > :value order by seq", 0);
  });
}

std::vector<ComparisonId> Ledger::all_comparisons() const {
  return store_->guarded([&] {
    return ids_where<ComparisonId>(store_->sql, "select id from comparisons where seq > :value order by seq", 0);
  });
}

std::vector<ComparisonRequestId> Ledger::all_requests() const {
  return store_->guarded([&] {
    return ids_where<ComparisonRequestId>(store_->sql,
                                          "select id from comparison_requests where seq > :value order by seq", 0);
  });
}

std::vector<TrainingRowId> Ledger::all_training_rows() const {
  return store_->guarded([&] {
    return ids_where<TrainingRowId>(store_->sql, "select id from training_rows where seq > :value order by seq", 0);
  });
}

std::vector<GenerationId> Ledger::generations_of(std::string_view stage) const {
  return store_->guarded([&] {
    return ids_where<GenerationId>(store_->sql, "select id from generations where stage = :value order by seq",
                                   store_->known_word(std::string(stage)));
  });
}

std::vector<ComparisonId> Ledger::comparisons_of(std::string_view stage) const {
  return store_->guarded([&] {
    return ids_where<ComparisonId>(store_->sql, "select id from comparisons where stage = :value order by seq",
                                   store_->known_word(std::string(stage)));
  });
}

std::vector<ComparisonId> Ledger::comparisons_with(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    std::vector<ComparisonId> ids;
    for (const auto found : soci::rowset<std::int64_t>(
             (store_->sql.prepare << "select id, seq from comparisons where preferred = :id union select id, seq from "
                                     "comparisons where other = :other union select id, seq from comparisons where "
                                     "edited = :edited order by 2",
              use(id, "id"), use(id, "other"), use(id, "edited")))) {
      ids.push_back(ComparisonId(found));
    }
    return ids;
  });
}

std::vector<Score> Ledger::scores_of(std::string_view stage) const {
  return store_->guarded(
      [&] { return scores_where(*store_, "stage", store_->known_word(std::string(stage))); });
}

std::vector<Score> Ledger::scores_of(GenerationId generation) const {
  return store_->guarded([&] { return scores_where(*store_, "generation", store_->seq_of(generation)); });
}

std::vector<CheckedAnswer> Ledger::checked_answers_of(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = store_->seq_of(generation);
    std::vector<CheckedAnswer> answers;
    CheckedAnswer answer{.generation = generation, .stage = {}, .checker = {}, .answer = {}, .reason = {}};
    std::int64_t stage = 0;
    std::int64_t checker = 0;
    std::int64_t is_right = 0;
    soci::statement statement = (store_->sql.prepare << "select stage, checker, is_right, answer, reason from "
                                                        "checked_answers where generation = :id order by seq",
                                 use(id, "id"), into(stage), into(checker), into(is_right), into(answer.answer),
                                 into(answer.reason));
    statement.execute();
    while (statement.fetch()) {
      answer.stage = store_->text(stage);
      answer.checker = store_->text(checker);
      answer.is_right = is_right != 0;
      answers.push_back(answer);
    }
    return answers;
  });
}

std::vector<Decision> Ledger::decisions_of(std::string_view stage) const {
  return store_->guarded(
      [&] { return decisions_where(*store_, "stage", store_->known_word(std::string(stage))); });
}

std::vector<Decision> Ledger::decisions_of(GenerationId generation) const {
  return store_->guarded([&] { return decisions_where(*store_, "generation", store_->seq_of(generation)); });
}

std::vector<TrainingRow> Ledger::training_rows_of(std::string_view stage) const {
  return store_->guarded([&] {
    return training_rows_by(*store_, ids_where<TrainingRowId>(
                                         store_->sql, "select id from training_rows where stage = :value order by seq",
                                         store_->known_word(std::string(stage))));
  });
}

std::vector<TrainingRow> Ledger::training_rows_with(GenerationId generation) const {
  return store_->guarded([&] {
    return training_rows_by(
        *store_, ids_where<TrainingRowId>(
                     store_->sql,
                     "select training_row from training_row_generations where generation = :value order by seq",
                     generation.value()));
  });
}

}  // namespace drover::ledger
