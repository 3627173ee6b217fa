#pragma once

#include <span>
#include <string>

#include "cli/inspected_row.h"

namespace drover::cli {

/// One self-contained HTML page: each row's tokens in running text, coloured by role, learned ones underlined; pointing at a token
/// shows its id, role and weights. Nothing is loaded from elsewhere, and no script runs.
std::string inspect_page(std::span<const InspectedRow> rows, const std::string& file, const std::string& model, std::string_view format);

}  // namespace drover::cli
