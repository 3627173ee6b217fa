#pragma once

#include <functional>
#include <string>

#include <soci/soci.h>

#include "ledger/schema.h"

namespace drover::ledger {

/// Brings the tables of schema version 1 to version 2, within the caller's transaction. Facts keep their names, values
/// and order. `word(text)` gives a text's number in the table `words`, writing it when it is new.
void migrate_from_version_1(soci::session& sql, SqlDialect dialect,
                            const std::function<std::int64_t(const std::string&)>& word);

}  // namespace drover::ledger
