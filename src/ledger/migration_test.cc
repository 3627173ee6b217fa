#include "ledger/migration.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "ledger/ledger.h"

namespace drover::ledger {
namespace {

using ::testing::ElementsAre;

// The statements of the drover that wrote version 1, as they were.
constexpr std::array kVersion1 = {
    "create table nodes (seq integer primary key, id bigint not null unique, parent bigint not null, message text not "
    "null)",
    "create table prompts (seq integer primary key, id bigint not null unique, node bigint not null, setting text not "
    "null, source text not null, licence text not null, tags text not null, difficulty double precision, checker text "
    "not null, expected text not null)",
    "create table generations (seq integer primary key, id bigint not null unique, prompt bigint not null, stage text "
    "not null, sample bigint not null, model text not null, tokenizer text not null, ids text not null, log_probs text "
    "not null, first_node bigint not null, last_node bigint not null, fault text not null, options text not null)",
    "create table scores (seq integer primary key, id bigint not null unique, generation bigint not null, stage text "
    "not null, scorer text not null, value double precision not null)",
    "create table checked_answers (seq integer primary key, id bigint not null unique, generation bigint not null, "
    "stage text not null, checker text not null, is_right bigint not null, answer text not null, reason text not null)",
    "create table comparisons (seq integer primary key, id bigint not null unique, prompt bigint not null, stage text "
    "not null, preferred bigint not null, other bigint not null, level bigint not null, annotator text not null, "
    "reason text not null)",
    "create table decisions (seq integer primary key, id bigint not null unique, generation bigint not null, stage "
    "text not null, rule text not null, is_kept bigint not null, reason text not null)",
    "create table training_rows (seq integer primary key, id bigint not null unique, stage text not null, ordinal "
    "bigint not null, kind text not null)",
    "create table training_row_generations (seq integer primary key, id bigint not null unique, training_row bigint "
    "not null, place bigint not null, generation bigint not null)",
    "create table models (seq integer primary key, id bigint not null unique, hash text not null, name text not null, "
    "stage text not null, folder text not null, made_by text not null, data text not null, options text not null)",
    "create table model_parents (seq integer primary key, id bigint not null unique, stage text not null, model text "
    "not null, parent text not null, place bigint not null, weight double precision not null)",
    "create table stages (seq integer primary key, id bigint not null unique, key text not null, name text not null, "
    "revision bigint not null, inputs text not null, options text not null, seed text not null)",
    "create table stage_ends (seq integer primary key, key text not null, seconds double precision not null, output "
    "text not null, hash text not null)",
    "create table metrics (seq integer primary key, id bigint not null unique, stage text not null, name text not "
    "null, subject text not null, step bigint not null, value double precision not null, low double precision, high "
    "double precision, count bigint not null)",
    "create table runs (seq integer primary key, run text not null, recipe_name text not null, recipe_text text not "
    "null)",
    "create table run_stages (seq integer primary key, id bigint not null unique, run text not null, ordinal bigint "
    "not null, stage text not null)",
    "create table meta (name text primary key, value text not null)",
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
    "insert into meta (name, value) values ('kind', 'drover ledger'), ('schema', '1')",
};

// One prompt, two replies and what was said about them. Ids are numbers that no content has, to show that they stay.
constexpr std::array kFacts = {
    R"(insert into nodes (id, parent, message) values (10, 0, '{"role":"user","content":"3+4?"}'),
       (11, 10, '{"role":"assistant","content":"7"}'), (12, 10, '{"role":"assistant","content":"8"}'))",
    R"(insert into prompts (id, node, setting, source, licence, tags, difficulty, checker, expected) values
       (20, 10, '{"today":"26 Jul 2024"}', 'planted', 'CC0-1.0', '["sum"]', 0.25, 'numeric', '7'))",
    R"(insert into generations (seq, id, prompt, stage, sample, model, tokenizer, ids, log_probs, first_node, last_node,
       fault, options) values (5, 31, 20, 'collect', 1, 'model', 'tokenizer', 'CA', '', 12, 12, '', '{"top_p":1}'),
       (3, 30, 20, 'collect', 0, 'model', 'tokenizer', 'BQ', 'AACAvw', 11, 11, '', '{"top_p":1}'))",
    "insert into scores (id, generation, stage, scorer, value) values (1, 30, 'reject', 'reward', 1.25)",
    "insert into checked_answers (id, generation, stage, checker, is_right, answer, reason) values (2, 31, 'collect', "
    "'numeric', 0, '8', '8 is not 7')",
    "insert into comparisons (id, prompt, stage, preferred, other, level, annotator, reason) values (40, 20, "
    "'collect', 30, 31, 4, 'verifier', '7 is right')",
    "insert into decisions (id, generation, stage, rule, is_kept, reason) values (3, 31, 'curate', 'duplicate', 0, "
    "'as another')",
    "insert into training_rows (id, stage, ordinal, kind) values (50, 'dpo', 0, 'dpo')",
    "insert into training_row_generations (id, training_row, place, generation) values (4, 50, 0, 30), (5, 50, 1, 31)",
    "insert into models (id, hash, name, stage, folder, made_by, data, options) values (6, 'model', 'dpo-1', 'dpo', "
    "'models/dpo-1', 'dpo', '', '{}')",
    "insert into stage_ends (key, seconds, output, hash) values ('collect', 1.5, '{}', 'h')",
    "insert into runs (run, recipe_name, recipe_text) values ('run', 'small', 'name = \"small\"')",
};

