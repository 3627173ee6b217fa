#include "ledger/schema.h"

#include <array>
#include <string_view>

namespace drover::ledger {
namespace {

// Each fact has `seq`, the order of writing, and most have `id`, a name by content (fact_id.h). Text and numbers only:
// databases disagree about the rest. WORD is the number of a text in `words`: what many rows repeat (stages, models,
// sampling options) is stored once. Facts about a reply are unique by what they are about, and that index also finds
// them.
//
// PROMPT and REPLY are the `seq` of a row, not its `id`: what is written together then lies together in the indices.
// With ids, which are hashes, a million samples touch every page of every index again and again. For the same reason a
// reply holds its messages itself; only what other messages follow is a node.
constexpr std::array kTables = {
    "create table words (SEQ, id bigint not null unique, text text not null)",
    "create table nodes (SEQ, id bigint not null unique, parent bigint not null, message text not null)",
    "create table prompts (SEQ, id bigint not null unique, node bigint not null, setting WORD, source WORD, "
    "licence WORD, tags WORD, difficulty double precision, checker WORD, expected text not null, "
    "parent bigint not null, turn bigint not null)",
    "create table generations (SEQ, id bigint not null unique, prompt PROMPT, stage WORD, sample bigint not "
    "null, model WORD, tokenizer WORD, ids text not null, log_probs text not null, reply text not null, fault WORD, options WORD, kind bigint not null, origin WORD, edited_from bigint not "
    "null)",
    "create table scores (SEQ, generation REPLY, stage WORD, scorer WORD, value double precision not null, "
    "reason text not null, unique (generation, stage, scorer))",
    "create table checked_answers (SEQ, generation REPLY, stage WORD, checker WORD, is_right bigint not "
    "null, answer text not null, reason text not null, unique (generation, stage, checker))",
    "create table comparisons (SEQ, id bigint not null unique, prompt bigint not null, stage WORD, preferred bigint "
    "not null, other bigint not null, edited bigint not null, level bigint not null, unit bigint not null, annotator "
    "WORD, reason text not null, request bigint not null)",
    "create table comparison_requests (SEQ, id bigint not null unique, prompt bigint not null, stage WORD, first_reply "
    "bigint not null, second_reply bigint not null, unit bigint not null, annotator WORD)",
    "create table comparison_answers (SEQ, request bigint not null, annotator WORD, preferred bigint not null, level "
    "bigint not null, reason text not null, edited text not null, answered_at text not null, unique (request, "
    "annotator))",
    "create table decisions (SEQ, generation REPLY, stage WORD, rule WORD, is_kept bigint not null, reason "
    "text not null, score double precision, unique (generation, stage, rule))",
    "create table training_rows (SEQ, id bigint not null unique, stage WORD, ordinal bigint not null, kind WORD)",
    "create table training_row_generations (SEQ, training_row bigint not null, place bigint not null, generation "
    "bigint not null, unique (training_row, place))",
    "create table models (SEQ, id bigint not null unique, hash text not null, name text not null, stage text not null, "
    "folder text not null, made_by text not null, data text not null, options text not null)",
    "create table model_parents (SEQ, id bigint not null unique, stage text not null, model text not null, parent text "
    "not null, place bigint not null, weight double precision not null)",
    "create table model_removals (SEQ, hash text not null, folder text not null, reason text not null, removed_at text "
    "not null)",
    "create table sources (SEQ, id bigint not null unique, name text not null, licence text not null, location text "
    "not null, hash text not null)",
    "create table source_removals (SEQ, source text not null, counts text not null, models text not null, removed_at "
    "text not null)",
    "create table stages (SEQ, id bigint not null unique, key text not null, name text not null, revision bigint not "
    "null, inputs text not null, options text not null, seed text not null)",
    "create table stage_ends (SEQ, key text not null, seconds double precision not null, output text not null, hash "
    "text not null, ended_at text not null)",
    "create table metrics (SEQ, id bigint not null unique, stage text not null, name text not null, subject text not "
    "null, step bigint not null, value double precision not null, low double precision, high double precision, count "
    "bigint not null)",
    "create table runs (SEQ, run text not null, recipe_name text not null, recipe_text text not null, began_at text "
    "not null, process text not null)",
    "create table run_stages (SEQ, id bigint not null unique, run text not null, ordinal bigint not null, stage text "
    "not null)",
    "create table meta (name text primary key, value text not null)",
};

// What finds the facts of a stage is in the order of writing, so that a stage that writes appends to its index.
constexpr std::array kIndices = {
    "create index prompts_by_source on prompts (source)",
    "create index prompts_by_parent on prompts (parent)",
    "create index generations_by_stage on generations (stage)",
    "create index generations_by_prompt on generations (prompt)",
    "create index scores_by_stage on scores (stage)",
    "create index checked_answers_by_stage on checked_answers (stage)",
    "create index comparisons_by_stage on comparisons (stage)",
    "create index comparisons_by_preferred on comparisons (preferred)",
    "create index comparisons_by_other on comparisons (other)",
    "create index comparisons_by_edited on comparisons (edited)",
    "create index comparison_requests_by_stage on comparison_requests (stage)",
    "create index decisions_by_stage on decisions (stage)",
    "create index training_rows_by_stage on training_rows (stage)",
    "create index training_row_generations_by_generation on training_row_generations (generation)",
    "create index models_by_stage on models (stage)",
    "create index models_by_hash on models (hash)",
    "create index model_parents_by_model on model_parents (model)",
    "create index model_parents_by_parent on model_parents (parent)",
    "create index stages_by_key on stages (key)",
    "create index stage_ends_by_key on stage_ends (key)",
    "create index metrics_by_stage on metrics (stage)",
    "create index run_stages_by_run on run_stages (run)",
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::vector<std::string> table_statements(SqlDialect dialect) {
  const std::string_view sequence =
      dialect == SqlDialect::kSqlite ? "seq integer primary key" : "seq bigserial primary key";
  std::vector<std::string> statements;
  for (std::string statement : kTables) {
    replace_all(statement, "(SEQ", "(" + std::string(sequence));
    for (const auto* reference : {" WORD", " PROMPT", " REPLY"}) replace_all(statement, reference, " bigint not null");
    statements.push_back(std::move(statement));
  }
  return statements;
}

std::vector<std::string> index_statements() { return {kIndices.begin(), kIndices.end()}; }

}  // namespace drover::ledger
