#include "engine/json_schema_alternatives.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/nearest_name.h"
#include "engine/json_schema_merge.h"

namespace drover::engine {
namespace {

constexpr std::size_t kMostAlternatives = 256;
constexpr int kMostDepth = 200;  // schemas inside each other that are expanded at once

constexpr std::array<std::string_view, 25> kConstraining = {
    "type",      "enum",      "const",            "properties",       "required",    "additionalProperties", "items",
    "prefixItems", "additionalItems", "minItems", "maxItems",         "minLength",   "maxLength",            "pattern",
    "format",    "minimum",   "maximum",          "exclusiveMinimum", "exclusiveMaximum", "multipleOf",      "minProperties",
    "maxProperties", "uniqueItems", "patternProperties", "nullable"};
constexpr std::array<std::string_view, 21> kSilent = {
    "title",     "description", "default",   "example",     "examples",  "$schema",         "$id",
    "id",        "$comment",    "$defs",     "definitions", "deprecated", "readOnly",       "writeOnly",
    "strict",    "name",        "discriminator", "contentEncoding", "contentMediaType", "externalDocs", "$anchor"};
constexpr std::array<std::string_view, 15> kRefused = {
    "not",           "if",          "then",        "else",         "dependentRequired", "dependentSchemas", "dependencies", "propertyNames",
    "contains",      "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"};
constexpr std::array<std::string_view, 4> kCombining = {"$ref", "allOf", "anyOf", "oneOf"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_keyword(const std::string& key, const std::string& place) {
  if (holds(kConstraining, key) || holds(kSilent, key) || holds(kCombining, key) || key.starts_with("x-")) return;
  if (holds(kRefused, key)) {
    throw base::UserError("The schema's keyword \"{}\" at {} cannot be honoured; leave it out, or check the reply afterwards", key, place);
  }
  throw base::UserError("The schema has the unknown keyword \"{}\" at {}{}", key, place, base::suggestion(key, kConstraining));
}

const SchemaJson& list_of_schemas(const SchemaJson& value, const std::string& place) {
  if (!value.is_array() || value.empty()) throw base::UserError("The schema's {} must be a list of schemas that is not empty", place);
  return value;
}

bool type_matches(const std::string& type, const std::string& other) {
  return type == other || (type == "integer" && other == "number") || (type == "number" && other == "integer");
}

bool types_overlap(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  if (left.empty() || right.empty()) return true;
  return std::any_of(left.begin(), left.end(), [&](const std::string& a) {
    return std::any_of(right.begin(), right.end(), [&](const std::string& b) { return type_matches(a, b); });
  });
}

std::optional<std::vector<SchemaJson>> values_of(const PlainSchema& schema) {
  if (!schema.keywords.contains("enum")) return std::nullopt;
  return schema.keywords["enum"].get<std::vector<SchemaJson>>();
}

std::string type_name(const SchemaJson& value) {
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return value.type_name();
}

/// Objects keep their members in order and are searched from the first on, so a long one would be at work for hours.
void refuse_long(const SchemaJson& json, std::size_t& total) {
  constexpr std::size_t kMostMembers = 10'000;
  constexpr std::size_t kMostInAll = 200'000;
  if (!json.is_structured()) return;
  total += json.size();
  if (json.size() > kMostMembers || total > kMostInAll) {
    throw base::UserError("The schema is too large: an object or list may have {} members, and all together {}", kMostMembers, kMostInAll);
  }
  for (const SchemaJson& member : json) refuse_long(member, total);
}

}  // namespace

/// References of which the schema at hand is already part, and how deep it stands.
struct SchemaDocument::Open {
  std::set<std::string> references{};
  int depth = 0;
};

SchemaDocument::SchemaDocument(const SchemaJson& root) : root_(root) {
  std::size_t total = 0;
  refuse_long(root, total);
}

std::string place_of(const std::string& place, std::string_view key) {
  std::string out = place + "/";
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::vector<std::string> types_of(const PlainSchema& schema) {
  const SchemaJson& keywords = schema.keywords;
  if (keywords.contains("type")) return keywords["type"].get<std::vector<std::string>>();
  std::vector<std::string> types;
  const auto any = [&](std::initializer_list<const char*> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return keywords.contains(key); });
  };
  if (keywords.contains("enum")) {
    for (const SchemaJson& value : keywords["enum"]) types.push_back(type_name(value));
    return types;
  }
  if (any({"properties", "required", "additionalProperties", "minProperties", "maxProperties", "patternProperties"})) types.push_back("object");
  if (any({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"})) types.push_back("array");
  if (any({"minLength", "maxLength", "pattern", "format"})) types.push_back("string");
  if (any({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})) types.push_back("number");
  return types;
}

std::vector<PlainSchema> SchemaDocument::alternatives(const SchemaJson& schema, const std::string& place) const {
  Open open;
  return expand(schema, place, open);
}

std::vector<PlainSchema> SchemaDocument::expand(const SchemaJson& schema, const std::string& place, Open& open) const {
  if (schema.is_boolean()) return schema.get<bool>() ? std::vector<PlainSchema>{{.place = place}} : std::vector<PlainSchema>{};
  if (!schema.is_object()) throw base::UserError("The schema at {} must be an object, true or false", place);
  if (++open.depth > kMostDepth) throw base::UserError("The schema at {} is combined from too many schemas inside each other", place);

  PlainSchema base{.place = place};
  for (const auto& [key, value] : schema.items()) {
    check_keyword(key, place);
    if (holds(kConstraining, key)) base.keywords[key] = value;
  }
  base.keywords = checked_keywords(std::move(base.keywords), place);
  std::vector<PlainSchema> result = {std::move(base)};
  const auto combine = [&](const std::vector<PlainSchema>& others) {
    std::vector<PlainSchema> merged;
    for (const PlainSchema& left : result) {
      for (const PlainSchema& right : others) {
        if (auto both = merge(left, right)) merged.push_back(std::move(*both));
        if (merged.size() > kMostAlternatives) throw base::UserError("The schema at {} has more than {} alternatives", place, kMostAlternatives);
      }
    }
    result = std::move(merged);
  };
  for (const auto& [key, value] : schema.items()) {
    const std::string here = place_of(place, key);
    if (key == "$ref") {
      std::string target_place;
      const SchemaJson& target = resolve(value, here, target_place);
      // A reference back to itself, before anything was written, adds no text of its own.
      if (!open.references.insert(target_place).second) return --open.depth, std::vector<PlainSchema>{};
      combine(expand(target, target_place, open));
      open.references.erase(target_place);
    } else if (key == "allOf" || key == "anyOf" || key == "oneOf") {
      std::vector<std::vector<PlainSchema>> branches;
      for (std::size_t i = 0; i < list_of_schemas(value, here).size(); ++i) {
        branches.push_back(expand(value[i], place_of(here, std::to_string(i)), open));
        if (key == "allOf") combine(branches.back());
      }
      if (key == "oneOf") require_disjoint(branches, here);
      std::vector<PlainSchema> all;
      for (auto& branch : branches) std::move(branch.begin(), branch.end(), std::back_inserter(all));
      if (key != "allOf") combine(all);
    }
  }
  --open.depth;
  return result;
}

const SchemaJson& SchemaDocument::resolve(const SchemaJson& reference, const std::string& place, std::string& target_place) const {
  if (!reference.is_string()) throw base::UserError("The schema's {} must be a text", place);
  target_place = reference.get<std::string>();
  if (!target_place.starts_with('#')) {
    throw base::UserError("The schema's {} refers to \"{}\": only references within the schema, like \"#/$defs/name\", are followed", place,
                          target_place);
  }
  try {
    return root_.at(SchemaJson::json_pointer(target_place.substr(1)));
  } catch (const SchemaJson::exception&) {
    throw base::UserError("The schema's {} refers to \"{}\", which does not exist", place, target_place);
  }
}

void SchemaDocument::require_disjoint(const std::vector<std::vector<PlainSchema>>& branches, const std::string& place) const {
  for (std::size_t i = 0; i < branches.size(); ++i) {
    for (std::size_t j = i + 1; j < branches.size(); ++j) {
      for (const PlainSchema& left : branches[i]) {
        for (const PlainSchema& right : branches[j]) {
          if (are_disjoint(left, right, 0)) continue;
          throw base::UserError("The schema's {} cannot be honoured: its branches {} and {} might both hold; use anyOf, or a property with "
                                "different constants",
                                place, i, j);
        }
      }
    }
  }
}

/// Whether no text made for one of the schemas satisfies the other one.
bool SchemaDocument::are_disjoint(const PlainSchema& left, const PlainSchema& right, int depth) const {
  const std::vector<std::string> left_types = types_of(left);
  const std::vector<std::string> right_types = types_of(right);
  if (!types_overlap(left_types, right_types)) return true;
  const auto left_values = values_of(left);
  const auto right_values = values_of(right);
  if (left_values && right_values) {
    return std::none_of(left_values->begin(), left_values->end(), [&](const SchemaJson& value) {
      return std::find(right_values->begin(), right_values->end(), value) != right_values->end();
    });
  }
  const std::vector<std::string> object = {"object"};
  if (left_types != object || right_types != object || left_values || right_values) return false;
  if (misses_a_demand(left, right) && misses_a_demand(right, left)) return true;
  // A property that both demand, or that one demands and the other describes, with schemas that exclude each other.
  if (depth > 8 || !left.keywords.contains("properties") || !right.keywords.contains("properties")) return false;
  for (const auto& [name, schema] : left.keywords["properties"].items()) {
    const SchemaJson& others = right.keywords["properties"];
    if (!others.contains(name)) continue;
    if (!requires_property(left, name) || !requires_property(right, name)) continue;
    const auto mine = alternatives(schema, place_of(left.place, name));
    const auto theirs = alternatives(others[name], place_of(right.place, name));
    const bool excluded = std::all_of(mine.begin(), mine.end(), [&](const PlainSchema& a) {
      return std::all_of(theirs.begin(), theirs.end(), [&](const PlainSchema& b) { return are_disjoint(a, b, depth + 1); });
    });
    if (excluded) return true;
  }
  return false;
}

/// Whether `judge` demands a property that texts made for `maker` never have.
bool SchemaDocument::misses_a_demand(const PlainSchema& maker, const PlainSchema& judge) const {
  if (!judge.keywords.contains("required") || is_open_object(maker)) return false;
  for (const SchemaJson& name : judge.keywords["required"]) {
    const bool is_made = maker.keywords.contains("properties") && maker.keywords["properties"].contains(name.get<std::string>());
    if (!is_made && !requires_property(maker, name.get<std::string>())) return true;
  }
  return false;
}

}  // namespace drover::engine
