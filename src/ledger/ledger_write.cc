// Ledger: the functions that add facts.
#include <cstdint>
#include <string>

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/dialog_json.h"
#include "ledger/compact_text.h"
#include "ledger/ledger.h"
#include "ledger/ledger_store.h"

namespace drover::ledger {
namespace {

using soci::use;

// SOCI binds references: a named parameter must outlive the statement, which is the full expression here.
std::int64_t name_of_fields(std::initializer_list<std::string_view> texts,
                            std::initializer_list<std::int64_t> numbers) {
  base::FieldHasher hasher;
  for (const auto text : texts) hasher.add(text);
  for (const auto number : numbers) hasher.add(number);
  return FactId<void>(hasher.finish()).value();
}

std::string message_text(const chat::Message& message) {
  return chat::messages_to_json({message}).at(0).dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

// What a dialog has beside its messages.
std::string setting_text(const chat::Dialog& dialog) {
  auto row = chat::dialog_to_json(dialog);
  row.erase("messages");
  return row.dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

NodeId node_name(NodeId parent, const std::string& message) {
  return NodeId(name_of_fields({"node", message}, {parent.value()}));
}

NodeId last_node_of(const chat::Dialog& dialog) {
  NodeId node;
  for (const auto& message : dialog.messages) node = node_name(node, message_text(message));
  return node;
}

NodeId add_node(soci::session& sql, NodeId parent, const chat::Message& message) {
  const auto text = message_text(message);
  const auto node = node_name(parent, text);
  const auto id = node.value();
  const auto parent_id = parent.value();
  sql << "insert into nodes (id, parent, message) values (:id, :parent, :message) on conflict (id) do nothing",
      use(id, "id"), use(parent_id, "parent"), use(text, "message");
  return node;
}

std::string tags_text(const std::vector<std::string>& tags) {
  return chat::Json(tags).dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

}  // namespace

PromptId id_of(const Prompt& prompt) {
  return PromptId(
      name_of_fields({"prompt", setting_text(prompt.dialog), prompt.source, prompt.checker, prompt.expected},
                     {last_node_of(prompt.dialog).value()}));
}

GenerationId id_of(const Generation& generation) {
  return GenerationId(name_of_fields({"generation", generation.stage, generation.model},
                                     {generation.prompt.value(), generation.sample}));
}

ComparisonId id_of(const Comparison& comparison) {
  return ComparisonId(
      name_of_fields({"comparison", comparison.stage, comparison.annotator},
                     {comparison.prompt.value(), comparison.preferred.value(), comparison.other.value()}));
}

TrainingRowId id_of(const TrainingRow& row) {
  return TrainingRowId(name_of_fields({"training row", row.stage, row.kind}, {row.ordinal}));
}

PromptId Ledger::add(const Prompt& prompt) {
  const auto name = id_of(prompt);
  store_->atomically([&] {
    auto& sql = store_->sql;
    NodeId node;
    for (const auto& message : prompt.dialog.messages) node = add_node(sql, node, message);
    const auto id = name.value();
    const auto node_id = node.value();
    const auto setting = setting_text(prompt.dialog);
    const auto tags = tags_text(prompt.tags);
    const double difficulty = prompt.difficulty.value_or(0);
    auto is_rated = prompt.difficulty ? soci::i_ok : soci::i_null;
    sql << "insert into prompts (id, node, setting, source, licence, tags, difficulty, checker, expected) values "
           "(:id, :node, :setting, :source, :licence, :tags, :difficulty, :checker, :expected) on conflict (id) do "
           "nothing",
        use(id, "id"), use(node_id, "node"), use(setting, "setting"), use(prompt.source, "source"),
        use(prompt.licence, "licence"), use(tags, "tags"), use(difficulty, is_rated, "difficulty"),
        use(prompt.checker, "checker"), use(prompt.expected, "expected");
  });
  return name;
}

GenerationId Ledger::add(const Generation& generation) {
  const auto name = id_of(generation);
  store_->atomically([&] {
    auto& sql = store_->sql;
    const auto prompt = generation.prompt.value();
    std::int64_t parent = 0;
    sql << "select node from prompts where id = :prompt", use(prompt, "prompt"), soci::into(parent);
    DROVER_CHECK(sql.got_data(), "A reply to a prompt that the ledger does not hold");
    NodeId first;
    NodeId last(parent);
    for (const auto& message : generation.reply) {
      last = add_node(sql, last, message);
      if (first.is_nothing()) first = last;
    }
    const auto id = name.value();
    const auto ids = pack_ids(generation.ids);
    const auto log_probs = pack_floats(generation.log_probs);
    const auto first_node = first.value();
    const auto last_node = generation.reply.empty() ? std::int64_t{0} : last.value();
    sql << "insert into generations (id, prompt, stage, sample, model, tokenizer, ids, log_probs, first_node, "
           "last_node, fault, options) "
           "values (:id, :prompt, :stage, :sample, :model, :tokenizer, :ids, :log_probs, :first_node, :last_node, "
           ":fault, :options) "
           "on conflict (id) do nothing",
        use(id, "id"), use(prompt, "prompt"), use(generation.stage, "stage"), use(generation.sample, "sample"),
        use(generation.model, "model"), use(generation.tokenizer, "tokenizer"), use(ids, "ids"),
        use(log_probs, "log_probs"), use(first_node, "first_node"), use(last_node, "last_node"),
        use(generation.fault, "fault"), use(generation.options, "options");
  });
  return name;
}

ComparisonId Ledger::add(const Comparison& comparison) {
  const auto name = id_of(comparison);
  store_->atomically([&] {
    const auto id = name.value();
    const auto prompt = comparison.prompt.value();
    const auto preferred = comparison.preferred.value();
    const auto other = comparison.other.value();
    const auto level = static_cast<std::int64_t>(comparison.level);
    store_->sql
        << "insert into comparisons (id, prompt, stage, preferred, other, level, annotator, reason) values "
           "(:id, :prompt, :stage, :preferred, :other, :level, :annotator, :reason) on conflict (id) do nothing",
        use(id, "id"), use(prompt, "prompt"), use(comparison.stage, "stage"), use(preferred, "preferred"),
        use(other, "other"), use(level, "level"), use(comparison.annotator, "annotator"),
        use(comparison.reason, "reason");
  });
  return name;
}

TrainingRowId Ledger::add(const TrainingRow& row) {
  const auto name = id_of(row);
  store_->atomically([&] {
    auto& sql = store_->sql;
    const auto id = name.value();
    sql << "insert into training_rows (id, stage, ordinal, kind) values (:id, :stage, :ordinal, :kind) on conflict "
           "(id) do nothing",
        use(id, "id"), use(row.stage, "stage"), use(row.ordinal, "ordinal"), use(row.kind, "kind");
    std::int64_t place = 0;
    for (const auto generation : row.generations) {
      const auto link = name_of_fields({"training row generation"}, {id, place});
      const auto generation_id = generation.value();
      sql << "insert into training_row_generations (id, training_row, place, generation) values (:id, :row, :place, "
             ":generation) "
             "on conflict (id) do nothing",
          use(link, "id"), use(id, "row"), use(place, "place"), use(generation_id, "generation");
      ++place;
    }
  });
  return name;
}

void Ledger::add(const Score& score) {
  store_->atomically([&] {
    const auto generation = score.generation.value();
    const auto id = name_of_fields({"score", score.stage, score.scorer}, {generation});
    store_->sql << "insert into scores (id, generation, stage, scorer, value) values (:id, :generation, :stage, "
                   ":scorer, :value) "
                   "on conflict (id) do nothing",
        use(id, "id"), use(generation, "generation"), use(score.stage, "stage"), use(score.scorer, "scorer"),
        use(score.value, "value");
  });
}

void Ledger::add(const CheckedAnswer& answer) {
  store_->atomically([&] {
    const auto generation = answer.generation.value();
    const auto id = name_of_fields({"checked answer", answer.stage, answer.checker}, {generation});
    const std::int64_t is_right = answer.is_right ? 1 : 0;
    store_->sql << "insert into checked_answers (id, generation, stage, checker, is_right, answer, reason) values "
                   "(:id, :generation, :stage, :checker, :is_right, :answer, :reason) on conflict (id) do nothing",
        use(id, "id"), use(generation, "generation"), use(answer.stage, "stage"), use(answer.checker, "checker"),
        use(is_right, "is_right"), use(answer.answer, "answer"), use(answer.reason, "reason");
  });
}

void Ledger::add(const Decision& decision) {
  store_->atomically([&] {
    const auto generation = decision.generation.value();
    const auto id = name_of_fields({"decision", decision.stage, decision.rule}, {generation});
    const std::int64_t is_kept = decision.is_kept ? 1 : 0;
    store_->sql << "insert into decisions (id, generation, stage, rule, is_kept, reason) values "
                   "(:id, :generation, :stage, :rule, :is_kept, :reason) on conflict (id) do nothing",
        use(id, "id"), use(generation, "generation"), use(decision.stage, "stage"), use(decision.rule, "rule"),
        use(is_kept, "is_kept"), use(decision.reason, "reason");
  });
}

void Ledger::add(const ModelFact& model) {
  store_->atomically([&] {
    auto& sql = store_->sql;
    const auto id = name_of_fields({"model", model.stage, model.hash, model.name}, {});
    sql << "insert into models (id, hash, name, stage, folder, made_by, data, options) values "
           "(:id, :hash, :name, :stage, :folder, :made_by, :data, :options) on conflict (id) do nothing",
        use(id, "id"), use(model.hash, "hash"), use(model.name, "name"), use(model.stage, "stage"),
        use(model.folder, "folder"), use(model.made_by, "made_by"), use(model.data, "data"),
        use(model.options, "options");
    std::int64_t place = 0;
    for (const auto& parent : model.parents) {
      const auto link = name_of_fields({"model parent", model.stage, model.hash, parent.hash}, {place});
      sql << "insert into model_parents (id, stage, model, parent, place, weight) values (:id, :stage, :model, "
             ":parent, :place, :weight) "
             "on conflict (id) do nothing",
          use(link, "id"), use(model.stage, "stage"), use(model.hash, "model"), use(parent.hash, "parent"),
          use(place, "place"), use(parent.weight, "weight");
      ++place;
    }
  });
}

void Ledger::add(const StageBegin& stage) {
  store_->atomically([&] {
    const auto id = name_of_fields({"stage", stage.key}, {});
    const auto seed = std::to_string(stage.seed);
    store_->sql << "insert into stages (id, key, name, revision, inputs, options, seed) values "
                   "(:id, :key, :name, :revision, :inputs, :options, :seed) on conflict (id) do nothing",
        use(id, "id"), use(stage.key, "key"), use(stage.name, "name"), use(stage.revision, "revision"),
        use(stage.inputs, "inputs"), use(stage.options, "options"), use(seed, "seed");
  });
}

void Ledger::add(const StageEnd& end) {
  store_->atomically([&] {
    store_->sql << "insert into stage_ends (key, seconds, output, hash) values (:key, :seconds, :output, :hash)",
        use(end.key, "key"), use(end.seconds, "seconds"), use(end.output, "output"), use(end.hash, "hash");
  });
}

void Ledger::add(const Metric& metric) {
  store_->atomically([&] {
    const auto id = name_of_fields({"metric", metric.stage, metric.name, metric.subject}, {metric.step});
    const double low = metric.low.value_or(0);
    const double high = metric.high.value_or(0);
    auto has_low = metric.low ? soci::i_ok : soci::i_null;
    auto has_high = metric.high ? soci::i_ok : soci::i_null;
    store_->sql << "insert into metrics (id, stage, name, subject, step, value, low, high, count) values "
                   "(:id, :stage, :name, :subject, :step, :value, :low, :high, :count) on conflict (id) do nothing",
        use(id, "id"), use(metric.stage, "stage"), use(metric.name, "name"), use(metric.subject, "subject"),
        use(metric.step, "step"), use(metric.value, "value"), use(low, has_low, "low"), use(high, has_high, "high"),
        use(metric.count, "count");
  });
}

void Ledger::begin_run(std::string_view run, std::string_view recipe_name, std::string_view recipe_text) {
  store_->atomically([&] {
    const std::string key(run);
    const std::string name(recipe_name);
    const std::string text(recipe_text);
    store_->sql << "insert into runs (run, recipe_name, recipe_text) values (:run, :name, :text)", use(key, "run"),
        use(name, "name"), use(text, "text");
  });
}

void Ledger::add_stage_to_run(std::string_view run, std::int64_t ordinal, std::string_view stage) {
  store_->atomically([&] {
    const std::string run_key(run);
    const std::string stage_key(stage);
    const auto id = name_of_fields({"run stage", run, stage}, {});
    store_->sql << "insert into run_stages (id, run, ordinal, stage) values (:id, :run, :ordinal, :stage) on conflict "
                   "(id) do nothing",
        use(id, "id"), use(run_key, "run"), use(ordinal, "ordinal"), use(stage_key, "stage");
  });
}

}  // namespace drover::ledger
