#include "ledger/ledger.h"

#include <soci/sqlite3/soci-sqlite3.h>

#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "ledger/ledger_store.h"
#include "ledger/migration.h"
#include "ledger/schema.h"

namespace drover::ledger {
namespace {

constexpr std::string_view kKind = "drover ledger";

// A file name that the connection string cannot hold would open another file in silence.
std::string connection_string(const std::filesystem::path& file, bool read_only, std::chrono::seconds patience) {
  const auto path = file.string();
  if (path.find_first_of("\"\n") != std::string::npos) {
    throw base::UserError("The ledger's path '{}' holds a quote or a line break; choose another folder.", path);
  }
  return fmt::format("dbname=\"{}\" timeout={} synchronous=full{}", path, patience.count(),
                     read_only ? " readonly=true" : "");
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

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

// The schema of an existing ledger, from 1 to kSchemaVersion. Throws UserError for everything else.
std::int64_t schema_version(soci::session& sql, const std::filesystem::path& file) {
  if (meta(sql, "kind") != kKind) {
    throw base::UserError("{} is a database but not a ledger of drover; name the home folder of a run.", file.string());
  }
  const auto version = meta(sql, "schema").value_or("");
  const auto number = is_number(version) ? std::stoll(version) : 0;
  if (number < 1) {
    throw base::UserError("{} names schema '{}', which no drover has written; restore it from a copy.", file.string(),
                          version);
  }
  if (number > kSchemaVersion) {
    throw base::UserError("{} was written by a newer drover (schema {}, this one knows {}); use that drover.",
                          file.string(), version, kSchemaVersion);
  }
  return number;
}

}  // namespace

Ledger::Ledger(const std::filesystem::path& file, OpenMode mode, std::chrono::seconds patience)
    : store_(std::make_unique<Store>(file)) {
  std::error_code error;
  const bool exists = std::filesystem::exists(file, error);
  if (error) throw base::SurroundingsError("The ledger {} cannot be reached: {}.", file.string(), error.message());
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
  const bool is_read_only = mode == OpenMode::kReadOnly;
  bool is_old = false;
  store_->guarded([&] {
    auto& sql = store_->sql;
    sql.open(soci::sqlite3, connection_string(file, is_read_only, patience));
    // A page is taken when it is needed; many samples at once touch many.
    sql << "pragma cache_size = -262144";
    if (!is_read_only) {
      // The log beside the file lets readers go on while one writes.
      std::string journal;
      sql << "pragma journal_mode = wal", soci::into(journal);
      sql << "pragma wal_autocheckpoint = 8192";
    }
    if (mode == OpenMode::kCreate && !has_tables(sql)) create_tables();
    is_old = schema_version(sql, file) < kSchemaVersion;
    if (is_old && !is_read_only) migrate();
  });
  if (!is_old || !is_read_only) return;
  // Reading needs the new tables too.
  Ledger writer(file, OpenMode::kWrite, patience);
}

void Ledger::checkpoint() {
  store_->guarded([&] {
    soci::rowset<soci::row> copied = (store_->sql.prepare << "pragma wal_checkpoint(passive)");
    for (const auto& row : copied) static_cast<void>(row);
  });
}

void Ledger::let_log_grow() {
  store_->guarded([&] { store_->sql << "pragma wal_autocheckpoint = 65536"; });
}

void Ledger::create_tables() {
  store_->atomically([&] {
    auto& sql = store_->sql;
    if (has_tables(sql)) return;  // another process was faster
    for (const auto& statement : table_statements(SqlDialect::kSqlite)) sql << statement;
    for (const auto& statement : index_statements()) sql << statement;
    const std::string kind(kKind);
    const auto version = std::to_string(kSchemaVersion);
    sql << "insert into meta (name, value) values ('kind', :kind)", soci::use(kind, "kind");
    sql << "insert into meta (name, value) values ('schema', :version)", soci::use(version, "version");
  });
}

void Ledger::migrate() {
  store_->atomically([&] {
    auto& sql = store_->sql;
    if (schema_version(sql, store_->file) == kSchemaVersion) return;  // another process was faster
    migrate_from_version_1(sql, SqlDialect::kSqlite, [&](const std::string& text) { return store_->word(text); });
    const auto version = std::to_string(kSchemaVersion);
    sql << "update meta set value = :version where name = 'schema'", soci::use(version, "version");
  });
}

Ledger::~Ledger() = default;

const std::filesystem::path& Ledger::file() const { return store_->file; }

Ledger::Batch::Batch(Ledger& ledger) : ledger_(ledger) {
  DROVER_CHECK(!ledger.store_->in_batch, "Batches do not nest");
  ledger_.store_->guarded([&] { ledger_.store_->begin(); });
  ledger_.store_->in_batch = true;
}

Ledger::Batch::~Batch() {
  if (committed_) return;
  ledger_.store_->in_batch = false;
  ledger_.store_->rollback();
}

void Ledger::Batch::commit() {
  DROVER_CHECK(!committed_, "A batch is committed once");
  ledger_.store_->guarded([&] { ledger_.store_->commit(); });
  ledger_.store_->in_batch = false;
  committed_ = true;
}

}  // namespace drover::ledger
