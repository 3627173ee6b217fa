#pragma once

#include <string>
#include <vector>

namespace drover::ledger {

enum class SqlDialect { kSqlite, kPostgres };

/// The statements that make the tables of schema version kSchemaVersion.
std::vector<std::string> schema_statements(SqlDialect dialect);

}  // namespace drover::ledger
