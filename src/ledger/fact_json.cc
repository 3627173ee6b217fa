#include "ledger/fact_json.h"

#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/shown_name.h"
#include "chat/dialog_json.h"
#include "chat/preference_row.h"

namespace drover::ledger {
namespace {

using chat::Json;

constexpr std::array kMade = {
    std::pair{GenerationKind::kSampled, "sampled"},
    std::pair{GenerationKind::kEdited, "edited"},
    std::pair{GenerationKind::kImported, "imported"},
    std::pair{GenerationKind::kSynthetic, "synthetic"},
};
constexpr std::array kUnits = {
    std::pair{ComparisonUnit::kMessage, "message"},
    std::pair{ComparisonUnit::kTurn, "turn"},
};
constexpr std::array kPreferred = {
    std::pair{ComparisonAnswer::Preferred::kFirst, "first"},
    std::pair{ComparisonAnswer::Preferred::kSecond, "second"},
    std::pair{ComparisonAnswer::Preferred::kNeither, "neither"},
};

template <typename Names, typename Value>
const char* name_in(const Names& names, Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

template <typename Id>
std::string hex_or_empty(Id id) {
  return id.is_nothing() ? std::string() : id.hex();
}

// Reading. nlohmann's own messages name neither key nor line, so each value is asked for its type.

const Json& at(const Json& fact, const char* key) {
  const auto found = fact.find(key);
  if (found == fact.end()) throw base::UserError("\"{}\" is missing", key);
  return *found;
}

std::string text_at(const Json& fact, const char* key, bool is_needed = false) {
  const auto found = fact.find(key);
  if (found == fact.end() || found->is_null()) {
    if (is_needed) throw base::UserError("\"{}\" is missing", key);
    return {};
  }
  if (!found->is_string()) throw base::UserError("\"{}\" must be a text", key);
  return found->get<std::string>();
}

std::int64_t whole_at(const Json& fact, const char* key) {
  const auto found = fact.find(key);
  if (found == fact.end() || found->is_null()) return 0;
  if (!found->is_number_integer()) throw base::UserError("\"{}\" must be a whole number", key);
  return found->get<std::int64_t>();
}

double number_at(const Json& fact, const char* key) {
  const auto& value = at(fact, key);
  if (!value.is_number()) throw base::UserError("\"{}\" must be a number", key);
  return value.get<double>();
}

bool truth_at(const Json& fact, const char* key) {
  const auto& value = at(fact, key);
  if (!value.is_boolean()) throw base::UserError("\"{}\" must be true or false", key);
  return value.get<bool>();
}

const Json& list_at(const Json& fact, const char* key) {
  static const Json kEmpty = Json::array();
  const auto found = fact.find(key);
  if (found == fact.end() || found->is_null()) return kEmpty;
  if (!found->is_array()) throw base::UserError("\"{}\" must be a list", key);
  return *found;
}

template <typename Id>
Id id_at(const Json& fact, const char* key) {
  const auto text = text_at(fact, key);
  if (text.empty()) return {};
  std::uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || end.ptr != text.data() + text.size() || value > static_cast<std::uint64_t>(INT64_MAX))
    throw base::UserError("\"{}\" is {}, but a name has 16 hexadecimal digits", key, base::shown_name(text));
  return Id(static_cast<std::int64_t>(value));
}

template <typename Names>
auto named_at(const Json& fact, const char* key, const Names& names, decltype(names[0].first) otherwise) {
  const auto text = text_at(fact, key);
  if (text.empty()) return otherwise;
  std::vector<std::string_view> known;
  for (const auto& [value, name] : names) {
    if (text == name) return value;
    known.emplace_back(name);
  }
  throw base::UserError("\"{}\" is {}, but must be one of: {}", key, base::shown_name(text), fmt::join(known, ", "));
}

chat::PreferenceLevel level_at(const Json& fact) {
  const auto text = text_at(fact, "level", true);
  const auto level = chat::preference_level_of(text);
  if (!level) {
    throw base::UserError("\"level\" is {}, but must be none, marginally_better, slightly_better, better or "
                          "significantly_better",
                          base::shown_name(text));
  }
  return *level;
}

template <typename Id>
void check_name(const Json& fact, Id id) {
  const auto said = id_at<Id>(fact, "id");
  if (said.is_nothing() || said == id) return;
  throw base::UserError("\"id\" is {}, but what the line says has the name {}; remove \"id\" to add it as it is",
                        said.hex(), id.hex());
}

Json prompt_json(const Ledger& ledger, PromptId id) {
  const auto prompt = ledger.find(id);
  DROVER_CHECK(prompt.has_value(), "A prompt is not in the ledger");
  Json json = {{"kind", "prompt"}, {"id", id.hex()}};
  json.update(chat::dialog_to_json(prompt->dialog));
  json["source"] = prompt->source;
  json["licence"] = prompt->licence;
  json["tags"] = prompt->tags;
  if (prompt->difficulty) json["difficulty"] = *prompt->difficulty;
  json["checker"] = prompt->checker;
  json["expected"] = prompt->expected;
  json["parent"] = hex_or_empty(prompt->parent);
  json["turn"] = prompt->turn;
  return json;
}

PromptId import_prompt(Ledger& ledger, const Json& fact) {
  if (!fact.is_object()) throw base::UserError("a prompt must be an object");
  Prompt prompt;
  prompt.source = text_at(fact, "source");
  prompt.licence = text_at(fact, "licence");
  for (const auto& tag : list_at(fact, "tags")) {
    if (!tag.is_string()) throw base::UserError("\"tags\" must be a list of texts");
    prompt.tags.push_back(tag.get<std::string>());
  }
  if (const auto rated = fact.find("difficulty"); rated != fact.end() && !rated->is_null())
    prompt.difficulty = number_at(fact, "difficulty");
  prompt.checker = text_at(fact, "checker");
  prompt.expected = text_at(fact, "expected");
  prompt.parent = id_at<PromptId>(fact, "parent");
  prompt.turn = whole_at(fact, "turn");
  Json dialog = fact;
  for (const char* key : {"kind", "id", "source", "licence", "tags", "difficulty", "checker", "expected", "parent",
                          "turn"})
    dialog.erase(key);
  prompt.dialog = chat::dialog_from_json(dialog);
  if (prompt.dialog.messages.empty()) throw base::UserError("a prompt has no messages");
  check_name(fact, id_of(prompt));
  return ledger.add(prompt);
}

Json opinions_json(const Ledger& ledger, GenerationId id, Json json) {
  json["scores"] = Json::array();
  for (const auto& score : ledger.scores_of(id)) {
    json["scores"].push_back(
        {{"stage", score.stage}, {"scorer", score.scorer}, {"value", score.value}, {"reason", score.reason}});
  }
  json["verdicts"] = Json::array();
  for (const auto& answer : ledger.checked_answers_of(id)) {
    json["verdicts"].push_back({{"stage", answer.stage},
                                {"checker", answer.checker},
                                {"is_right", answer.is_right},
                                {"answer", answer.answer},
                                {"reason", answer.reason}});
  }
  json["decisions"] = Json::array();
  for (const auto& decision : ledger.decisions_of(id)) {
    Json entry = {{"stage", decision.stage},
                  {"rule", decision.rule},
                  {"is_kept", decision.is_kept},
                  {"reason", decision.reason}};
    if (decision.score) entry["score"] = *decision.score;
    json["decisions"].push_back(std::move(entry));
  }
  return json;
}

Json sample_json(const Ledger& ledger, GenerationId id) {
  const auto generation = ledger.find(id);
  DROVER_CHECK(generation.has_value(), "A reply is not in the ledger");
  Json json = {{"kind", "sample"},
               {"id", id.hex()},
               {"prompt", prompt_json(ledger, generation->prompt)},
               {"stage", generation->stage},
               {"sample", generation->sample},
               {"model", generation->model},
               {"tokenizer", generation->tokenizer},
               {"ids", Json::array()},
               {"log_probs", generation->log_probs},
               {"reply", chat::messages_to_json(generation->reply)},
               {"fault", generation->fault},
               {"options", generation->options},
               {"made", name_in(kMade, generation->kind)},
               {"origin", generation->origin},
               {"edited_from", hex_or_empty(generation->edited_from)}};
  for (const auto token : generation->ids) json["ids"].push_back(text::to_int(token));
  return opinions_json(ledger, id, std::move(json));
}

void import_opinions(Ledger& ledger, GenerationId id, const Json& fact) {
  for (const auto& entry : list_at(fact, "scores")) {
    ledger.add(Score{.generation = id,
                     .stage = text_at(entry, "stage"),
                     .scorer = text_at(entry, "scorer"),
                     .value = number_at(entry, "value"),
                     .reason = text_at(entry, "reason")});
  }
  for (const auto& entry : list_at(fact, "verdicts")) {
    ledger.add(CheckedAnswer{.generation = id,
                             .stage = text_at(entry, "stage"),
                             .checker = text_at(entry, "checker"),
                             .is_right = truth_at(entry, "is_right"),
                             .answer = text_at(entry, "answer"),
                             .reason = text_at(entry, "reason")});
  }
  for (const auto& entry : list_at(fact, "decisions")) {
    Decision decision{.generation = id,
                      .stage = text_at(entry, "stage"),
                      .rule = text_at(entry, "rule"),
                      .is_kept = truth_at(entry, "is_kept"),
                      .reason = text_at(entry, "reason")};
    if (entry.contains("score")) decision.score = number_at(entry, "score");
    ledger.add(decision);
  }
}

GenerationId import_sample(Ledger& ledger, const Json& fact) {
  if (!fact.is_object()) throw base::UserError("a sample must be an object");
  Generation generation;
  generation.prompt = import_prompt(ledger, at(fact, "prompt"));
  generation.stage = text_at(fact, "stage");
  generation.sample = whole_at(fact, "sample");
  generation.model = text_at(fact, "model");
  generation.tokenizer = text_at(fact, "tokenizer");
  for (const auto& token : list_at(fact, "ids")) {
    if (!token.is_number_integer() || token.get<std::int64_t>() < 0 || token.get<std::int64_t>() > INT32_MAX)
      throw base::UserError("\"ids\" must be a list of token ids");
    generation.ids.push_back(text::TokenId{token.get<std::int32_t>()});
  }
  for (const auto& value : list_at(fact, "log_probs")) {
    if (!value.is_number()) throw base::UserError("\"log_probs\" must be a list of numbers");
    generation.log_probs.push_back(value.get<float>());
  }
  if (!generation.log_probs.empty() && generation.log_probs.size() != generation.ids.size()) {
    throw base::UserError("\"log_probs\" has {} entries and \"ids\" {}", generation.log_probs.size(),
                          generation.ids.size());
  }
  if (!list_at(fact, "reply").empty()) generation.reply = chat::messages_from_json(fact.at("reply"), "reply");
  generation.fault = text_at(fact, "fault");
  generation.options = text_at(fact, "options");
  generation.kind = named_at(fact, "made", kMade, GenerationKind::kImported);
  generation.origin = text_at(fact, "origin");
  generation.edited_from = id_at<GenerationId>(fact, "edited_from");
  check_name(fact, id_of(generation));
  const auto id = ledger.add(generation);
  import_opinions(ledger, id, fact);
  return id;
}

Json comparison_json(const Ledger& ledger, ComparisonId id) {
  const auto comparison = ledger.find(id);
  return {{"kind", "comparison"},
          {"id", id.hex()},
          {"prompt_id", comparison->prompt.hex()},
          {"stage", comparison->stage},
          {"preferred", sample_json(ledger, comparison->preferred)},
          {"other", sample_json(ledger, comparison->other)},
          {"edited", comparison->edited.is_nothing() ? Json() : sample_json(ledger, comparison->edited)},
          {"level", chat::name_of(comparison->level)},
          {"unit", name_in(kUnits, comparison->unit)},
          {"annotator", comparison->annotator},
          {"reason", comparison->reason},
          {"request", hex_or_empty(comparison->request)}};
}

void import_comparison(Ledger& ledger, const Json& fact) {
  Comparison comparison;
  comparison.preferred = import_sample(ledger, at(fact, "preferred"));
  comparison.other = import_sample(ledger, at(fact, "other"));
  if (const auto edited = fact.find("edited"); edited != fact.end() && !edited->is_null())
    comparison.edited = import_sample(ledger, *edited);
  comparison.prompt = ledger.find(comparison.preferred)->prompt;
  if (ledger.find(comparison.other)->prompt != comparison.prompt)
    throw base::UserError("\"preferred\" and \"other\" answer different prompts");
  comparison.stage = text_at(fact, "stage");
  comparison.level = level_at(fact);
  comparison.unit = named_at(fact, "unit", kUnits, ComparisonUnit::kMessage);
  comparison.annotator = text_at(fact, "annotator");
  comparison.reason = text_at(fact, "reason");
  comparison.request = id_at<ComparisonRequestId>(fact, "request");
  check_name(fact, id_of(comparison));
  ledger.add(comparison);
}

Json row_json(const Ledger& ledger, const TrainingRow& row) {
  Json json = {{"kind", "row"},
               {"id", id_of(row).hex()},
               {"stage", row.stage},
               {"ordinal", row.ordinal},
               {"training", row.kind},
               {"replies", Json::array()}};
  for (const auto reply : row.generations) json["replies"].push_back(sample_json(ledger, reply));
  return json;
}

void import_row(Ledger& ledger, const Json& fact) {
  TrainingRow row;
  row.stage = text_at(fact, "stage");
  row.ordinal = whole_at(fact, "ordinal");
  row.kind = text_at(fact, "training", true);
  for (const auto& reply : list_at(fact, "replies")) row.generations.push_back(import_sample(ledger, reply));
  check_name(fact, id_of(row));
  ledger.add(row);
}

Json request_json(const Ledger& ledger, ComparisonRequestId id) {
  const auto request = ledger.find(id);
  return {{"kind", "request"},
          {"id", id.hex()},
          {"stage", request->stage},
          {"first", sample_json(ledger, request->first)},
          {"second", sample_json(ledger, request->second)},
          {"unit", name_in(kUnits, request->unit)},
          {"annotator", request->annotator}};
}

void import_request(Ledger& ledger, const Json& fact) {
  ComparisonRequest request;
  request.first = import_sample(ledger, at(fact, "first"));
  request.second = import_sample(ledger, at(fact, "second"));
  request.prompt = ledger.find(request.first)->prompt;
  request.stage = text_at(fact, "stage");
  request.unit = named_at(fact, "unit", kUnits, ComparisonUnit::kMessage);
  request.annotator = text_at(fact, "annotator");
  check_name(fact, id_of(request));
  ledger.add(request);
}

Json answer_json(const ComparisonAnswer& answer) {
  return {{"kind", "answer"},
          {"request", answer.request.hex()},
          {"annotator", answer.annotator},
          {"preferred", name_in(kPreferred, answer.preferred)},
          {"level", chat::name_of(answer.level)},
          {"reason", answer.reason},
          {"edited", chat::messages_to_json(answer.edited)},
          {"answered_at", answer.answered_at}};
}

void import_answer(Ledger& ledger, const Json& fact) {
  ComparisonAnswer answer;
  answer.request = id_at<ComparisonRequestId>(fact, "request");
  if (!ledger.find(answer.request)) {
    throw base::UserError("\"request\" is {}, which this ledger has not asked for",
                          base::shown_name(text_at(fact, "request")));
  }
  answer.annotator = text_at(fact, "annotator", true);
  if (answer.annotator.empty()) throw base::UserError("\"annotator\" is empty; write the name of who answers");
  static_cast<void>(text_at(fact, "preferred", true));
  answer.preferred = named_at(fact, "preferred", kPreferred, ComparisonAnswer::Preferred::kNeither);
  const bool is_neither = answer.preferred == ComparisonAnswer::Preferred::kNeither;
  answer.level = is_neither && !fact.contains("level") ? chat::PreferenceLevel::kNone : level_at(fact);
  if (is_neither != (answer.level == chat::PreferenceLevel::kNone))
    throw base::UserError("\"preferred\" is neither exactly when \"level\" is none");
  answer.reason = text_at(fact, "reason");
  if (!list_at(fact, "edited").empty()) answer.edited = chat::messages_from_json(fact.at("edited"), "edited");
  if (is_neither && !answer.edited.empty())
    throw base::UserError("\"edited\" makes the preferred reply better, and neither is preferred");
  answer.answered_at = text_at(fact, "answered_at");
  ledger.add(answer);
}

Json model_json(const ModelFact& model) {
  Json json = {{"kind", "model"},         {"hash", model.hash},       {"name", model.name}, {"stage", model.stage},
               {"folder", model.folder},  {"made_by", model.made_by}, {"data", model.data}, {"options", model.options},
               {"parents", Json::array()}};
  for (const auto& parent : model.parents) json["parents"].push_back({{"hash", parent.hash}, {"weight", parent.weight}});
  return json;
}

void import_model(Ledger& ledger, const Json& fact) {
  ModelFact model;
  model.hash = text_at(fact, "hash", true);
  model.name = text_at(fact, "name");
  model.stage = text_at(fact, "stage");
  model.folder = text_at(fact, "folder");
  model.made_by = text_at(fact, "made_by");
  model.data = text_at(fact, "data");
  model.options = text_at(fact, "options");
  for (const auto& parent : list_at(fact, "parents"))
    model.parents.push_back({.hash = text_at(parent, "hash", true), .weight = number_at(parent, "weight")});
  ledger.add(model);
}

}  // namespace

std::vector<std::string_view> exported_kinds() {
  return {"prompts", "samples", "comparisons", "rows", "requests", "answers", "models", "sources"};
}

void export_facts(const Ledger& ledger, std::string_view what, const std::function<void(const Json&)>& on_fact) {
  if (what == "prompts") {
    for (const auto id : ledger.all_prompts()) on_fact(prompt_json(ledger, id));
  } else if (what == "samples") {
    for (const auto id : ledger.all_generations()) on_fact(sample_json(ledger, id));
  } else if (what == "comparisons") {
    for (const auto id : ledger.all_comparisons()) on_fact(comparison_json(ledger, id));
  } else if (what == "rows") {
    for (const auto id : ledger.all_training_rows()) on_fact(row_json(ledger, *ledger.find(id)));
  } else if (what == "requests") {
    for (const auto id : ledger.pending_requests()) on_fact(request_json(ledger, id));
  } else if (what == "answers") {
    for (const auto id : ledger.all_requests()) {
      for (const auto& answer : ledger.answers_to(id)) on_fact(answer_json(answer));
    }
  } else if (what == "models") {
    for (const auto& model : ledger.all_models()) on_fact(model_json(model));
  } else if (what == "sources") {
    for (const auto& source : ledger.sources()) {
      on_fact({{"kind", "source"},
               {"name", source.name},
               {"licence", source.licence},
               {"location", source.location},
               {"hash", source.hash}});
    }
  } else {
    const auto known = exported_kinds();
    throw base::UserError("{} is nothing that can be exported{}; what can: prompts, samples, comparisons, rows, "
                          "requests, answers, models, sources.",
                          base::shown_name(what), base::suggestion(what, known));
  }
}

std::string import_fact(Ledger& ledger, const Json& fact) {
  if (!fact.is_object()) throw base::UserError("not a JSON object");
  const auto kind = text_at(fact, "kind", true);
  if (kind == "prompt") {
    import_prompt(ledger, fact);
  } else if (kind == "sample") {
    import_sample(ledger, fact);
  } else if (kind == "comparison") {
    import_comparison(ledger, fact);
  } else if (kind == "row") {
    import_row(ledger, fact);
  } else if (kind == "request") {
    import_request(ledger, fact);
  } else if (kind == "answer") {
    import_answer(ledger, fact);
  } else if (kind == "model") {
    import_model(ledger, fact);
  } else if (kind == "source") {
    ledger.add(Source{.name = text_at(fact, "name", true),
                      .licence = text_at(fact, "licence"),
                      .location = text_at(fact, "location"),
                      .hash = text_at(fact, "hash")});
  } else {
    const std::vector<std::string_view> known = {"prompt",  "sample", "comparison", "row",
                                                 "request", "answer", "model",      "source"};
    throw base::UserError("\"kind\" is {}{}", base::shown_name(kind), base::suggestion(kind, known));
  }
  return kind;
}

}  // namespace drover::ledger
