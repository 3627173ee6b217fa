#pragma once

#include <string>

#include "cli/inspected_row.h"

namespace drover::cli {

/// A row as a table, one token a line: position, id, role, the token, and for each kind of training "WEIGHT@INDEX", where it is learned.
/// With `colour` the tokens have the colour of their role (ANSI).
std::string inspect_table(const InspectedRow& row, const std::string& title, bool colour);

}  // namespace drover::cli
