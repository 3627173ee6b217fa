#pragma once

#include <string>
#include <vector>

namespace drover::ledger {

enum class SqlDialect { kSqlite, kPostgres };

/// The statements that make the tables of schema version kSchemaVersion, and their indices.
std::vector<std::string> table_statements(SqlDialect dialect);
std::vector<std::string> index_statements();

}  // namespace drover::ledger
