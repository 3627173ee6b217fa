#include "report/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/shown_name.h"
#include "chat/dialog_json.h"

namespace drover::report {
namespace {

using chat::Json;

Json stage_json(const ledger::Ledger& ledger, const std::string& key) {
  const auto stage = ledger.find_stage(key);
  return {{"name", stage ? stage->name : key}, {"key", key}};
}

// A model, a reward model or a rule: what has a hash gets its name too.
Json named(const ledger::Ledger& ledger, const std::string& hash) {
  const auto model = ledger.find_model(hash);
  return {{"name", model ? model->name : hash}, {"hash", model ? hash : ""}};
}

Json prompt_json(const ledger::Ledger& ledger, ledger::PromptId id) {
  const auto prompt = ledger.find(id);
  if (!prompt) return {{"id", id.hex()}, {"is_removed", true}};
  Json json = {{"id", id.hex()},
               {"source", prompt->source},
               {"licence", prompt->licence},
               {"tags", prompt->tags},
               {"turn", prompt->turn},
               {"messages", chat::messages_to_json(prompt->dialog.messages)}};
  if (!prompt->parent.is_nothing()) json["parent"] = prompt->parent.hex();
  if (prompt->difficulty) json["difficulty"] = *prompt->difficulty;
  if (!prompt->dialog.tools.empty()) {
    json["tools"] = Json::array();
    for (const auto& tool : prompt->dialog.tools) json["tools"].push_back(tool.name);
  }
  if (!prompt->checker.empty()) {
    json["checker"] = prompt->checker;
    json["expected"] = prompt->expected;
  }
  return json;
}

std::string_view name_of(ledger::GenerationKind kind) {
  switch (kind) {
    case ledger::GenerationKind::kSampled:
      return "sampled";
    case ledger::GenerationKind::kEdited:
      return "edited";
    case ledger::GenerationKind::kImported:
      return "imported";
    case ledger::GenerationKind::kSynthetic:
      return "synthetic";
  }
  return "unknown";
}

Json comparison_json(const ledger::Ledger& ledger, ledger::ComparisonId id) {
  const auto comparison = ledger.find(id);
  Json json = {{"id", id.hex()},
               {"stage", stage_json(ledger, comparison->stage)},
               {"preferred", comparison->preferred.hex()},
               {"other", comparison->other.hex()},
               {"level", chat::name_of(comparison->level)},
               {"unit", comparison->unit == ledger::ComparisonUnit::kTurn ? "turn" : "message"},
               {"annotator", named(ledger, comparison->annotator)},
               {"reason", comparison->reason}};
  if (!comparison->edited.is_nothing()) json["edited"] = comparison->edited.hex();
  return json;
}

// What was said about a reply.
void add_opinions(const ledger::Ledger& ledger, ledger::GenerationId id, Json& json) {
  json["scores"] = Json::array();
  for (const auto& score : ledger.scores_of(id)) {
    json["scores"].push_back({{"value", score.value},
                              {"scorer", named(ledger, score.scorer)},
                              {"stage", stage_json(ledger, score.stage)},
                              {"reason", score.reason}});
  }
  json["verdicts"] = Json::array();
  for (const auto& answer : ledger.checked_answers_of(id)) {
    json["verdicts"].push_back({{"is_right", answer.is_right},
                                {"checker", answer.checker},
                                {"answer", answer.answer},
                                {"reason", answer.reason},
                                {"stage", stage_json(ledger, answer.stage)}});
  }
  json["comparisons"] = Json::array();
  for (const auto comparison : ledger.comparisons_with(id))
    json["comparisons"].push_back(comparison_json(ledger, comparison));
  json["decisions"] = Json::array();
  for (const auto& decision : ledger.decisions_of(id)) {
    Json entry = {{"is_kept", decision.is_kept},
                  {"rule", decision.rule},
                  {"reason", decision.reason},
                  {"stage", stage_json(ledger, decision.stage)}};
    if (decision.score) entry["score"] = *decision.score;
    json["decisions"].push_back(std::move(entry));
  }
}

Json reply_json(const ledger::Ledger& ledger, ledger::GenerationId id) {
  const auto generation = ledger.find(id);
  if (!generation) return {{"id", id.hex()}, {"is_removed", true}};
  double log_prob = 0;
  for (const float value : generation->log_probs) log_prob += value;
  Json json = {{"id", id.hex()},
               {"prompt", generation->prompt.hex()},
               {"kind", name_of(generation->kind)},
               {"stage", stage_json(ledger, generation->stage)},
               {"sample", generation->sample},
               {"model", named(ledger, generation->model)},
               {"messages", chat::messages_to_json(generation->reply)},
               {"tokens", generation->ids.size()},
               {"log_probability", log_prob},
               {"options", generation->options}};
  if (!generation->reply.empty()) json["ending"] = chat::name_of(generation->reply.back().ending);
  if (!generation->fault.empty()) json["fault"] = generation->fault;
  if (!generation->origin.empty()) json["origin"] = generation->origin;
  if (!generation->edited_from.is_nothing()) json["edited_from"] = generation->edited_from.hex();
  json["edits"] = Json::array();
  for (const auto edit : ledger.edits_of(id)) json["edits"].push_back(edit.hex());
  add_opinions(ledger, id, json);
  return json;
}

Json model_json(const ledger::ModelFact& model) {
  return {{"name", model.name}, {"hash", model.hash}, {"made_by", model.made_by}, {"folder", model.folder}};
}

Json models_json(const std::vector<ledger::ModelFact>& models) {
  auto json = Json::array();
  for (const auto& model : models) json.push_back(model_json(model));
  return json;
}

// The rows that hold any of these replies, and the models that were trained on them or made of those.
void add_future(const ledger::Ledger& ledger, const std::vector<ledger::GenerationId>& replies, Json& json) {
  json["rows"] = Json::array();
  std::set<ledger::TrainingRowId> seen;
  std::vector<std::string> stages;
  for (const auto reply : replies) {
    for (const auto& row : ledger.training_rows_with(reply)) {
      const auto id = ledger::id_of(row);
      if (!seen.insert(id).second) continue;
      json["rows"].push_back({{"id", id.hex()},
                              {"kind", row.kind},
                              {"ordinal", row.ordinal},
                              {"stage", stage_json(ledger, row.stage)}});
      if (std::find(stages.begin(), stages.end(), row.stage) == stages.end()) stages.push_back(row.stage);
    }
  }
  json["models"] = models_json(ledger.descendants_of(stages));
}

Json trace(const ledger::Ledger& ledger, ledger::PromptId id) {
  Json json = {{"kind", "prompt"}, {"prompt", prompt_json(ledger, id)}, {"replies", Json::array()}};
  const auto replies = ledger.replies_to(id);
  for (const auto reply : replies) json["replies"].push_back(reply_json(ledger, reply));
  json["next_turns"] = Json::array();
  for (const auto next : ledger.next_turns_of(id)) json["next_turns"].push_back(next.hex());
  add_future(ledger, replies, json);
  return json;
}

Json trace(const ledger::Ledger& ledger, ledger::GenerationId id) {
  Json json = {{"kind", "reply"},
               {"prompt", prompt_json(ledger, ledger.find(id)->prompt)},
               {"replies", Json::array({reply_json(ledger, id)})}};
  add_future(ledger, {id}, json);
  return json;
}

Json trace(const ledger::Ledger& ledger, ledger::ComparisonId id) {
  const auto comparison = ledger.find(id);
  std::vector<ledger::GenerationId> replies = {comparison->preferred, comparison->other};
  if (!comparison->edited.is_nothing()) replies.insert(replies.begin(), comparison->edited);
  Json json = {{"kind", "comparison"},
               {"comparison", comparison_json(ledger, id)},
               {"prompt", prompt_json(ledger, comparison->prompt)},
               {"replies", Json::array()}};
  for (const auto reply : replies) json["replies"].push_back(reply_json(ledger, reply));
  add_future(ledger, replies, json);
  return json;
}

Json trace(const ledger::Ledger& ledger, ledger::TrainingRowId id) {
  const auto row = ledger.find(id);
  Json json = {{"kind", "row"},
               {"row", {{"id", id.hex()},
                        {"kind", row->kind},
                        {"ordinal", row->ordinal},
                        {"stage", stage_json(ledger, row->stage)}}}};
  if (!row->generations.empty()) {
    if (const auto reply = ledger.find(row->generations[0])) json["prompt"] = prompt_json(ledger, reply->prompt);
  }
  json["replies"] = Json::array();
  for (const auto reply : row->generations) json["replies"].push_back(reply_json(ledger, reply));
  json["models"] = models_json(ledger.descendants_of(std::vector<std::string>{row->stage}));
  return json;
}

// A model's parents and theirs, nearest first.
void add_ancestors(const ledger::Ledger& ledger, const ledger::ModelFact& model, std::set<std::string>& seen,
                   Json& ancestors) {
  for (const auto& parent : model.parents) {
    if (!seen.insert(parent.hash).second) continue;
    const auto found = ledger.find_model(parent.hash);
    Json json = found ? model_json(*found) : Json{{"name", parent.hash}, {"hash", parent.hash}};
    json["of"] = model.name;
    json["weight"] = parent.weight;
    ancestors.push_back(std::move(json));
    if (found) add_ancestors(ledger, *found, seen, ancestors);
  }
}

Json trace_model(const ledger::Ledger& ledger, const std::string& hash) {
  const auto model = ledger.find_model(hash);
  Json json = {{"kind", "model"}, {"model", model_json(*model)}};
  json["model"]["stage"] = stage_json(ledger, model->stage);
  json["model"]["data"] = model->data;
  json["model"]["options"] = model->options;
  json["ancestors"] = Json::array();
  std::set<std::string> seen = {hash};
  add_ancestors(ledger, *model, seen, json["ancestors"]);
  json["data"] = Json::array();
  for (const auto& row : ledger.row_counts_of(model->stage))
    json["data"].push_back({{"kind", row.kind}, {"source", row.source}, {"rows", row.count}});
  json["models"] = models_json(ledger.descendants_of_models(std::vector<std::string>{hash}));
  return json;
}

struct Candidate {
  std::string kind;
  std::string name;
  std::variant<ledger::PromptId, ledger::GenerationId, ledger::ComparisonId, ledger::TrainingRowId, std::string> id;
};

std::vector<Candidate> candidates(const ledger::Ledger& ledger, std::string_view name) {
  std::vector<Candidate> found;
  const auto take = [&](const char* kind, const auto& ids) {
    for (const auto& id : ids) found.push_back({kind, id.hex(), id});
  };
  take("prompt", ledger.prompts_beginning(name));
  take("reply", ledger.generations_beginning(name));
  take("comparison", ledger.comparisons_beginning(name));
  take("training row", ledger.training_rows_beginning(name));
  for (const auto& hash : ledger.models_beginning(name)) found.push_back({"model", hash, hash});
  return found;
}

Json trace(const ledger::Ledger& ledger, const std::string& hash) { return trace_model(ledger, hash); }

}  // namespace

Json trace_of(const ledger::Ledger& ledger, std::string_view name) {
  const auto found = candidates(ledger, name);
  if (found.empty()) {
    throw base::UserError(
        "Nothing in the ledger has a name that begins with {}; names are hexadecimal digits, as the report and "
        "drover trace show them.",
        base::shown_name(name));
  }
  if (found.size() > 1) {
    constexpr std::size_t kNumListed = 12;
    std::vector<std::string> list;
    for (std::size_t i = 0; i < std::min(found.size(), kNumListed); ++i)
      list.push_back(found[i].kind + " " + found[i].name);
    throw base::UserError("{} names begin with {}; give more digits: {}{}.",
                          found.size() > kNumListed ? fmt::format("More than {}", kNumListed)
                                                    : std::to_string(found.size()),
                          base::shown_name(name), fmt::join(list, ", "), found.size() > kNumListed ? ", ..." : "");
  }
  return std::visit([&](const auto& id) { return trace(ledger, id); }, found[0].id);
}

std::string describe_trace(const ledger::Ledger& ledger, std::string_view name) {
  return text_of_trace(trace_of(ledger, name));
}

}  // namespace drover::report
