#include "ledger/ledger.h"

#include <soci/sqlite3/soci-sqlite3.h>

#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ledger/ledger_store.h"
#include "ledger/schema.h"

namespace drover::ledger {
namespace {

constexpr std::string_view kKind = "drover ledger";

// A file name that the connection string cannot hold would open another file in silence.
std::string connection_string(const std::filesystem::path& file, bool read_only) {
  const auto path = file.string();
  if (path.find_first_of("\"\n") != std::string::npos) {
    throw base::UserError("The ledger's path '{}' holds a quote or a line break; choose another folder.", path);
  }
  return fmt::format("dbname=\"{}\" timeout=30 synchronous=full{}", path, read_only ? " readonly=true" : "");
}

bool has_tables(soci::session& sql) {
  int count = 0;
  sql << "select count(*) from sqlite_master where type = 'table'", soci::into(count);
  return count > 0;
}

std::optional<std::string> meta(soci::session& sql, const std::string& name) {
  int tables = 0;
  sql << "select count(*) from sqlite_master where type = 'table' and name = 'meta'", soci::into(tables);
  if (tables == 0) return std::nullopt;
  std::string value;
  sql << "select value from meta where name = :name", soci::use(name, "name"), soci::into(value);
  if (!sql.got_data()) return std::nullopt;
  return value;
}

/// Asked before SOCI opens the file, because SOCI never closes a file that it opened and found to be no database.
bool begins_as_database(const std::filesystem::path& file) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  std::ifstream stream(file, std::ios::binary);
  std::string begin(kMagic.size(), '\0');
  stream.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return stream.gcount() == 0 || begin == kMagic;  // an empty file becomes a ledger
}

void create_tables(soci::session& sql) {
  soci::transaction whole(sql);
  if (has_tables(sql)) return;  // another process was faster
  for (const auto& statement : schema_statements(SqlDialect::kSqlite)) sql << statement;
  const std::string kind(kKind);
  const auto version = std::to_string(kSchemaVersion);
  sql << "insert into meta (name, value) values ('kind', :kind)", soci::use(kind, "kind");
  sql << "insert into meta (name, value) values ('schema', :version)", soci::use(version, "version");
  whole.commit();
}

void check_schema(soci::session& sql, const std::filesystem::path& file) {
  if (meta(sql, "kind") != kKind) {
    throw base::UserError("{} is a database but not a ledger of drover; name the home folder of a run.", file.string());
  }
  const auto version = meta(sql, "schema").value_or("");
  if (version == std::to_string(kSchemaVersion)) return;
  const bool is_newer = !version.empty() && version.find_first_not_of("0123456789") == std::string::npos &&
                        (version.size() > 1 || version[0] - '0' > kSchemaVersion);
  if (!is_newer)
    throw base::UserError("{} names schema '{}', which no drover has written; restore it from a copy.", file.string(),
                          version);
  throw base::UserError("{} was written by a newer drover (schema {}, this one knows {}); use that drover.",
                        file.string(), version, kSchemaVersion);
}

}  // namespace

void Ledger::Store::rethrow(const soci::soci_error& error) const {
  // What follows are the statement and its values, whole prompts among them: they neither belong into a sentence nor
  // tell what failed.
  const std::string whole = error.what();
  const auto what = whole.substr(0, whole.find(" while executing "));
  const auto holds = [&](std::string_view part) { return what.find(part) != std::string::npos; };
  if (holds("not a database") || holds("malformed")) {
    throw base::UserError("{} is damaged or not a ledger ({}); restore it from a copy or choose another home.",
                          file.string(), what);
  }
  if (holds("locked") || holds("busy")) {
    throw base::SurroundingsError(
        "{} is held by another process; wait for it to finish and run the same command again.", file.string());
  }
  throw base::SurroundingsError("The ledger {} cannot be used: {}.", file.string(), what);
}

Ledger::Ledger(const std::filesystem::path& file, OpenMode mode) : store_(std::make_unique<Store>(file)) {
  const bool exists = std::filesystem::exists(file);
  if (!exists && mode != OpenMode::kCreate) {
    throw base::UserError("There is no ledger at {}; name the home folder of a run (drover run makes runs/NAME).",
                          file.string());
  }
  if (exists && !std::filesystem::is_regular_file(file))
    throw base::UserError("{} is not a file, so it is no ledger.", file.string());
  if (exists && !begins_as_database(file)) {
    throw base::UserError("{} is damaged or not a ledger (file is not a database); restore it from a copy or choose another home.",
                          file.string());
  }
  store_->guarded([&] {
    auto& sql = store_->sql;
    sql.open(soci::sqlite3, connection_string(file, mode == OpenMode::kReadOnly));
    if (mode != OpenMode::kReadOnly) {
      // The log beside the file lets readers go on while one writes.
      std::string journal;
      sql << "pragma journal_mode = wal", soci::into(journal);
    }
    if (mode == OpenMode::kCreate && !has_tables(sql)) create_tables(sql);
    check_schema(sql, file);
  });
}

Ledger::~Ledger() = default;

Ledger::Batch::Batch(Ledger& ledger) : ledger_(ledger) {
  DROVER_CHECK(!ledger.store_->in_batch, "Batches do not nest");
  ledger_.store_->guarded([&] { ledger_.store_->sql.begin(); });
  ledger_.store_->in_batch = true;
}

Ledger::Batch::~Batch() {
  if (committed_) return;
  ledger_.store_->in_batch = false;
  try {
    ledger_.store_->sql.rollback();
  } catch (const soci::soci_error&) {
    // A destructor may not throw, and the database drops an unfinished transaction by itself.
  }
}

void Ledger::Batch::commit() {
  DROVER_CHECK(!committed_, "A batch is committed once");
  ledger_.store_->guarded([&] { ledger_.store_->sql.commit(); });
  ledger_.store_->in_batch = false;
  committed_ = true;
}

}  // namespace drover::ledger
