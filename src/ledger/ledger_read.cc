// Ledger: the functions that find facts.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "base/error.h"
#include "chat/dialog_json.h"
#include "ledger/compact_text.h"
#include "ledger/ledger.h"
#include "ledger/ledger_store.h"

namespace drover::ledger {
namespace {

using soci::into;
using soci::use;

chat::Message message_from(const std::string& text) {
  return chat::messages_from_json(chat::Json::array({chat::Json::parse(text)}), "ledger message").at(0);
}

// The messages from below `until` (nothing: from the first) to `last`.
std::vector<chat::Message> path_to(soci::session& sql, std::int64_t last, std::int64_t until) {
  std::vector<chat::Message> messages;
  for (std::int64_t node = last; node != until && node != 0;) {
    std::int64_t parent = 0;
    std::string text;
    sql << "select parent, message from nodes where id = :node", use(node, "node"), into(parent), into(text);
    DROVER_CHECK(sql.got_data(), "A message of the ledger is missing");
    messages.push_back(message_from(text));
    node = parent;
  }
  std::reverse(messages.begin(), messages.end());
  return messages;
}

template <typename Value>
Value column(const soci::row& row, std::size_t index) {
  return row.get<Value>(index);
}

template <typename Id>
std::vector<Id> ids_of(soci::rowset<std::int64_t>&& rows) {
  std::vector<Id> ids;
  for (const auto id : rows) ids.push_back(Id(id));
  return ids;
}

// Rows whose name begins with hexadecimal digits form one range of numbers.
struct HexRange {
  std::int64_t first = 0;
  std::int64_t last = -1;
};
HexRange range_of(std::string_view hex) {
  if (hex.empty() || hex.size() > 16) return {};
  std::uint64_t value = 0;
  for (const char digit : hex) {
    const auto at = std::string_view("0123456789abcdef")
                        .find(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit);
    if (at == std::string_view::npos) return {};
    value = value << 4U | at;
  }
  const auto open_bits = static_cast<unsigned>(64 - 4 * hex.size());
  const std::uint64_t first = open_bits == 64 ? 0 : value << open_bits;
  const std::uint64_t last = first | (open_bits == 0 ? 0 : ~std::uint64_t{0} >> (64U - open_bits));
  if (first > static_cast<std::uint64_t>(INT64_MAX)) return {};
  return {static_cast<std::int64_t>(first), static_cast<std::int64_t>(std::min<std::uint64_t>(last, INT64_MAX))};
}

std::vector<Decision> decisions_in(soci::rowset<soci::row>&& rows) {
  std::vector<Decision> decisions;
  for (const auto& row : rows) {
    decisions.push_back({.generation = GenerationId(std::stoll(column<std::string>(row, 0))),
                         .stage = column<std::string>(row, 1),
                         .rule = column<std::string>(row, 2),
                         .is_kept = column<std::string>(row, 3) == "1",
                         .reason = column<std::string>(row, 4)});
  }
  return decisions;
}

std::vector<TrainingRow> training_rows_by(soci::session& sql, const std::vector<std::int64_t>& ids) {
  std::vector<TrainingRow> rows;
  for (const auto id : ids) {
    TrainingRow row;
    sql << "select stage, ordinal, kind from training_rows where id = :id", use(id, "id"), into(row.stage),
        into(row.ordinal), into(row.kind);
    row.generations = ids_of<GenerationId>(
        (sql.prepare << "select generation from training_row_generations where training_row = :id order by place",
         use(id, "id")));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ModelFact> models_where(soci::session& sql, const std::string& condition, const std::string& value) {
  std::vector<ModelFact> models;
  ModelFact model;
  soci::statement statement =
      (sql.prepare << "select hash, name, stage, folder, made_by, data, options from models where " + condition +
                          " order by seq",
       use(value, "value"), into(model.hash), into(model.name), into(model.stage), into(model.folder),
       into(model.made_by), into(model.data), into(model.options));
  statement.execute();
  while (statement.fetch()) models.push_back(model);
  for (auto& found : models) {
    ModelFact::Parent parent;
    soci::statement parents =
        (sql.prepare
             << "select parent, weight from model_parents where model = :model and stage = :stage order by place",
         use(found.hash, "model"), use(found.stage, "stage"), into(parent.hash), into(parent.weight));
    parents.execute();
    while (parents.fetch()) found.parents.push_back(parent);
  }
  return models;
}

}  // namespace

std::optional<Prompt> Ledger::find(PromptId id) const {
  return store_->guarded([&]() -> std::optional<Prompt> {
    auto& sql = store_->sql;
    const auto name = id.value();
    Prompt prompt;
    std::int64_t node = 0;
    std::string setting;
    std::string tags;
    double difficulty = 0;
    soci::indicator is_rated = soci::i_null;
    sql << "select node, setting, source, licence, tags, difficulty, checker, expected from prompts where id = :id",
        use(name, "id"), into(node), into(setting), into(prompt.source), into(prompt.licence), into(tags),
        into(difficulty, is_rated), into(prompt.checker), into(prompt.expected);
    if (!sql.got_data()) return std::nullopt;
    chat::read_dialog_extras(chat::Json::parse(setting), prompt.dialog);
    prompt.dialog.messages = path_to(sql, node, 0);
    prompt.tags = chat::Json::parse(tags).get<std::vector<std::string>>();
    if (is_rated == soci::i_ok) prompt.difficulty = difficulty;
    return prompt;
  });
}

std::optional<Generation> Ledger::find(GenerationId id) const {
  return store_->guarded([&]() -> std::optional<Generation> {
    auto& sql = store_->sql;
    const auto name = id.value();
    Generation generation;
    std::int64_t prompt = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::string ids;
    std::string log_probs;
    sql << "select prompt, stage, sample, model, tokenizer, ids, log_probs, first_node, last_node, fault, options from "
           "generations "
           "where id = :id",
        use(name, "id"), into(prompt), into(generation.stage), into(generation.sample), into(generation.model),
        into(generation.tokenizer), into(ids), into(log_probs), into(first), into(last), into(generation.fault),
        into(generation.options);
    if (!sql.got_data()) return std::nullopt;
    generation.prompt = PromptId(prompt);
    generation.ids = unpack_ids(ids);
    generation.log_probs = unpack_floats(log_probs);
    if (last != 0) {
      std::int64_t before = 0;
      sql << "select parent from nodes where id = :first", use(first, "first"), into(before);
      generation.reply = path_to(sql, last, before);
    }
    return generation;
  });
}

std::optional<Comparison> Ledger::find(ComparisonId id) const {
  return store_->guarded([&]() -> std::optional<Comparison> {
    auto& sql = store_->sql;
    const auto name = id.value();
    Comparison comparison;
    std::int64_t prompt = 0;
    std::int64_t preferred = 0;
    std::int64_t other = 0;
    std::int64_t level = 0;
    sql << "select prompt, stage, preferred, other, level, annotator, reason from comparisons where id = :id",
        use(name, "id"), into(prompt), into(comparison.stage), into(preferred), into(other), into(level),
        into(comparison.annotator), into(comparison.reason);
    if (!sql.got_data()) return std::nullopt;
    comparison.prompt = PromptId(prompt);
    comparison.preferred = GenerationId(preferred);
    comparison.other = GenerationId(other);
    comparison.level = static_cast<chat::PreferenceLevel>(level);
    return comparison;
  });
}

std::optional<ModelFact> Ledger::find_model(std::string_view hash) const {
  return store_->guarded([&]() -> std::optional<ModelFact> {
    auto models = models_where(store_->sql, "hash = :value", std::string(hash));
    if (models.empty()) return std::nullopt;
    return std::move(models.back());
  });
}

std::optional<StageBegin> Ledger::find_stage(std::string_view key) const {
  return store_->guarded([&]() -> std::optional<StageBegin> {
    StageBegin stage;
    stage.key = key;
    std::string seed;
    store_->sql << "select name, revision, inputs, options, seed from stages where key = :key", use(stage.key, "key"),
        into(stage.name), into(stage.revision), into(stage.inputs), into(stage.options), into(seed);
    if (!store_->sql.got_data()) return std::nullopt;
    stage.seed = std::stoull(seed);
    return stage;
  });
}

std::optional<StageEnd> Ledger::find_stage_end(std::string_view key) const {
  return store_->guarded([&]() -> std::optional<StageEnd> {
    StageEnd end;
    end.key = key;
    store_->sql << "select seconds, output, hash from stage_ends where key = :key order by seq desc limit 1",
        use(end.key, "key"), into(end.seconds), into(end.output), into(end.hash);
    if (!store_->sql.got_data()) return std::nullopt;
    return end;
  });
}

std::vector<GenerationId> Ledger::replies(std::string_view stage, PromptId prompt) const {
  return store_->guarded([&] {
    const std::string key(stage);
    const auto id = prompt.value();
    return ids_of<GenerationId>((store_->sql.prepare
                                     << "select id from generations where stage = :stage and prompt = :prompt "
                                        "order by model, sample",
                                 use(key, "stage"), use(id, "prompt")));
  });
}

std::vector<GenerationId> Ledger::replies_to(PromptId prompt) const {
  return store_->guarded([&] {
    const auto id = prompt.value();
    return ids_of<GenerationId>(
        (store_->sql.prepare << "select id from generations where prompt = :prompt order by seq", use(id, "prompt")));
  });
}

std::vector<GenerationId> Ledger::generations_of(std::string_view stage) const {
  return store_->guarded([&] {
    const std::string key(stage);
    return ids_of<GenerationId>(
        (store_->sql.prepare << "select id from generations where stage = :stage order by seq", use(key, "stage")));
  });
}

std::vector<ComparisonId> Ledger::comparisons_of(std::string_view stage) const {
  return store_->guarded([&] {
    const std::string key(stage);
    return ids_of<ComparisonId>(
        (store_->sql.prepare << "select id from comparisons where stage = :stage order by seq", use(key, "stage")));
  });
}

std::vector<Decision> Ledger::decisions_of(std::string_view stage) const {
  return store_->guarded([&] {
    const std::string key(stage);
    return decisions_in((store_->sql.prepare
                             << "select cast(generation as text), stage, rule, cast(is_kept as text), reason from "
                                "decisions where stage = :stage order by seq",
                         use(key, "stage")));
  });
}

std::vector<Decision> Ledger::decisions_of(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    return decisions_in((store_->sql.prepare
                             << "select cast(generation as text), stage, rule, cast(is_kept as text), reason from "
                                "decisions where generation = :id order by seq",
                         use(id, "id")));
  });
}

std::vector<TrainingRow> Ledger::training_rows_of(std::string_view stage) const {
  return store_->guarded([&] {
    const std::string key(stage);
    std::vector<std::int64_t> ids;
    for (const auto id : soci::rowset<std::int64_t>(
             (store_->sql.prepare << "select id from training_rows where stage = :stage order by seq",
              use(key, "stage")))) {
      ids.push_back(id);
    }
    return training_rows_by(store_->sql, ids);
  });
}

std::vector<TrainingRow> Ledger::training_rows_with(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    std::vector<std::int64_t> ids;
    for (const auto row : soci::rowset<std::int64_t>(
             (store_->sql.prepare
                  << "select training_row from training_row_generations where generation = :id order by seq",
              use(id, "id")))) {
      ids.push_back(row);
    }
    return training_rows_by(store_->sql, ids);
  });
}

