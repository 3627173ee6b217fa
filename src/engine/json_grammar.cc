#include "engine/json_grammar.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "engine/json_number_rule.h"
#include "engine/json_pattern.h"
#include "engine/json_schema_merge.h"

namespace drover::engine {
namespace {

constexpr std::size_t kMostStates = 400'000;  // of all rules
constexpr std::size_t kMostRules = 20'000;
constexpr int kMostDepth = 150;  // rules that are being built inside each other

/// Texts of the formats that are followed; others say nothing about what is allowed. Days exist in every year.
const std::map<std::string, std::string>& format_patterns() {
  static const std::string date =
      R"((\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))))";
  static const std::string time = R"((([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)))";
  static const std::map<std::string, std::string> patterns = {
      {"date", "^" + date + "$"},
      {"time", "^" + time + "$"},
      {"date-time", "^" + date + "T" + time + "$"},
      {"uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      {"ipv4", R"(^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$)"},
  };
  return patterns;
}

std::int64_t count_or(const SchemaJson& keywords, const char* key, std::int64_t otherwise) {
  return keywords.contains(key) ? keywords[key].get<std::int64_t>() : otherwise;
}

/// A contradiction that somebody wrote in one place is an error; one that comes from merging only closes this way.
void contradict(const PlainSchema& schema, std::string_view what) {
  if (!schema.is_merged) throw base::UserError("The schema cannot be met: at {} {}", schema.place, what);
}

bool has_type(const std::vector<std::string>& types, const SchemaJson& value) {
  const std::string name = value.is_number() ? "number" : std::string(value.type_name());
  return types.empty() || std::any_of(types.begin(), types.end(), [&](const std::string& type) {
    if (type != "integer") return type == name;
    return value.is_number_integer() || (value.is_number() && value.get<double>() == std::trunc(value.get<double>()));
  });
}

}  // namespace

JsonGrammar::JsonGrammar(const SchemaDocument& document, StringSpelling spelling, std::int32_t longest_token)
    : document_(document), spelling_(spelling), longest_token_(longest_token) {}

RuleId JsonGrammar::reserve() {
  rules_.emplace_back();
  return RuleId{static_cast<std::int32_t>(rules_.size()) - 1};
}

RuleId JsonGrammar::add(Rule rule) {
  const RuleId id = reserve();
  num_states_ += rule.states.size();
  rules_[static_cast<std::size_t>(id)] = std::move(rule);
  return id;
}

RuleId JsonGrammar::remembered(const std::string& key, const std::string& place, const std::function<Rule()>& make) {
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  if (rules_.size() >= kMostRules || ++depth_ > kMostDepth) throw_too_large(place);
  const RuleId id = reserve();
  known_.emplace(key, id);
  Rule rule = make();
  --depth_;
  num_states_ += rule.states.size();
  if (num_states_ > kMostStates) throw_too_large(place);
  rules_[static_cast<std::size_t>(id)] = std::move(rule);
  return id;
}

RuleId JsonGrammar::rule_for(const SchemaJson& schema, const std::string& place) {
  const std::vector<PlainSchema> alternatives = document_.alternatives(schema, place);
  std::string key = "schema";
  for (const PlainSchema& alternative : alternatives) key += alternative.keywords.dump() + (alternative.is_merged ? "m" : "p");
  if (alternatives.size() == 1 && alternatives.front().keywords.empty()) return any_json();
  return remembered(key, place, [&] { return built(alternatives, place); });
}

Nfa::Part JsonGrammar::mark(Nfa& nfa, std::string_view text) { return nfa.sequence({nfa.bytes(text), nfa.optional(nfa.bytes(" "))}); }

RuleId JsonGrammar::any_json() {
  return remembered("any", "#", [&] {
    Nfa nfa("#");
    std::vector<Nfa::Part> parts = {nfa.call(free_string()), nfa.call(number({}, false)), nfa.bytes("true"), nfa.bytes("false"), nfa.bytes("null"),
                                    array(nfa, {}), object(nfa, {})};
    return nfa.determinised(nfa.any_of(parts));
  });
}

RuleId JsonGrammar::wide_character() {
  return remembered("wide", "#", [&] { return wide_character_rule(spelling_); });
}

RuleId JsonGrammar::free_string() {
  return remembered("string", "#", [&] {
    Nfa nfa("#");
    return nfa.determinised(nfa.sequence({nfa.bytes("\""), nfa.repeated(any_character(nfa, spelling_)), nfa.bytes("\"")}));
  });
}

RuleId JsonGrammar::string(const PlainSchema& schema) {
  const SchemaJson& keywords = schema.keywords;
  const std::int64_t least = count_or(keywords, "minLength", 0);
  const std::int64_t most = count_or(keywords, "maxLength", -1);
  if (most >= 0 && most < least) {
    contradict(schema, "minLength is greater than maxLength");
    return add({});
  }
  std::vector<std::string> patterns;
  for (const char* const key : {"pattern", "format"}) {
    if (!keywords.contains(key)) continue;
    for (const SchemaJson& text : keywords[key]) {
      if (key == std::string_view("pattern")) patterns.push_back(text.get<std::string>());
      const auto format = format_patterns().find(text.get<std::string>());
      if (key == std::string_view("format") && format != format_patterns().end()) patterns.push_back(format->second);
    }
  }
  if (patterns.empty() && least == 0 && most < 0) return free_string();
  const std::string key = "string " + std::to_string(least) + " " + std::to_string(most) + " " + SchemaJson(patterns).dump();
  const RuleId wide = wide_character();
  return remembered(key, schema.place, [&] {
    if (patterns.empty()) return string_rule(least, most, wide, longest_token_, spelling_, schema.place);
    std::optional<Rule> all;
    const auto meet = [&](Rule rule) { all = all ? intersection(*all, rule, schema.place) : std::move(rule); };
    for (const std::string& pattern : patterns) {
      Nfa nfa(place_of(schema.place, "pattern"));
      meet(nfa.determinised(pattern_string(nfa, pattern, spelling_, nfa.place())));
    }
    if (least > 0 || most >= 0) {
      Nfa nfa(schema.place);
      const auto characters = nfa.repeated(least, most, [&] { return canonical_character(nfa, all_but({}), spelling_); });
      meet(nfa.determinised(nfa.sequence({nfa.bytes("\""), characters, nfa.bytes("\"")})));
    }
    return std::move(*all);
  });
}

RuleId JsonGrammar::number(const PlainSchema& schema, bool is_integer) {
  NumberLimits limits{.is_integer = is_integer};
  std::string key = is_integer ? "integer" : "number";
  // "minimum" and "exclusiveMinimum" may both stand there: the rule must meet each.
  for (const bool is_excluded : {false, true}) {
    const char* const least = is_excluded ? "exclusiveMinimum" : "minimum";
    const char* const most = is_excluded ? "exclusiveMaximum" : "maximum";
    for (const char* const name : {least, most}) {
      if (!schema.keywords.contains(name)) continue;
      key += std::string(" ") + name + " " + schema.keywords[name].dump();
    }
  }
  const SchemaJson& keywords = schema.keywords;
  const auto tighter = [&](const char* plain, const char* excluding, bool is_least) -> std::optional<NumberBound> {
    const bool has_plain = keywords.contains(plain);
    const bool has_excluding = keywords.contains(excluding);
    if (!has_plain && !has_excluding) return std::nullopt;
    const bool excluding_wins = has_excluding && (!has_plain || (is_least ? keywords[excluding] >= keywords[plain] : keywords[excluding] <= keywords[plain]));
    const char* const name = excluding_wins ? excluding : plain;
    return NumberBound::of(keywords[name], excluding_wins, place_of(schema.place, name));
  };
  limits.least = tighter("minimum", "exclusiveMinimum", true);
  limits.most = tighter("maximum", "exclusiveMaximum", false);
  return remembered(key, schema.place, [&] { return number_rule(limits, schema.place); });
}

Rule JsonGrammar::built(const std::vector<PlainSchema>& alternatives, const std::string& place) {
  Nfa nfa(place);
  std::vector<Nfa::Part> parts;
  for (const PlainSchema& schema : alternatives) parts.push_back(alternative(nfa, schema));
  return nfa.determinised(nfa.any_of(parts));
}

Nfa::Part JsonGrammar::alternative(Nfa& nfa, const PlainSchema& schema) {
  if (schema.keywords.empty()) return nfa.call(any_json());
  if (schema.keywords.contains("enum")) return values(nfa, schema);
  std::vector<std::string> types = types_of(schema);
  if (types.empty()) return nfa.call(any_json());
  std::vector<Nfa::Part> parts;
  for (const std::string& type : types) parts.push_back(of_type(nfa, schema, type));
  return nfa.any_of(parts);
}

Nfa::Part JsonGrammar::of_type(Nfa& nfa, const PlainSchema& schema, const std::string& type) {
  if (type == "object") return object(nfa, schema);
  if (type == "array") return array(nfa, schema);
  if (type == "string") return nfa.call(string(schema));
  if (type == "boolean") return nfa.any_of({nfa.bytes("true"), nfa.bytes("false")});
  if (type == "null") return nfa.bytes("null");
  return nfa.call(number(schema, type == "integer"));
}

Nfa::Part JsonGrammar::values(Nfa& nfa, const PlainSchema& schema) {
  for (const auto& [key, value] : schema.keywords.items()) {
    if (key == "enum" || key == "type" || key == "format") continue;
    throw base::UserError("The schema's keyword \"{}\" at {} cannot be honoured beside enum or const; list only values that satisfy it", key,
                          schema.place);
  }
  const std::vector<std::string> types = schema.keywords.contains("type") ? types_of(schema) : std::vector<std::string>();
  std::vector<Nfa::Part> parts;
  for (const SchemaJson& json : schema.keywords["enum"]) {
    if (has_type(types, json)) parts.push_back(value(nfa, json));
  }
  if (parts.empty()) contradict(schema, "no value of enum or const has the type beside it");
  return nfa.any_of(parts);
}

Nfa::Part JsonGrammar::value(Nfa& nfa, const SchemaJson& json) {
  if (json.is_string()) return nfa.bytes(canonical_string(json.get<std::string>(), spelling_));
  if (!json.is_structured()) return nfa.bytes(json.dump());
  Nfa::Part whole = nfa.bytes(json.is_array() ? "[" : "{");
  bool is_first = true;
  for (const auto& [key, member] : json.items()) {
    if (!is_first) whole = nfa.sequence({whole, mark(nfa, ",")});
    is_first = false;
    if (json.is_object()) whole = nfa.sequence({whole, nfa.bytes(canonical_string(key, spelling_)), mark(nfa, ":")});
    whole = nfa.sequence({whole, value(nfa, member)});
  }
  return nfa.sequence({whole, nfa.bytes(json.is_array() ? "]" : "}")});
}

RuleId JsonGrammar::keys_other_than(const SchemaJson& properties, const std::string& place) {
  std::vector<std::string> names;
  for (const auto& [name, schema] : properties.items()) names.push_back(canonical_string(name, spelling_));
  return remembered("keys" + SchemaJson(names).dump(), place, [&] { return other_keys_rule(names, spelling_, place); });
}

Nfa::Part JsonGrammar::object(Nfa& nfa, const PlainSchema& schema) {
  const SchemaJson& keywords = schema.keywords;
  SchemaJson properties = keywords.contains("properties") ? keywords["properties"] : SchemaJson::object();
  const SchemaJson others = keywords.contains("additionalProperties") ? keywords["additionalProperties"] : SchemaJson(true);
  std::size_t num_required = 0;
  for (const SchemaJson& name : keywords.contains("required") ? keywords["required"] : SchemaJson::array()) {
    ++num_required;
    if (properties.contains(name.get<std::string>())) continue;
    if (others == false) contradict(schema, "the required property " + name.dump() + " is not among the properties");
    properties[name.get<std::string>()] = others;
  }
  const bool is_open = is_open_object(schema);
  if (count_or(keywords, "minProperties", 0) > static_cast<std::int64_t>(num_required)) {
    throw base::UserError("The schema's keyword \"minProperties\" at {} cannot be honoured: require properties by name instead", schema.place);
  }
  const std::int64_t most = count_or(keywords, "maxProperties", -1);
  if (most >= 0 && (is_open || most < static_cast<std::int64_t>(properties.size()))) {
    throw base::UserError("The schema's keyword \"maxProperties\" at {} cannot be honoured: name the properties and set additionalProperties to "
                          "false",
                          schema.place);
  }

  // Two rows of states, one step for each property: nothing is written yet, and something is.
  const Nfa::Part whole = nfa.never();
  std::int32_t empty = nfa.add_state();
  std::int32_t filled = nfa.add_state();
  nfa.add_edge(whole.begin, '{', '{', empty);
  const auto write = [&](Nfa::Part key, RuleId value, std::int32_t next) {
    const Nfa::Part comma = mark(nfa, ",");
    nfa.add_empty(filled, comma.begin);
    nfa.add_empty(comma.end, key.begin);
    nfa.add_empty(empty, key.begin);
    nfa.add_empty(nfa.sequence({key, mark(nfa, ":"), nfa.call(value)}).end, next);
  };
  for (const auto& [name, property] : properties.items()) {
    const std::int32_t next_empty = nfa.add_state();
    const std::int32_t next_filled = nfa.add_state();
    const RuleId value = rule_for(property, place_of(place_of(schema.place, "properties"), name));
    write(nfa.bytes(canonical_string(name, spelling_)), value, next_filled);
    if (!requires_property(schema, name)) {
      nfa.add_empty(empty, next_empty);
      nfa.add_empty(filled, next_filled);
    }
    empty = next_empty;
    filled = next_filled;
  }
  if (is_open) {
    const RuleId value = rule_for(others, place_of(schema.place, "additionalProperties"));
    write(nfa.call(keys_other_than(properties, schema.place)), value, filled);
  }
  nfa.add_edge(empty, '}', '}', whole.end);
  nfa.add_edge(filled, '}', '}', whole.end);
  return whole;
}

Nfa::Part JsonGrammar::array(Nfa& nfa, const PlainSchema& schema) {
  const SchemaJson& keywords = schema.keywords;
  const SchemaJson prefix = keywords.contains("prefixItems") ? keywords["prefixItems"] : SchemaJson::array();
  const auto num_prefix = static_cast<std::int64_t>(prefix.size());
  const std::int64_t least = count_or(keywords, "minItems", 0);
  const SchemaJson items = keywords.contains("items") ? keywords["items"] : SchemaJson(true);
  // What no schema describes is written only where it must be.
  const bool has_more = keywords.contains("items") ? items != false : prefix.empty() || least > num_prefix;
  std::int64_t most = count_or(keywords, "maxItems", -1);
  if (most >= 0 && most < least) contradict(schema, "minItems is greater than maxItems");
  if (!has_more && least > num_prefix) contradict(schema, "minItems is greater than the number of items that there may be");
  if (!has_more) most = most < 0 ? num_prefix : std::min(most, num_prefix);
  if (!keywords.contains("items") && !prefix.empty() && has_more) most = most < 0 ? least : std::min(most, least);

  const Nfa::Part whole = nfa.never();
  const std::int32_t open = nfa.add_state();
  nfa.add_edge(whole.begin, '[', '[', open);
  if (least == 0) nfa.add_edge(open, ']', ']', whole.end);
  if (most == 0) return whole;
  std::optional<RuleId> item;
  if (has_more && (most < 0 || most > num_prefix)) item = rule_for(items, place_of(schema.place, "items"));
  const auto element = [&](std::int64_t k) {
    if (k >= num_prefix) return *item;
    const auto at = static_cast<std::size_t>(k);
    return rule_for(prefix[at], place_of(place_of(schema.place, "prefixItems"), std::to_string(at)));
  };
  // Where all further items are alike and none is counted, one state goes round.
  const std::int64_t last = most >= 0 ? most : std::max({least, num_prefix, std::int64_t{1}});
  std::int32_t before = open;
  for (std::int64_t k = 0; k < last; ++k) {
    const std::int32_t after = nfa.add_state();
    nfa.add_call(before, element(k), after);
    if (k + 1 >= least) nfa.add_edge(after, ']', ']', whole.end);
    before = after;
    if (k + 1 == last && most >= 0) break;
    const Nfa::Part comma = mark(nfa, ",");
    nfa.add_empty(after, comma.begin);
    before = comma.end;
    if (k + 1 == last) nfa.add_call(before, element(last), after);
  }
  return whole;
}

}  // namespace drover::engine
