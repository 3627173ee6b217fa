#include "ledger/migration.h"

#include <array>
#include <string_view>
#include <vector>

namespace drover::ledger {
namespace {

struct MovedTable {
  std::string_view name;
  std::string_view columns;  ///< of both versions, "," between
  std::string_view words;    ///< those that hold a text in version 1 and its number in version 2
  std::string_view added;    ///< new columns that need a value
  std::string_view values;
  std::string_view joins{};  ///< what `values` needs
};

constexpr std::string_view kOfReply = " join generations g on g.id = o.generation";

constexpr std::array kMovedTables = {
    MovedTable{"prompts", "id,node,difficulty,expected", "setting,source,licence,tags,checker", "parent,turn", "0,0"},
    MovedTable{"generations", "id,sample,ids,log_probs", "stage,model,tokenizer,fault,options",
               "prompt,reply,kind,origin,edited_from", "p.seq, '[]', 0, :empty, 0",
               " join prompts p on p.id = o.prompt"},
    MovedTable{"scores", "value", "stage,scorer", "generation,reason", "g.seq, ''", kOfReply},
    MovedTable{"checked_answers", "is_right,answer,reason", "stage,checker", "generation", "g.seq", kOfReply},
    MovedTable{"comparisons", "id,prompt,preferred,other,level,reason", "stage,annotator", "edited,unit,request",
               "0,0,0"},
    MovedTable{"decisions", "is_kept,reason", "stage,rule", "generation", "g.seq", kOfReply},
    MovedTable{"training_rows", "id,ordinal", "stage,kind", "", ""},
    MovedTable{"training_row_generations", "training_row,place,generation", "", "", ""},
    MovedTable{"stage_ends", "key,seconds,output,hash", "", "ended_at", "''"},
    MovedTable{"runs", "run,recipe_name,recipe_text", "", "began_at,process", "'',''"},
};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    parts.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return parts;
}

// Texts can be long and many rows repeat them, so each is written once, before the rows are moved.
void write_words(soci::session& sql, const MovedTable& table,
                 const std::function<std::int64_t(const std::string&)>& word) {
  for (const auto& column : split(table.words)) {
    std::vector<std::string> texts;
    for (const auto& text : soci::rowset<std::string>(
             (sql.prepare << "select distinct " + column + " from old_" + std::string(table.name)))) {
      texts.push_back(text);
    }
    for (const auto& text : texts) word(text);
  }
}

void move_rows(soci::session& sql, const MovedTable& table, std::int64_t empty_word) {
  std::string columns = "seq";
  std::string values = "o.seq";
  std::string from = "old_" + std::string(table.name) + " o";
  for (const auto& column : split(table.columns)) {
    columns += ", " + column;
    values += ", o." + column;
  }
  for (const auto& column : split(table.words)) {
    columns += ", " + column;
    values += ", w_" + column + ".seq";
    from += " join words w_" + column + " on w_" + column + ".text = o." + column;
  }
  if (!table.added.empty()) {
    columns += ", " + std::string(table.added);
    std::string added(table.values);
    if (const auto at = added.find(":empty"); at != std::string::npos)
      added.replace(at, 6, std::to_string(empty_word));
    values += ", " + added;
  }
  from += table.joins;
  sql << "insert into " + std::string(table.name) + " (" + columns + ") select " + values + " from " + from +
             " order by o.seq";
}

// Version 1 kept the messages of a reply as nodes below its prompt's last one; version 2 keeps them in the reply's row.
void write_replies(soci::session& sql) {
  struct OldReply {
    std::int64_t seq = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  std::vector<OldReply> replies;
  OldReply old;
  soci::statement all = (sql.prepare << "select seq, first_node, last_node from old_generations where last_node <> 0",
                         soci::into(old.seq), soci::into(old.first), soci::into(old.last));
  all.execute();
  while (all.fetch()) replies.push_back(old);
  for (const auto& reply : replies) {
    std::string list;
    for (std::int64_t node = reply.last, next = 0; node != 0; node = node == reply.first ? 0 : next) {
      std::string message;
      sql << "select parent, message from nodes where id = :node", soci::use(node, "node"), soci::into(next),
          soci::into(message);
      if (!sql.got_data()) break;
      list = message + (list.empty() ? "" : ",") + list;
    }
    list = "[" + list + "]";
    sql << "update generations set reply = :reply where seq = :seq", soci::use(list, "reply"),
        soci::use(reply.seq, "seq");
  }
  sql << "delete from nodes where id in (select o.last_node from old_generations o where o.last_node = o.first_node) "
         "and id not in (select parent from nodes) and id not in (select node from prompts)";
}

}  // namespace

void migrate_from_version_1(soci::session& sql, SqlDialect dialect,
                            const std::function<std::int64_t(const std::string&)>& word) {
  for (const auto& table : kMovedTables)
    sql << "alter table " + std::string(table.name) + " rename to old_" + std::string(table.name);
  for (auto statement : table_statements(dialect)) {
    const auto at = statement.find("create table ") + std::string_view("create table ").size();
    sql << statement.insert(at, "if not exists ");
  }
  const auto empty_word = word("");
  for (const auto& table : kMovedTables) write_words(sql, table, word);
  // Only while rows move: joins by text need it.
  sql << "create index words_by_text on words (text)";
  for (const auto& table : kMovedTables) move_rows(sql, table, empty_word);
  write_replies(sql);
  sql << "drop index words_by_text";
  for (const auto& table : kMovedTables) sql << "drop table old_" + std::string(table.name);
  for (auto statement : index_statements()) {
    const auto at = statement.find("create index ") + std::string_view("create index ").size();
    sql << statement.insert(at, "if not exists ");
  }
}

}  // namespace drover::ledger