std::vector<ModelFact> Ledger::models_of(std::string_view stage) const {
  return store_->guarded([&] { return models_where(store_->sql, "stage = :value", std::string(stage)); });
}

std::vector<Metric> Ledger::metrics_of(std::string_view stage) const {
  return store_->guarded([&] {
    const std::string key(stage);
    std::vector<Metric> metrics;
    Metric metric;
    double low = 0;
    double high = 0;
    soci::indicator has_low = soci::i_null;
    soci::indicator has_high = soci::i_null;
    soci::statement statement =
        (store_->sql.prepare << "select stage, name, subject, step, value, low, high, count from metrics where stage = "
                                ":stage order by seq",
         use(key, "stage"), into(metric.stage), into(metric.name), into(metric.subject), into(metric.step),
         into(metric.value), into(low, has_low), into(high, has_high), into(metric.count));
    statement.execute();
    while (statement.fetch()) {
      metric.low = has_low == soci::i_ok ? std::optional(low) : std::nullopt;
      metric.high = has_high == soci::i_ok ? std::optional(high) : std::nullopt;
      metrics.push_back(metric);
    }
    return metrics;
  });
}

std::vector<Score> Ledger::scores_of(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    std::vector<Score> scores;
    Score score{.generation = generation, .stage = {}, .scorer = {}};
    soci::statement statement =
        (store_->sql.prepare << "select stage, scorer, value from scores where generation = :id order by seq",
         use(id, "id"), into(score.stage), into(score.scorer), into(score.value));
    statement.execute();
    while (statement.fetch()) scores.push_back(score);
    return scores;
  });
}

