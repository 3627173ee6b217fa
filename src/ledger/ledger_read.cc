// Ledger: the functions that find facts.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "chat/dialog_json.h"
#include "ledger/compact_text.h"
#include "ledger/ledger.h"
#include "ledger/ledger_store.h"
#include "ledger/run_beginning.h"

namespace drover::ledger {
namespace {

using soci::into;
using soci::use;

// The messages from the first to `last`.
std::vector<chat::Message> path_to(soci::session& sql, std::int64_t last) {
  std::vector<chat::Message> messages;
  for (std::int64_t node = last; node != 0;) {
    std::int64_t parent = 0;
    std::string text;
    sql << "select parent, message from nodes where id = :node", use(node, "node"), into(parent), into(text);
    if (!sql.got_data()) throw base::UserError("The ledger is damaged: a message of a dialog is missing; restore the file from a copy.");
    messages.push_back(message_from(text));
    node = parent;
  }
  std::reverse(messages.begin(), messages.end());
  return messages;
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

// Ids of the rows of `table` whose name begins with these digits; more than a few help nobody.
template <typename Id>
std::vector<Id> beginning(soci::session& sql, const char* table, std::string_view hex) {
  const auto range = range_of(hex);
  return ids_of<Id>((sql.prepare << "select id from " << table
                                 << " where id between :first and :last order by id limit 20",
                     use(range.first, "first"), use(range.last, "last")));
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

void take_new(std::vector<ModelFact>&& models, std::set<std::string>& seen, std::vector<ModelFact>& found) {
  for (auto& model : models) {
    if (seen.insert(model.stage + " " + model.hash).second) found.push_back(std::move(model));
  }
}

// Appends the children of all that stands in `found`, and theirs.
void follow_children(soci::session& sql, std::set<std::string>& seen, std::vector<ModelFact>& found) {
  for (std::size_t next = 0; next < found.size(); ++next) {
    const auto parent = found[next].hash;
    std::vector<std::string> children;
    for (const auto& child : soci::rowset<std::string>(
             (sql.prepare << "select model from model_parents where parent = :parent order by seq",
              use(parent, "parent")))) {
      children.push_back(child);
    }
    for (const auto& child : children) take_new(models_where(sql, "hash = :value", child), seen, found);
  }
}

}  // namespace

std::optional<Prompt> Ledger::find(PromptId id) const {
  return store_->guarded([&]() -> std::optional<Prompt> {
    auto& sql = store_->sql;
    const auto name = id.value();
    Prompt prompt;
    std::int64_t node = 0;
    std::int64_t setting = 0;
    std::int64_t source = 0;
    std::int64_t licence = 0;
    std::int64_t tags = 0;
    std::int64_t checker = 0;
    std::int64_t parent = 0;
    double difficulty = 0;
    soci::indicator is_rated = soci::i_null;
    sql << "select node, setting, source, licence, tags, difficulty, checker, expected, parent, turn from prompts "
           "where id = :id",
        use(name, "id"), into(node), into(setting), into(source), into(licence), into(tags),
        into(difficulty, is_rated), into(checker), into(prompt.expected), into(parent), into(prompt.turn);
    if (!sql.got_data()) return std::nullopt;
    chat::read_dialog_extras(chat::Json::parse(store_->text(setting)), prompt.dialog);
    prompt.dialog.messages = path_to(sql, node);
    prompt.source = store_->text(source);
    prompt.licence = store_->text(licence);
    prompt.tags = chat::Json::parse(store_->text(tags)).get<std::vector<std::string>>();
    prompt.checker = store_->text(checker);
    prompt.parent = PromptId(parent);
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
    std::int64_t stage = 0;
    std::int64_t model = 0;
    std::int64_t tokenizer = 0;
    std::int64_t fault = 0;
    std::int64_t options = 0;
    std::int64_t kind = 0;
    std::int64_t origin = 0;
    std::int64_t edited_from = 0;
    std::string ids;
    std::string log_probs;
    std::string reply;
    sql << "select p.id, g.stage, g.sample, g.model, g.tokenizer, g.ids, g.log_probs, g.reply, g.fault, g.options, "
           "g.kind, g.origin, g.edited_from from generations g join prompts p on p.seq = g.prompt where g.id = :id",
        use(name, "id"), into(prompt), into(stage), into(generation.sample), into(model), into(tokenizer), into(ids),
        into(log_probs), into(reply), into(fault), into(options), into(kind), into(origin),
        into(edited_from);
    if (!sql.got_data()) return std::nullopt;
    generation.prompt = PromptId(prompt);
    generation.stage = store_->text(stage);
    generation.model = store_->text(model);
    generation.tokenizer = store_->text(tokenizer);
    generation.ids = unpack_ids(ids);
    generation.log_probs = unpack_floats(log_probs);
    generation.fault = store_->text(fault);
    generation.options = store_->text(options);
    generation.kind = static_cast<GenerationKind>(kind);
    generation.origin = store_->text(origin);
    generation.edited_from = GenerationId(edited_from);
    generation.reply = messages_from(reply);
    return generation;
  });
}

std::optional<Comparison> Ledger::find(ComparisonId id) const {
  return store_->guarded([&]() -> std::optional<Comparison> {
    auto& sql = store_->sql;
    const auto name = id.value();
    Comparison comparison;
    std::int64_t prompt = 0;
    std::int64_t stage = 0;
    std::int64_t preferred = 0;
    std::int64_t other = 0;
    std::int64_t edited = 0;
    std::int64_t level = 0;
    std::int64_t unit = 0;
    std::int64_t annotator = 0;
    std::int64_t request = 0;
    sql << "select prompt, stage, preferred, other, edited, level, unit, annotator, reason, request from comparisons "
           "where id = :id",
        use(name, "id"), into(prompt), into(stage), into(preferred), into(other), into(edited), into(level),
        into(unit), into(annotator), into(comparison.reason), into(request);
    if (!sql.got_data()) return std::nullopt;
    comparison.prompt = PromptId(prompt);
    comparison.stage = store_->text(stage);
    comparison.preferred = GenerationId(preferred);
    comparison.other = GenerationId(other);
    comparison.edited = GenerationId(edited);
    comparison.level = static_cast<chat::PreferenceLevel>(level);
    comparison.unit = static_cast<ComparisonUnit>(unit);
    comparison.annotator = store_->text(annotator);
    comparison.request = ComparisonRequestId(request);
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
    store_->sql << "select seconds, output, hash, ended_at from stage_ends where key = :key order by seq desc limit 1",
        use(end.key, "key"), into(end.seconds), into(end.output), into(end.hash),
        into(end.ended_at);
    if (!store_->sql.got_data()) return std::nullopt;
    return end;
  });
}

std::vector<ModelFact> Ledger::all_models() const {
  return store_->guarded([&] { return models_where(store_->sql, "hash >= :value", std::string()); });
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

std::vector<ModelFact> Ledger::descendants_of(std::span<const std::string> training_stages) const {
  return store_->guarded([&] {
    std::vector<ModelFact> found;
    std::set<std::string> seen;
    for (const auto& stage : training_stages)
      take_new(models_where(store_->sql, "stage = :value", stage), seen, found);
    follow_children(store_->sql, seen, found);
    return found;
  });
}

std::vector<ModelFact> Ledger::descendants_of_models(std::span<const std::string> hashes) const {
  return store_->guarded([&] {
    std::vector<ModelFact> found;
    std::set<std::string> seen;
    for (const auto& hash : hashes) take_new(models_where(store_->sql, "hash = :value", hash), seen, found);
    const auto num_own = static_cast<std::ptrdiff_t>(found.size());
    follow_children(store_->sql, seen, found);
    found.erase(found.begin(), found.begin() + num_own);
    return found;
  });
}

std::vector<Ledger::RowCount> Ledger::row_counts_of(std::string_view stage) const {
  return store_->guarded([&] {
    const auto key = store_->known_word(std::string(stage));
    std::vector<RowCount> counts;
    RowCount row;
    soci::statement statement =
        (store_->sql.prepare << "select k.text, s.text, count(*) from training_rows r join training_row_generations t "
                                "on t.training_row = r.id and t.place = 0 join generations g on g.id = t.generation "
                                "join prompts p on p.seq = g.prompt join words k on k.seq = r.kind join words s on "
                                "s.seq = p.source where r.stage = :stage group by k.text, s.text order by k.text, "
                                "s.text",
         use(key, "stage"), into(row.kind), into(row.source), into(row.count));
    statement.execute();
    while (statement.fetch()) counts.push_back(row);
    return counts;
  });
}

std::vector<GenerationId> Ledger::generations_beginning(std::string_view hex) const {
  return store_->guarded([&] { return beginning<GenerationId>(store_->sql, "generations", hex); });
}

std::vector<PromptId> Ledger::prompts_beginning(std::string_view hex) const {
  return store_->guarded([&] { return beginning<PromptId>(store_->sql, "prompts", hex); });
}

std::vector<ComparisonId> Ledger::comparisons_beginning(std::string_view hex) const {
  return store_->guarded([&] { return beginning<ComparisonId>(store_->sql, "comparisons", hex); });
}

std::vector<TrainingRowId> Ledger::training_rows_beginning(std::string_view hex) const {
  return store_->guarded([&] { return beginning<TrainingRowId>(store_->sql, "training_rows", hex); });
}

std::vector<std::string> Ledger::models_beginning(std::string_view hex) const {
  return store_->guarded([&] {
    std::vector<std::string> hashes;
    if (hex.empty() || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return hashes;
    std::string first(hex);
    for (auto& digit : first) digit = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    const auto last = first + "g";  // behind every digit
    for (const auto& hash : soci::rowset<std::string>(
             (store_->sql.prepare << "select distinct hash from models where hash >= :first and hash < :last order by "
                                     "hash limit 20",
              use(first, "first"), use(last, "last")))) {
      hashes.push_back(hash);
    }
    return hashes;
  });
}

std::optional<Ledger::Run> Ledger::latest_run() const {
  auto all = runs();
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

std::vector<Ledger::Run> Ledger::runs() const {
  return store_->guarded([&] {
    std::vector<Run> runs;
    Run run;
    soci::statement statement =
        (store_->sql.prepare << "select run, recipe_name, recipe_text, began_at, process from runs order by seq",
         into(run.run), into(run.recipe_name), into(run.recipe_text), into(run.began_at), into(run.process));
    statement.execute();
    while (statement.fetch()) runs.push_back(run);
    return runs;
  });
}

std::vector<Source> Ledger::sources() const {
  return store_->guarded([&] {
    std::vector<Source> sources;
    Source source;
    soci::statement statement =
        (store_->sql.prepare << "select name, licence, location, hash from sources order by seq", into(source.name),
         into(source.licence), into(source.location), into(source.hash));
    statement.execute();
    while (statement.fetch()) sources.push_back(source);
    return sources;
  });
}

namespace {

// Of stages with one name the last one, where the first one stands.
std::vector<std::string> latest_of_each_name(const std::vector<std::string>& stages, const Ledger& ledger) {
  std::vector<std::string> latest;
  std::map<std::string, std::size_t> places;
  for (const auto& stage : stages) {
    const auto known = ledger.find_stage(stage);
    const auto [place, is_new] = places.try_emplace(known ? known->name : stage, latest.size());
    if (is_new) latest.emplace_back();
    latest[place->second] = stage;
  }
  return latest;
}

}  // namespace

std::vector<std::string> Ledger::stages_of_run(std::string_view run) const {
  return store_->guarded([&] {
    const std::string name(run);
    std::vector<std::string> keys;  // of the run's beginnings, the latest first
    for (const auto beginning : soci::rowset<std::int64_t>(
             (store_->sql.prepare << "select seq from runs where run = :run order by seq desc", use(name, "run")))) {
      keys.push_back(key_of_beginning(run, beginning));
    }
    keys.push_back(name);  // recorded by a drover that did not tell beginnings apart
    std::vector<std::string> reached;
    for (const auto& key : keys) {
      const soci::rowset<std::string> rows =
          (store_->sql.prepare << "select stage from run_stages where run = :run order by ordinal, seq", use(key, "run"));
      const auto stages = latest_of_each_name(std::vector<std::string>(rows.begin(), rows.end()), *this);
      const auto common = std::mismatch(reached.begin(), reached.end(), stages.begin(), stages.end());
      if (common.first == reached.end()) {
        reached = stages;
      } else if (common.second != stages.end()) {
        break;  // it went another way there
      }
    }
    return reached;
  });
}

std::vector<std::pair<std::string, std::int64_t>> Ledger::counts() const {
  return store_->guarded([&] {
    std::vector<std::pair<std::string, std::int64_t>> counts;
    for (const char* table : {"prompts", "generations", "scores", "checked_answers", "comparisons", "comparison_requests", "comparison_answers", "decisions",
                              "training_rows", "models", "stage_ends", "metrics"}) {
      std::int64_t count = 0;
      store_->sql << "select count(*) from " << table, into(count);
      counts.emplace_back(table, count);
    }
    return counts;
  });
}

}  // namespace drover::ledger
