// Ledger: the functions that add facts.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/dialog_json.h"
#include "ledger/compact_text.h"
#include "ledger/ledger.h"
#include "ledger/ledger_inserts.h"
#include "ledger/ledger_store.h"
#include "ledger/run_beginning.h"
#include "ledger/running_process.h"

namespace drover::ledger {
namespace {

using soci::into;
using soci::use;

// SOCI binds references: a named parameter must outlive the statement, which is the full expression here.
std::int64_t name_of_fields(std::initializer_list<std::string_view> texts,
                            std::initializer_list<std::int64_t> numbers) {
  base::FieldHasher hasher;
  for (const auto text : texts) hasher.add(text);
  for (const auto number : numbers) hasher.add(number);
  return FactId<void>(hasher.finish()).value();
}

// What a dialog has beside its messages.
std::string setting_text(const chat::Dialog& dialog) {
  auto row = chat::dialog_to_json(
      {.messages = {}, .tools = dialog.tools, .core_tools = dialog.core_tools, .today = dialog.today});
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

std::string tags_text(const std::vector<std::string>& tags) {
  return chat::Json(tags).dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

// What tells prompts apart, with texts that the caller has made already. Tags and difficulty are among it: they decide which model
// answers, and how often the reply is learned.
PromptId name_of(const Prompt& prompt, std::string_view setting, std::string_view tags, NodeId last_node) {
  const auto difficulty = prompt.difficulty ? fmt::format("{}", *prompt.difficulty) : std::string();
  return PromptId(name_of_fields({"prompt", setting, prompt.source, tags, difficulty, prompt.checker, prompt.expected},
                                 {last_node.value()}));
}

// The row of a reply that a fact is about.
template <typename Store>
std::int64_t row_of(Store& store, GenerationId generation) {
  const auto seq = store.seq_of(generation);
  DROVER_CHECK(seq != 0, "A fact about a reply that the ledger does not hold");
  return seq;
}

}  // namespace

PromptId id_of(const Prompt& prompt) {
  return name_of(prompt, setting_text(prompt.dialog), tags_text(prompt.tags), last_node_of(prompt.dialog));
}

GenerationId id_of(const Generation& generation) {
  if (generation.kind == GenerationKind::kSampled) {
    return GenerationId(name_of_fields({"generation", generation.stage, generation.model},
                                       {generation.prompt.value(), generation.sample}));
  }
  // Nothing was drawn, so the words themselves tell such replies apart.
  std::string words;
  for (const auto& message : generation.reply) words += message_text(message);
  return GenerationId(
      name_of_fields({"made generation", generation.stage, generation.origin, words},
                     {static_cast<std::int64_t>(generation.kind), generation.prompt.value(), generation.sample,
                      generation.edited_from.value()}));
}

ComparisonId id_of(const Comparison& comparison) {
  return ComparisonId(
      name_of_fields({"comparison", comparison.stage, comparison.annotator},
                     {comparison.prompt.value(), comparison.preferred.value(), comparison.other.value()}));
}

ComparisonRequestId id_of(const ComparisonRequest& request) {
  return ComparisonRequestId(
      name_of_fields({"comparison request", request.stage, request.annotator},
                     {request.prompt.value(), request.first.value(), request.second.value()}));
}

TrainingRowId id_of(const TrainingRow& row) {
  return TrainingRowId(name_of_fields({"training row", row.stage, row.kind}, {row.ordinal}));
}

PromptId Ledger::add(const Prompt& prompt) {
  const auto setting = setting_text(prompt.dialog);
  const auto tags = tags_text(prompt.tags);
  PromptId name;
  store_->atomically([&] {
    auto& store = *store_;
    auto& inserts = store.inserts();
    NodeId node;
    for (const auto& message : prompt.dialog.messages) {
      auto text = message_text(message);
      const auto parent = node;
      node = node_name(parent, text);
      inserts.node(node.value(), parent.value(), std::move(text));
    }
    name = name_of(prompt, setting, tags, node);
    const auto seq = inserts.prompt(name.value(), node.value(), store.word(setting), store.word(prompt.source),
                                    store.word(prompt.licence), store.word(tags), prompt.difficulty,
                                    store.word(prompt.checker), prompt.expected, prompt.parent.value(), prompt.turn);
    if (seq) store.remember(name, {.seq = *seq, .node = node.value()});
  });
  return name;
}

GenerationId Ledger::add(const Generation& generation) {
  const auto name = id_of(generation);
  store_->atomically([&] {
    auto& store = *store_;
    const auto prompt = store.place_of(generation.prompt).seq;
    DROVER_CHECK(prompt != 0, "A reply to a prompt that the ledger does not hold");
    const auto seq = store.inserts().generation(
        name.value(), prompt, store.word(generation.stage), generation.sample, store.word(generation.model),
        store.word(generation.tokenizer), pack_ids(generation.ids), pack_floats(generation.log_probs),
        messages_text(generation.reply), store.word(generation.fault), store.word(generation.options),
        static_cast<std::int64_t>(generation.kind), store.word(generation.origin), generation.edited_from.value());
    if (seq) store.remember(name, *seq);
  });
  return name;
}

ComparisonId Ledger::add(const Comparison& comparison) {
  const auto name = id_of(comparison);
  store_->atomically([&] {
    auto& store = *store_;
    store.inserts().comparison(name.value(), comparison.prompt.value(), store.word(comparison.stage),
                               comparison.preferred.value(), comparison.other.value(), comparison.edited.value(),
                               static_cast<std::int64_t>(comparison.level), static_cast<std::int64_t>(comparison.unit),
                               store.word(comparison.annotator), comparison.reason, comparison.request.value());
  });
  return name;
}

ComparisonRequestId Ledger::add(const ComparisonRequest& request) {
  const auto name = id_of(request);
  store_->atomically([&] {
    const auto id = name.value();
    const auto prompt = request.prompt.value();
    const auto stage = store_->word(request.stage);
    const auto first = request.first.value();
    const auto second = request.second.value();
    const auto unit = static_cast<std::int64_t>(request.unit);
    const auto annotator = store_->word(request.annotator);
    store_->sql << "insert into comparison_requests (id, prompt, stage, first_reply, second_reply, unit, annotator) "
                   "values (:id, :prompt, :stage, :first, :second, :unit, :annotator) on conflict do nothing",
        use(id, "id"), use(prompt, "prompt"), use(stage, "stage"), use(first, "first"), use(second, "second"),
        use(unit, "unit"), use(annotator, "annotator");
  });
  return name;
}

bool Ledger::add(const ComparisonAnswer& answer) {
  DROVER_CHECK((answer.preferred == ComparisonAnswer::Preferred::kNeither) ==
                   (answer.level == chat::PreferenceLevel::kNone),
               "An answer without a preference has no level, and the reverse");
  bool is_new = false;
  store_->atomically([&] {
    const auto request = answer.request.value();
    const auto annotator = store_->word(answer.annotator);
    const auto preferred = static_cast<std::int64_t>(answer.preferred);
    const auto level = static_cast<std::int64_t>(answer.level);
    const auto edited = answer.edited.empty() ? std::string()
                                              : chat::messages_to_json(answer.edited)
                                                    .dump(-1, ' ', false, chat::Json::error_handler_t::replace);
    const auto time = answer.answered_at.empty() ? utc_now() : answer.answered_at;
    std::int64_t there = 0;
    store_->sql << "select count(*) from comparison_answers where request = :request and annotator = :annotator",
        use(request, "request"), use(annotator, "annotator"), soci::into(there);
    is_new = there == 0;
    store_->sql << "insert into comparison_answers (request, annotator, preferred, level, reason, edited, "
                   "answered_at) values (:request, :annotator, :preferred, :level, :reason, :edited, :time) on "
                   "conflict do nothing",
        use(request, "request"), use(annotator, "annotator"), use(preferred, "preferred"), use(level, "level"),
        use(answer.reason, "reason"), use(edited, "edited"), use(time, "time");
  });
  return is_new;
}

TrainingRowId Ledger::add(const TrainingRow& row) {
  const auto name = id_of(row);
  store_->atomically([&] {
    auto& store = *store_;
    auto& inserts = store.inserts();
    inserts.training_row(name.value(), store.word(row.stage), row.ordinal, store.word(row.kind));
    std::int64_t place = 0;
    for (const auto generation : row.generations)
      inserts.training_row_generation(name.value(), place++, generation.value());
  });
  return name;
}

void Ledger::add(const Score& score) {
  store_->atomically([&] {
    auto& store = *store_;
    store.inserts().score(row_of(store, score.generation), store.word(score.stage), store.word(score.scorer), score.value,
                          score.reason);
  });
}

void Ledger::add(const CheckedAnswer& answer) {
  store_->atomically([&] {
    auto& store = *store_;
    store.inserts().checked_answer(row_of(store, answer.generation), store.word(answer.stage), store.word(answer.checker),
                                   std::int64_t{answer.is_right ? 1 : 0}, answer.answer, answer.reason);
  });
}

void Ledger::add(const Decision& decision) {
  store_->atomically([&] {
    auto& store = *store_;
    store.inserts().decision(row_of(store, decision.generation), store.word(decision.stage), store.word(decision.rule),
                             std::int64_t{decision.is_kept ? 1 : 0}, decision.reason, decision.score);
  });
}

void Ledger::add(const Source& source) {
  store_->atomically([&] {
    const auto id = name_of_fields({"source", source.name, source.licence, source.location, source.hash}, {});
    store_->sql << "insert into sources (id, name, licence, location, hash) values (:id, :name, :licence, :location, "
                   ":hash) on conflict do nothing",
        use(id, "id"), use(source.name, "name"), use(source.licence, "licence"), use(source.location, "location"),
        use(source.hash, "hash");
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
    const auto time = end.ended_at.empty() ? utc_now() : end.ended_at;
    store_->sql << "insert into stage_ends (key, seconds, output, hash, ended_at) values (:key, :seconds, :output, "
                   ":hash, :time)",
        use(end.key, "key"), use(end.seconds, "seconds"), use(end.output, "output"), use(end.hash, "hash"),
        use(time, "time");
  });
}

void Ledger::add(const Metric& metric) {
  store_->atomically([&] {
    const auto id = name_of_fields({"metric", metric.stage, metric.name, metric.subject}, {metric.step});
    store_->inserts().metric(id, metric.stage, metric.name, metric.subject, metric.step, metric.value, metric.low,
                             metric.high, metric.count);
  });
}

void Ledger::begin_run(std::string_view run, std::string_view recipe_name, std::string_view recipe_text) {
  store_->atomically([&] {
    const std::string key(run);
    const std::string name(recipe_name);
    const std::string text(recipe_text);
    const auto time = utc_now();
    const auto process = this_process();
    // In the transaction, so that of two that begin together one comes second.
    if (const auto latest = latest_run(); latest && latest->process != process && is_running(latest->process)) {
      throw base::UserError("A run works in {} at this moment (process {}); wait until it has ended, or choose another home.",
                            store_->file.parent_path().string(), latest->process.substr(0, latest->process.find(' ')));
    }
    store_->sql << "insert into runs (run, recipe_name, recipe_text, began_at, process) values (:run, :name, :text, "
                   ":time, :process)",
        use(key, "run"), use(name, "name"), use(text, "text"), use(time, "time"), use(process, "process");
  });
}

void Ledger::add_stage_to_run(std::string_view run, std::int64_t ordinal, std::string_view stage) {
  store_->atomically([&] {
    const std::string run_name(run);
    std::int64_t beginning = 0;
    soci::indicator found = soci::i_null;
    store_->sql << "select max(seq) from runs where run = :run", use(run_name, "run"), into(beginning, found);
    const auto run_key = found == soci::i_ok ? key_of_beginning(run, beginning) : run_name;
    const std::string stage_key(stage);
    const auto id = name_of_fields({"run stage", run_key, stage}, {});
    store_->sql << "insert into run_stages (id, run, ordinal, stage) values (:id, :run, :ordinal, :stage) on conflict "
                   "(id) do nothing",
        use(id, "id"), use(run_key, "run"), use(ordinal, "ordinal"), use(stage_key, "stage");
  });
}

}  // namespace drover::ledger