std::vector<CheckedAnswer> Ledger::checked_answers_of(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    std::vector<CheckedAnswer> answers;
    CheckedAnswer answer{.generation = generation, .stage = {}, .checker = {}, .answer = {}, .reason = {}};
    std::int64_t is_right = 0;
    soci::statement statement = (store_->sql.prepare << "select stage, checker, is_right, answer, reason from "
                                                        "checked_answers where generation = :id order by seq",
                                 use(id, "id"), into(answer.stage), into(answer.checker), into(is_right),
                                 into(answer.answer), into(answer.reason));
    statement.execute();
    while (statement.fetch()) {
      answer.is_right = is_right != 0;
      answers.push_back(answer);
    }
    return answers;
  });
}

std::vector<ComparisonId> Ledger::comparisons_with(GenerationId generation) const {
  return store_->guarded([&] {
    const auto id = generation.value();
    return ids_of<ComparisonId>(
        (store_->sql.prepare << "select id from comparisons where preferred = :id or other = :other order by seq",
         use(id, "id"), use(id, "other")));
  });
}

std::vector<ModelFact> Ledger::descendants_of(std::span<const std::string> training_stages) const {
  return store_->guarded([&] {
    std::vector<ModelFact> found;
    std::set<std::string> seen;
    const auto take = [&](std::vector<ModelFact>&& models) {
      for (auto& model : models) {
        if (seen.insert(model.stage + " " + model.hash).second) found.push_back(std::move(model));
      }
    };
    for (const auto& stage : training_stages) take(models_where(store_->sql, "stage = :value", stage));
    for (std::size_t next = 0; next < found.size(); ++next) {
      const auto parent = found[next].hash;
      std::vector<std::string> children;
      for (const auto& child : soci::rowset<std::string>(
               (store_->sql.prepare << "select model from model_parents where parent = :parent order by seq",
                use(parent, "parent")))) {
        children.push_back(child);
      }
      for (const auto& child : children) take(models_where(store_->sql, "hash = :value", child));
    }
    return found;
  });
}