class MigrationTest : public ::testing::Test {
 protected:
  MigrationTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover migration {}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    soci::session sql(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string()));
    soci::transaction whole(sql);
    for (const auto* statement : kVersion1) sql << statement;
    for (const auto* statement : kFacts) sql << statement;
    whole.commit();
  }
  ~MigrationTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file() const { return folder_ / "ledger.sqlite"; }

  // The statements that made a database, in the database's own words.
  static std::vector<std::string> layout(const std::filesystem::path& file) {
    soci::session sql(soci::sqlite3, fmt::format("dbname=\"{}\"", file.string()));
    std::vector<std::string> columns;
    for (const auto& column : soci::rowset<std::string>(
             (sql.prepare << "select m.name || '.' || i.name || ' ' || i.type || ' ' || i.pk from sqlite_master m, "
                             "pragma_table_info(m.name) i where m.type = 'table' union all select 'index ' || name "
                             "from sqlite_master where type = 'index' order by 1"))) {
      columns.push_back(column);
    }
    return columns;
  }

  std::filesystem::path folder_;
};

TEST_F(MigrationTest, KeepsEveryFactOfVersionOne) {
  const Ledger ledger(file(), Ledger::OpenMode::kWrite);
  const auto prompt = ledger.find(PromptId(20));
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->dialog.messages.at(0).content, "3+4?");
  EXPECT_EQ(prompt->dialog.today, "26 Jul 2024");
  EXPECT_EQ(prompt->source, "planted");
  EXPECT_EQ(prompt->licence, "CC0-1.0");
  EXPECT_THAT(prompt->tags, ElementsAre("sum"));
  EXPECT_EQ(prompt->difficulty, 0.25);
  EXPECT_EQ(prompt->checker, "numeric");
  EXPECT_TRUE(prompt->parent.is_nothing());
  const auto reply = ledger.find(GenerationId(30));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->prompt, PromptId(20));
  EXPECT_EQ(reply->model, "model");
  EXPECT_EQ(reply->options, "{\"top_p\":1}");
  EXPECT_THAT(reply->ids, ElementsAre(text::TokenId{5}));
  EXPECT_THAT(reply->log_probs, ElementsAre(-1.0F));
  EXPECT_EQ(reply->reply.at(0).content, "7");
  EXPECT_EQ(reply->kind, GenerationKind::kSampled);
  EXPECT_EQ(reply->origin, "");
  EXPECT_THAT(ledger.generations_of("collect"), ElementsAre(GenerationId(30), GenerationId(31)));  // by seq
  EXPECT_EQ(ledger.scores_of(GenerationId(30)).at(0).scorer, "reward");
  EXPECT_EQ(ledger.checked_answers_of(GenerationId(31)).at(0).reason, "8 is not 7");
  const auto comparison = ledger.find(ComparisonId(40));
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->annotator, "verifier");
  EXPECT_EQ(comparison->level, chat::PreferenceLevel::kSignificant);
  EXPECT_EQ(comparison->unit, ComparisonUnit::kMessage);
  EXPECT_TRUE(comparison->edited.is_nothing());
  EXPECT_EQ(ledger.decisions_of("curate").at(0).rule, "duplicate");
  EXPECT_THAT(ledger.find(TrainingRowId(50))->generations, ElementsAre(GenerationId(30), GenerationId(31)));
  EXPECT_EQ(ledger.find_model("model")->name, "dpo-1");
  EXPECT_EQ(ledger.find_stage_end("collect")->hash, "h");
  EXPECT_EQ(ledger.latest_run()->recipe_name, "small");
}

TEST_F(MigrationTest, LeavesTheTablesThatANewLedgerHas) {
  { const Ledger migrated(file(), Ledger::OpenMode::kWrite); }
  const auto fresh = folder_ / "fresh.sqlite";
  { const Ledger made(fresh, Ledger::OpenMode::kCreate); }
  EXPECT_EQ(layout(file()), layout(fresh));
}

TEST_F(MigrationTest, HappensAlsoWhenTheLedgerIsOnlyRead) {
  const Ledger ledger(file(), Ledger::OpenMode::kReadOnly);
  EXPECT_EQ(ledger.find(PromptId(20))->expected, "7");
}

TEST_F(MigrationTest, FactsThatAreThereAreStillFoundByTheirContent) {
  Ledger ledger(file(), Ledger::OpenMode::kWrite);
  const Generation same{.prompt = PromptId(20), .stage = "collect", .sample = 7, .model = "model", .tokenizer = {},
                        .ids = {}, .log_probs = {}, .reply = {}, .fault = {}, .options = {}};
  EXPECT_EQ(ledger.add(same), ledger.add(same));
  EXPECT_EQ(ledger.generations_of("collect").size(), 3U);
}

}  // namespace
}  // namespace drover::ledger
