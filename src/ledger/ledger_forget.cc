// Ledger: removal of data, and what is known about it.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/shown_name.h"
#include "ledger/ledger.h"
#include "ledger/ledger_store.h"

namespace drover::ledger {
namespace {

using soci::into;
using soci::use;

std::int64_t count_of(soci::session& sql, const std::string& from) {
  std::int64_t count = 0;
  sql << "select count(*) from " + from, into(count);
  return count;
}

// Fills the temporary tables gone_prompts and gone_replies with what comes from the source. A dialog's later turns
// repeat its messages, and a prompt may go on from a reply that the source gave, so the two grow until nothing is added.
void collect(soci::session& sql, std::int64_t source) {
  sql << "create temp table gone_prompts (seq bigint primary key, id bigint)";
  sql << "create temp table gone_replies (seq bigint primary key, id bigint)";
  sql << fmt::format("insert into gone_prompts select seq, id from prompts where source = {}", source);
  sql << fmt::format("insert into gone_replies select seq, id from generations where origin = {}", source);
  for (std::int64_t before = -1, now = 0; before != now;) {
    before = now;
    sql << "insert into gone_replies select seq, id from generations where (prompt in (select seq from gone_prompts) "
           "or edited_from in (select id from gone_replies)) and seq not in (select seq from gone_replies)";
    sql << "insert into gone_prompts select seq, id from prompts where parent in (select id from gone_prompts) and seq "
           "not in (select seq from gone_prompts)";
    // Turns that go on from a removed reply to a prompt that stays. Their parent is that reply's prompt, and the words
    // of the reply stand in them; which of several replies it was does not matter: all of them name the source.
    sql << "insert into gone_prompts select c.seq, c.id from prompts c join prompts p on p.id = c.parent join "
           "generations g on g.prompt = p.seq join gone_replies r on r.seq = g.seq join nodes a on a.parent = p.node "
           "where c.seq not in (select seq from gone_prompts) and c.turn > p.turn and g.reply = '[' || a.message || "
           "']' and c.node in (select n.id from nodes n where n.parent = a.id or n.id = a.id) group by c.seq, c.id";
    now = count_of(sql, "gone_prompts") + count_of(sql, "gone_replies");
  }
}

struct Doomed {
  const char* table;
  std::string condition;
};

const std::string kReplyIds = "(select id from gone_replies)";
const std::string kReplySeqs = "(select seq from gone_replies)";
const std::string kPromptIds = "(select id from gone_prompts)";

// In an order in which each condition still finds what it names.
std::vector<Doomed> doomed_facts() {
  const auto rows = "(select training_row from training_row_generations where generation in " + kReplyIds + ")";
  const auto requests = "(select id from comparison_requests where prompt in " + kPromptIds +
                        " or first_reply in " + kReplyIds + " or second_reply in " + kReplyIds + ")";
  return {
      {"scores", "generation in " + kReplySeqs},
      {"checked_answers", "generation in " + kReplySeqs},
      {"decisions", "generation in " + kReplySeqs},
      {"comparison_answers", "request in " + requests},
      {"comparison_requests", "prompt in " + kPromptIds + " or first_reply in " + kReplyIds + " or second_reply in " +
                                  kReplyIds},
      {"comparisons", "prompt in " + kPromptIds + " or preferred in " + kReplyIds + " or other in " + kReplyIds +
                          " or edited in " + kReplyIds},
      {"training_rows", "id in " + rows},
      // Also the replies of other sources in such a row, so that no half of one is left.
      {"training_row_generations", "training_row in " + rows},
      {"generations", "seq in " + kReplySeqs},
      {"prompts", "seq in (select seq from gone_prompts)"},
  };
}

std::vector<std::string> texts(soci::session& sql, const std::string& query) {
  std::vector<std::string> found;
  for (const auto& text : soci::rowset<std::string>((sql.prepare << query))) found.push_back(text);
  return found;
}

// Keys of stages that have written facts which go.
std::vector<std::string> touched_stages(soci::session& sql) {
  std::string all;
  for (const auto& fact : doomed_facts()) {
    const std::string_view table = fact.table;
    if (table == "prompts" || table == "comparison_answers" || table == "training_row_generations") continue;
    all += (all.empty() ? "" : " union ") + fmt::format("select stage from {} where {}", table, fact.condition);
  }
  return texts(sql, "select text from words where seq in (" + all + ")");
}

// Messages of dialogs and repeated texts that nothing refers to any more: tools of a removed prompt among them.
void remove_orphans(soci::session& sql) {
  sql << "delete from nodes where id not in (with recursive kept(id) as (select node from prompts union select "
         "n.parent from nodes n join kept k on n.id = k.id) select id from kept)";
  sql << "delete from words where seq not in (select setting from prompts union select source from prompts union "
         "select licence from prompts union select tags from prompts union select checker from prompts union select "
         "stage from generations union select model from generations union select tokenizer from generations union "
         "select fault from generations union select options from generations union select origin from generations "
         "union select stage from scores union select scorer from scores union select stage from checked_answers union "
         "select checker from checked_answers union select stage from comparisons union select annotator from "
         "comparisons union select stage from comparison_requests union select annotator from comparison_requests "
         "union select annotator from comparison_answers union select stage from decisions union select rule from "
         "decisions union select stage from training_rows union select kind from training_rows)";
}

std::string models_text(const std::vector<ModelFact>& models) {
  auto json = chat::Json::array();
  for (const auto& model : models) json.push_back({{"name", model.name}, {"hash", model.hash}});
  return json.dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

}  // namespace

SourceRemoval Ledger::forget_source(std::string_view source, bool is_dry_run) {
  SourceRemoval removal{.source = std::string(source), .counts = {}, .stages = {}, .models = {}};
  auto& sql = store_->sql;
  store_->guarded([&] {
    sql << "pragma secure_delete = on";  // the bytes are overwritten, not only let go
    sql << "drop table if exists gone_prompts";
    sql << "drop table if exists gone_replies";
  });
  Batch batch(*this);
  store_->guarded([&] {
    const auto word = store_->known_word(removal.source);
    collect(sql, word);
    if (count_of(sql, "gone_prompts") + count_of(sql, "gone_replies") == 0) {
      throw base::UserError("Nothing in the ledger {} comes from a source called {}; its sources are: {}.",
                            store_->file.string(), base::shown_name(source), names_of_sources());
    }
    const auto trained = texts(
        sql, "select w.text from words w where w.seq in (select r.stage from training_rows r join "
             "training_row_generations t on t.training_row = r.id where t.generation in " +
                 kReplyIds + ")");
    removal.models = descendants_of(trained);
    for (const auto& key : touched_stages(sql)) {
      const auto stage = find_stage(key);
      removal.stages.push_back(stage ? stage->name : key);
      sql << "delete from stage_ends where key = :key", use(key, "key");
    }
    std::sort(removal.stages.begin(), removal.stages.end());
    for (const auto& fact : doomed_facts())
      removal.counts.emplace_back(fact.table, count_of(sql, fmt::format("{} where {}", fact.table, fact.condition)));
    // Links first: they tell which rows go.
    sql << "create temp table gone_rows as select distinct training_row as id from training_row_generations where "
           "generation in " + kReplyIds;
    for (const auto& fact : doomed_facts()) {
      const std::string_view table = fact.table;
      const auto condition = table == "training_rows"              ? "id in (select id from gone_rows)"
                             : table == "training_row_generations" ? "training_row in (select id from gone_rows)"
                                                                   : fact.condition;
      sql << fmt::format("delete from {} where {}", table, condition);
    }
    sql << "delete from sources where name = :source", use(removal.source, "source");
    remove_orphans(sql);
    auto counts = chat::Json::object();
    for (const auto& [table, count] : removal.counts) counts[table] = count;
    const auto counts_text = counts.dump();
    const auto models = models_text(removal.models);
    const auto time = utc_now();
    sql << "insert into source_removals (source, counts, models, removed_at) values (:source, :counts, :models, :time)",
        use(removal.source, "source"), use(counts_text, "counts"), use(models, "models"), use(time, "time");
    for (const auto* table : {"gone_prompts", "gone_replies", "gone_rows"})
      sql << "drop table " + std::string(table);
  });
  if (is_dry_run) return removal;  // the batch is not committed
  batch.commit();
  store_->forget_remembered();
  store_->guarded([&] {
    // The log beside the file holds older pages.
    soci::rowset<soci::row> checkpoint = (sql.prepare << "pragma wal_checkpoint(truncate)");
    for (const auto& row : checkpoint) static_cast<void>(row);
  });
  return removal;
}

std::string Ledger::names_of_sources() const {
  std::string names;
  for (const auto& name : texts(store_->sql, "select text from words where seq in (select source from prompts union "
                                             "select origin from generations) and text <> '' order by text limit 20"))
    names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

std::vector<RecordedRemoval> Ledger::removals() const {
  return store_->guarded([&] {
    std::vector<RecordedRemoval> removals;
    RecordedRemoval removal;
    soci::statement statement =
        (store_->sql.prepare << "select source, counts, models, removed_at from source_removals order by seq",
         into(removal.source), into(removal.counts), into(removal.models), into(removal.removed_at));
    statement.execute();
    while (statement.fetch()) removals.push_back(removal);
    return removals;
  });
}

void Ledger::add_model_removal(std::string_view hash, std::string_view folder, std::string_view reason) {
  store_->atomically([&] {
    const std::string hash_text(hash);
    const std::string folder_text(folder);
    const std::string reason_text(reason);
    const auto time = utc_now();
    store_->sql << "insert into model_removals (hash, folder, reason, removed_at) values (:hash, :folder, :reason, "
                   ":time)",
        use(hash_text, "hash"), use(folder_text, "folder"), use(reason_text, "reason"), use(time, "time");
  });
}

std::vector<std::string> Ledger::removed_models() const {
  return store_->guarded(
      [&] { return texts(store_->sql, "select hash from model_removals where hash <> '' order by seq"); });
}

std::vector<std::string> Ledger::damage() const {
  return store_->guarded([&] {
    auto lines = texts(store_->sql, "pragma quick_check");
    if (lines.size() == 1 && lines[0] == "ok") lines.clear();
    return lines;
  });
}

}  // namespace drover::ledger
