#include "ledger/schema.h"

#include <array>
#include <string_view>

namespace drover::ledger {
namespace {

// Each fact has `seq`, the order of writing, and `id`, its name (fact_id.h). Text and numbers only: databases disagree
// about the rest.
constexpr std::array kTables = {
    "create table nodes (SEQ, id bigint not null unique, parent bigint not null, message text not null)",
    "create table prompts (SEQ, id bigint not null unique, node bigint not null, setting text not null, source text "
    "not null, "
    "licence text not null, tags text not null, difficulty double precision, checker text not null, expected text not "
    "null)",
    "create table generations (SEQ, id bigint not null unique, prompt bigint not null, stage text not null, sample "
    "bigint not null, "
    "model text not null, tokenizer text not null, ids text not null, log_probs text not null, first_node bigint not "
    "null, "
    "last_node bigint not null, fault text not null, options text not null)",
    "create table scores (SEQ, id bigint not null unique, generation bigint not null, stage text not null, scorer text "
    "not null, "
    "value double precision not null)",
    "create table checked_answers (SEQ, id bigint not null unique, generation bigint not null, stage text not null, "
    "checker text not null, is_right bigint not null, answer text not null, reason text not null)",
    "create table comparisons (SEQ, id bigint not null unique, prompt bigint not null, stage text not null, preferred "
    "bigint not null, "
    "other bigint not null, level bigint not null, annotator text not null, reason text not null)",
    "create table decisions (SEQ, id bigint not null unique, generation bigint not null, stage text not null, rule "
    "text not null, "
    "is_kept bigint not null, reason text not null)",
    "create table training_rows (SEQ, id bigint not null unique, stage text not null, ordinal bigint not null, kind "
    "text not null)",
    "create table training_row_generations (SEQ, id bigint not null unique, training_row bigint not null, place bigint "
    "not null, "
    "generation bigint not null)",
    "create table models (SEQ, id bigint not null unique, hash text not null, name text not null, stage text not null, "
    "folder text not null, made_by text not null, data text not null, options text not null)",
    "create table model_parents (SEQ, id bigint not null unique, stage text not null, model text not null, parent text "
    "not null, "
    "place bigint not null, weight double precision not null)",
    "create table stages (SEQ, id bigint not null unique, key text not null, name text not null, revision bigint not "
    "null, "
    "inputs text not null, options text not null, seed text not null)",
    "create table stage_ends (SEQ, key text not null, seconds double precision not null, output text not null, hash "
    "text not null)",
    "create table metrics (SEQ, id bigint not null unique, stage text not null, name text not null, subject text not "
    "null, "
    "step bigint not null, value double precision not null, low double precision, high double precision, count bigint "
    "not null)",
    "create table runs (SEQ, run text not null, recipe_name text not null, recipe_text text not null)",
    "create table run_stages (SEQ, id bigint not null unique, run text not null, ordinal bigint not null, stage text "
    "not null)",
    "create table meta (name text primary key, value text not null)",
};

constexpr std::array kIndices = {
    "create index generations_by_stage on generations (stage, prompt)",
    "create index generations_by_prompt on generations (prompt)",
    "create index scores_by_generation on scores (generation)",
    "create index checked_answers_by_generation on checked_answers (generation)",
    "create index comparisons_by_stage on comparisons (stage)",
    "create index comparisons_by_preferred on comparisons (preferred)",
    "create index comparisons_by_other on comparisons (other)",
    "create index decisions_by_generation on decisions (generation)",
    "create index decisions_by_stage on decisions (stage)",
    "create index training_rows_by_stage on training_rows (stage)",
    "create index training_row_generations_by_row on training_row_generations (training_row)",
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

}  // namespace

std::vector<std::string> schema_statements(SqlDialect dialect) {
  const std::string sequence = dialect == SqlDialect::kSqlite ? "seq integer primary key" : "seq bigserial primary key";
  std::vector<std::string> statements;
  for (std::string statement : kTables) {
    if (const auto at = statement.find("SEQ"); at != std::string::npos) statement.replace(at, 3, sequence);
    statements.push_back(std::move(statement));
  }
  statements.insert(statements.end(), kIndices.begin(), kIndices.end());
  return statements;
}

}  // namespace drover::ledger
