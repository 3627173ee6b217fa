#pragma once

#include <string>
#include <string_view>

#include "chat/dialog.h"

namespace drover::report {

/// JSON that a stage left in the ledger, read with distrust: null for what is no JSON or nests too deep.
chat::Json read_json(const std::string& text);

/// A field; the given value where the JSON is no object, lacks it or holds another type.
std::string text_at(const chat::Json& json, std::string_view field);
double number_at(const chat::Json& json, std::string_view field, double otherwise = 0);
bool flag_at(const chat::Json& json, std::string_view field);
/// null where there is none.
const chat::Json& part_at(const chat::Json& json, std::string_view field);

}  // namespace drover::report
