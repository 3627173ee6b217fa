#include "engine/json_schema_merge.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace drover::engine {
namespace {

constexpr std::array<std::string_view, 7> kTypes = {"object", "array", "string", "number", "integer", "boolean", "null"};

[[noreturn]] void fail(const std::string& place, std::string_view key, std::string_view demand) {
  throw base::UserError("The schema's {} must be {}", place_of(place, key), demand);
}

void check_counts(const SchemaJson& keywords, const std::string& place) {
  for (const char* const key : {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}) {
    if (!keywords.contains(key)) continue;
    const SchemaJson& value = keywords[key];
    if (!value.is_number_integer() || value < 0 || value > 1'000'000'000) fail(place, key, "a whole number from 0 to 1,000,000,000");
  }
}

void check_texts(const SchemaJson& keywords, const std::string& place) {
  for (const char* const key : {"pattern", "format"}) {
    if (keywords.contains(key) && !keywords[key].is_string()) fail(place, key, "a text");
  }
}

void check_schemas(const SchemaJson& keywords, const std::string& place) {
  if (keywords.contains("properties") && !keywords["properties"].is_object()) fail(place, "properties", "an object of schemas");
  if (keywords.contains("prefixItems") && !keywords["prefixItems"].is_array()) fail(place, "prefixItems", "a list of schemas");
  for (const char* const key : {"additionalProperties", "items"}) {
    if (keywords.contains(key) && !keywords[key].is_object() && !keywords[key].is_boolean()) fail(place, key, "a schema");
  }
  if (!keywords.contains("required")) return;
  const SchemaJson& names = keywords["required"];
  const auto is_text = [](const SchemaJson& name) { return name.is_string(); };
  if (!names.is_array() || !std::all_of(names.begin(), names.end(), is_text)) fail(place, "required", "a list of names");
}

void normalise_type(SchemaJson& keywords, const std::string& place) {
  const bool nullable = keywords.contains("nullable") && keywords["nullable"] == true;
  keywords.erase("nullable");
  if (!keywords.contains("type")) return;
  SchemaJson& type = keywords["type"];
  if (type.is_string()) type = SchemaJson::array({type});
  if (!type.is_array() || type.empty()) fail(place, "type", "a type or a list of types");
  for (const SchemaJson& name : type) {
    if (!name.is_string() || std::find(kTypes.begin(), kTypes.end(), name.get<std::string>()) == kTypes.end()) {
      fail(place, "type", "object, array, string, number, integer, boolean or null");
    }
  }
  if (nullable && std::find(type.begin(), type.end(), "null") == type.end()) type.push_back("null");
}

/// Refuses keywords that change what is allowed and that no automaton here can follow.
void refuse(const SchemaJson& keywords, const std::string& place) {
  const auto refuse_one = [&](const char* key) {
    throw base::UserError("The schema's keyword \"{}\" at {} cannot be honoured; leave it out, or check the reply afterwards", key, place);
  };
  if (keywords.contains("uniqueItems") && keywords["uniqueItems"] != false) refuse_one("uniqueItems");
  if (keywords.contains("multipleOf") && keywords["multipleOf"] != 1) refuse_one("multipleOf");
  if (keywords.contains("patternProperties") && keywords["patternProperties"] != SchemaJson::object()) refuse_one("patternProperties");
}

void normalise_items(SchemaJson& keywords, const std::string& place) {
  if (keywords.contains("items") && keywords["items"].is_array()) {  // drafts before 2020-12
    if (keywords.contains("prefixItems")) fail(place, "items", "a schema beside prefixItems");
    keywords["prefixItems"] = keywords["items"];
    keywords.erase("items");
    if (keywords.contains("additionalItems")) keywords["items"] = keywords["additionalItems"];
  }
  keywords.erase("additionalItems");
}

SchemaJson all_of(const SchemaJson& left, const SchemaJson& right) {
  if (left == right || right == true || right == SchemaJson::object()) return left;
  if (left == true || left == SchemaJson::object()) return right;
  if (left == false || right == false) return false;
  return {{"allOf", SchemaJson::array({left, right})}};
}

/// What a schema says about a property that it does not name; true when it says nothing.
SchemaJson unnamed_property(const SchemaJson& keywords) { return keywords.contains("additionalProperties") ? keywords["additionalProperties"] : SchemaJson(true); }

void merge_properties(SchemaJson& into, const SchemaJson& other) {
  const SchemaJson mine = into.contains("properties") ? into["properties"] : SchemaJson::object();
  const SchemaJson theirs = other.contains("properties") ? other["properties"] : SchemaJson::object();
  if (into.contains("properties") || other.contains("properties")) {
    SchemaJson merged = SchemaJson::object();
    for (const auto& [name, schema] : mine.items()) merged[name] = all_of(schema, theirs.contains(name) ? theirs[name] : unnamed_property(other));
    for (const auto& [name, schema] : theirs.items()) {
      if (!mine.contains(name)) merged[name] = all_of(unnamed_property(into), schema);
    }
    into["properties"] = std::move(merged);
  }
  if (other.contains("additionalProperties")) into["additionalProperties"] = all_of(unnamed_property(into), other["additionalProperties"]);
  if (!other.contains("required")) return;
  if (!into.contains("required")) into["required"] = SchemaJson::array();
  for (const SchemaJson& name : other["required"]) {
    if (std::find(into["required"].begin(), into["required"].end(), name) == into["required"].end()) into["required"].push_back(name);
  }
}

void merge_items(SchemaJson& into, const SchemaJson& other) {
  const auto prefix = [](const SchemaJson& keywords) { return keywords.contains("prefixItems") ? keywords["prefixItems"] : SchemaJson::array(); };
  const auto rest = [](const SchemaJson& keywords) { return keywords.contains("items") ? keywords["items"] : SchemaJson(true); };
  const SchemaJson mine = prefix(into);
  const SchemaJson theirs = prefix(other);
  if (!mine.empty() || !theirs.empty()) {
    SchemaJson merged = SchemaJson::array();
    for (std::size_t i = 0; i < std::max(mine.size(), theirs.size()); ++i) {
      merged.push_back(all_of(i < mine.size() ? mine[i] : rest(into), i < theirs.size() ? theirs[i] : rest(other)));
    }
    into["prefixItems"] = std::move(merged);
  }
  if (other.contains("items")) into["items"] = all_of(rest(into), other["items"]);
}

/// Keeps the tighter of two limits.
void merge_limits(SchemaJson& into, const SchemaJson& other) {
  for (const char* const key : {"minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"}) {
    if (other.contains(key) && (!into.contains(key) || into[key] < other[key])) into[key] = other[key];
  }
  for (const char* const key : {"maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"}) {
    if (other.contains(key) && (!into.contains(key) || into[key] > other[key])) into[key] = other[key];
  }
  for (const char* const key : {"pattern", "format"}) {
    if (!other.contains(key)) continue;
    if (!into.contains(key)) into[key] = SchemaJson::array();
    for (const SchemaJson& text : other[key]) {
      if (std::find(into[key].begin(), into[key].end(), text) == into[key].end()) into[key].push_back(text);
    }
  }
}

/// False when no type is left.
bool merge_types(SchemaJson& into, const SchemaJson& other) {
  if (!other.contains("type")) return true;
  if (!into.contains("type")) {
    into["type"] = other["type"];
    return true;
  }
  SchemaJson both = SchemaJson::array();
  const auto has = [](const SchemaJson& types, const char* type) { return std::find(types.begin(), types.end(), type) != types.end(); };
  for (const std::string_view name : kTypes) {
    const std::string type(name);
    const auto allows = [&](const SchemaJson& types) { return has(types, type.c_str()) || (type == "integer" && has(types, "number")); };
    if (allows(into["type"]) && allows(other["type"]) && !(type == "integer" && has(both, "number"))) both.push_back(type);
  }
  into["type"] = both;
  return !both.empty();
}

/// False when no value is left.
bool merge_values(SchemaJson& into, const SchemaJson& other) {
  if (!other.contains("enum")) return true;
  if (!into.contains("enum")) {
    into["enum"] = other["enum"];
    return true;
  }
  SchemaJson both = SchemaJson::array();
  for (const SchemaJson& value : into["enum"]) {
    if (std::find(other["enum"].begin(), other["enum"].end(), value) != other["enum"].end()) both.push_back(value);
  }
  into["enum"] = both;
  return !both.empty();
}

}  // namespace

SchemaJson checked_keywords(SchemaJson keywords, const std::string& place) {
  normalise_type(keywords, place);
  normalise_items(keywords, place);
  check_counts(keywords, place);
  check_texts(keywords, place);
  check_schemas(keywords, place);
  refuse(keywords, place);
  for (const char* const key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
    if (keywords.contains(key) && !keywords[key].is_number()) fail(place, key, "a number");
  }
  for (const char* const key : {"pattern", "format"}) {
    if (keywords.contains(key)) keywords[key] = SchemaJson::array({keywords[key]});
  }
  if (keywords.contains("enum") && !keywords["enum"].is_array()) fail(place, "enum", "a list of values");
  if (keywords.contains("enum") && keywords["enum"].empty()) {
    throw base::UserError("The schema cannot be met: {} is an empty list of values", place_of(place, "enum"));
  }
  if (keywords.contains("const")) {
    SchemaJson one = SchemaJson::object();
    one["enum"] = SchemaJson::array({keywords["const"]});
    keywords.erase("const");
    if (!merge_values(keywords, one)) throw base::UserError("The schema cannot be met: {} is not in the enum beside it", place_of(place, "const"));
  }
  return keywords;
}

std::optional<PlainSchema> merge(const PlainSchema& left, const PlainSchema& right) {
  if (left.keywords.empty()) return right;
  if (right.keywords.empty()) return left;
  PlainSchema both{.keywords = left.keywords, .place = left.place, .is_merged = true};
  if (!merge_types(both.keywords, right.keywords) || !merge_values(both.keywords, right.keywords)) return std::nullopt;
  merge_properties(both.keywords, right.keywords);
  merge_items(both.keywords, right.keywords);
  merge_limits(both.keywords, right.keywords);
  return both;
}

bool requires_property(const PlainSchema& schema, std::string_view name) {
  if (!schema.keywords.contains("required")) return false;
  const SchemaJson& names = schema.keywords["required"];
  return std::find(names.begin(), names.end(), std::string(name)) != names.end();
}

bool is_open_object(const PlainSchema& schema) {
  if (schema.keywords.contains("additionalProperties")) return schema.keywords["additionalProperties"] != false;
  return !schema.keywords.contains("properties");
}

}  // namespace drover::engine
