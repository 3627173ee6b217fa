#include "report/stage_output.h"

#include "base/error.h"
#include "base/json_nesting.h"

namespace drover::report {

chat::Json read_json(const std::string& text) {
  try {
    base::require_shallow_json(text, "a stage's output");
  } catch (const base::UserError&) {
    return nullptr;
  }
  auto json = chat::Json::parse(text, nullptr, false);
  return json.is_discarded() ? chat::Json(nullptr) : json;
}

const chat::Json& part_at(const chat::Json& json, std::string_view field) {
  static const chat::Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(std::string(field));
  return found == json.end() ? kNothing : *found;
}

std::string text_at(const chat::Json& json, std::string_view field) {
  const auto& part = part_at(json, field);
  return part.is_string() ? part.get<std::string>() : std::string();
}

double number_at(const chat::Json& json, std::string_view field, double otherwise) {
  const auto& part = part_at(json, field);
  return part.is_number() ? part.get<double>() : otherwise;
}

bool flag_at(const chat::Json& json, std::string_view field) {
  const auto& part = part_at(json, field);
  return part.is_boolean() && part.get<bool>();
}

}  // namespace drover::report
