#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "chat/dialog.h"

namespace drover::evaluate {

/// Calls `on_row` for each row of FOLDER/NAME.jsonl or FOLDER/NAME.jsonl.gz (the first of the two that is there); blank lines count but are
/// left out. What `on_row` throws as UserError gets file and line. Throws UserError when neither file is there, one cannot be read or holds more
/// than 1 GiB.
void for_each_suite_row(const std::filesystem::path& folder, std::string_view name,
                        const std::function<void(std::int64_t line, const chat::Json& row)>& on_row);

bool has_suite_rows(const std::filesystem::path& folder, std::string_view name);

}  // namespace drover::evaluate