std::vector<GenerationId> Ledger::generations_beginning(std::string_view hex) const {
  const auto range = range_of(hex);
  return store_->guarded([&] {
    return ids_of<GenerationId>(
        (store_->sql.prepare << "select id from generations where id between :first and :last order by id limit 20",
         use(range.first, "first"), use(range.last, "last")));
  });
}

std::vector<PromptId> Ledger::prompts_beginning(std::string_view hex) const {
  const auto range = range_of(hex);
  return store_->guarded([&] {
    return ids_of<PromptId>(
        (store_->sql.prepare << "select id from prompts where id between :first and :last order by id limit 20",
         use(range.first, "first"), use(range.last, "last")));
  });
}

std::optional<Ledger::Run> Ledger::latest_run() const {
  return store_->guarded([&]() -> std::optional<Run> {
    Run run;
    store_->sql << "select run, recipe_name, recipe_text from runs order by seq desc limit 1", into(run.run),
        into(run.recipe_name), into(run.recipe_text);
    if (!store_->sql.got_data()) return std::nullopt;
    return run;
  });
}

std::vector<std::string> Ledger::stages_of_run(std::string_view run) const {
  return store_->guarded([&] {
    const std::string key(run);
    std::vector<std::string> stages;
    for (const auto& stage : soci::rowset<std::string>(
             (store_->sql.prepare << "select stage from run_stages where run = :run order by ordinal",
              use(key, "run")))) {
      stages.push_back(stage);
    }
    return stages;
  });
}

std::vector<std::pair<std::string, std::int64_t>> Ledger::counts() const {
  return store_->guarded([&] {
    std::vector<std::pair<std::string, std::int64_t>> counts;
    for (const char* table : {"prompts", "generations", "scores", "checked_answers", "comparisons", "decisions",
                              "training_rows", "models", "stage_ends", "metrics"}) {
      std::int64_t count = 0;
      store_->sql << "select count(*) from " << table, into(count);
      counts.emplace_back(table, count);
    }
    return counts;
  });
}

}  // namespace drover::ledger
