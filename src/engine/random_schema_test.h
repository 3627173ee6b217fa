#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <regex>
#include <string>
#include <vector>

#include "base/random_stream.h"

namespace drover::engine {

using TestJson = nlohmann::ordered_json;

/// Random JSON schemas, random documents in the shape that replies have, and a plain validator of the keywords that these schemas use.
class RandomSchemas {
 public:
  explicit RandomSchemas(std::uint64_t seed) : random_(seed, "schemas") {}

  TestJson schema() {
    TestJson root = some_schema(3);
    root["$defs"]["leaf"] = some_schema(0);
    root["$defs"]["tree"] = {{"type", "object"},
                             {"properties", {{"left", {{"anyOf", {{{"type", "null"}}, {{"$ref", "#/$defs/tree"}}}}}}, {"leaf", {{"$ref", "#/$defs/leaf"}}}}},
                             {"required", {"left"}},
                             {"additionalProperties", false}};
    return root;
  }

  /// A document that satisfies `schema`, written as replies are.
  std::string document(const TestJson& root, const TestJson& schema, int depth = 0) {
    if (schema.contains("$ref")) {
      if (schema["$ref"] == "#/$defs/tree" && depth > 4) return "{\"left\":null}";
      return document(root, root["$defs"][schema["$ref"].get<std::string>().substr(8)], depth + 1);
    }
    if (schema.contains("anyOf")) {
      const TestJson& branches = schema["anyOf"];
      return document(root, depth > 4 ? branches.front() : branches[random_.below(branches.size())], depth + 1);
    }
    if (schema.contains("enum")) return schema["enum"][random_.below(schema["enum"].size())].dump();
    const std::string type = schema.value("type", "");
    if (type == "object") return object(root, schema, depth);
    if (type == "array") return array(root, schema, depth);
    if (type == "string") return string(schema);
    if (type == "integer") return std::to_string(integer(schema));
    if (type == "number") return number(schema);
    if (type == "boolean") return random_.below(2) == 0 ? "true" : "false";
    if (type == "null") return "null";
    return random_.below(2) == 0 ? R"({"x": [1, "y"]})" : "-2.5e3";
  }

  static bool is_valid(const TestJson& root, const TestJson& schema, const TestJson& value) {
    if (schema.is_boolean()) return schema.get<bool>();
    if (schema.contains("$ref")) return is_valid(root, root["$defs"][schema["$ref"].get<std::string>().substr(8)], value);
    if (schema.contains("anyOf")) {
      const auto holds = [&](const TestJson& branch) { return is_valid(root, branch, value); };
      if (!std::any_of(schema["anyOf"].begin(), schema["anyOf"].end(), holds)) return false;
    }
    if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) return false;
    const std::string type = schema.value("type", "");
    if (type == "object") return value.is_object() && is_valid_object(root, schema, value);
    if (type == "array") return value.is_array() && is_valid_array(root, schema, value);
    if (type == "string") return value.is_string() && is_valid_string(schema, value.get<std::string>());
    if (type == "integer" && !value.is_number_integer()) return false;
    if (type == "integer" || type == "number") {
      return value.is_number() && (!schema.contains("minimum") || value >= schema["minimum"]) && (!schema.contains("maximum") || value <= schema["maximum"]);
    }
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    return true;
  }

  base::RandomStream& random() { return random_; }

 private:
  TestJson some_schema(int depth) {
    switch (random_.below(depth > 0 ? 12 : 8)) {
      case 0: return {{"type", "boolean"}};
      case 1: return {{"type", "null"}};
      case 2: {
        TestJson schema = {{"type", "integer"}};
        const auto low = static_cast<std::int64_t>(random_.below(300)) - 150;
        if (random_.below(2) == 0) schema["minimum"] = low;
        if (random_.below(2) == 0) schema["maximum"] = low + static_cast<std::int64_t>(random_.below(200));
        return schema;
      }
      case 3: {
        TestJson schema = {{"type", "number"}};
        if (random_.below(2) == 0) schema["minimum"] = static_cast<double>(random_.below(1000)) / 8.0 - 60.0;
        if (random_.below(2) == 0) schema["maximum"] = static_cast<double>(random_.below(1000)) / 8.0 + 70.0;
        return schema;
      }
      case 4: return {{"enum", {"ab", "abc", "a\"b", 12, 1, nullptr, true, {{"k", {1, 2}}}}}};
      case 5: return {{"$ref", random_.below(2) == 0 && depth > 0 ? "#/$defs/leaf" : "#/$defs/tree"}};
      case 6: return {{"type", "string"}, {"pattern", patterns()[random_.below(patterns().size())].first}};
      case 7: {
        TestJson schema = {{"type", "string"}};
        const std::uint64_t least = random_.below(4);
        if (random_.below(2) == 0) schema["minLength"] = least;
        if (random_.below(2) == 0) schema["maxLength"] = least + random_.below(5);
        return schema;
      }
      case 8: return random_.below(4) == 0 ? TestJson::object() : TestJson::object({{"anyOf", TestJson::array({some_schema(depth - 1), some_schema(depth - 1)})}});
      case 9: {
        TestJson schema = {{"type", "array"}, {"items", some_schema(depth - 1)}};
        const std::uint64_t least = random_.below(3);
        if (random_.below(2) == 0) schema["minItems"] = least;
        if (random_.below(2) == 0) schema["maxItems"] = least + random_.below(3);
        if (random_.below(3) == 0) schema["prefixItems"] = TestJson::array({some_schema(depth - 1)});
        return schema;
      }
      default: {
        TestJson schema = {{"type", "object"}, {"properties", TestJson::object()}, {"required", TestJson::array()}};
        for (const char* const name : {"name", "na", "id", "é\"", ""}) {
          if (random_.below(2) == 0) continue;
          schema["properties"][name] = some_schema(depth - 1);
          if (random_.below(2) == 0) schema["required"].push_back(name);
        }
        if (random_.below(2) == 0) schema["additionalProperties"] = random_.below(2) == 0 ? TestJson(false) : some_schema(depth - 1);
        return schema;
      }
    }
  }

  /// Patterns and a text that matches each.
  static const std::vector<std::pair<std::string, std::string>>& patterns() {
    static const std::vector<std::pair<std::string, std::string>> all = {
        {"^[a-z]{2,3}$", "abc"}, {"^\\d+(\\.\\d)?$", "12.5"}, {"x|yz", "ayz"}, {"^(ab|a)*c?$", "abac"}, {"^.$", "q"}};
    return all;
  }

  std::string blank() { return random_.below(2) == 0 ? " " : ""; }

  std::string object(const TestJson& root, const TestJson& schema, int depth) {
    std::string out = "{";
    const auto add = [&](const std::string& name, const TestJson& value) {
      if (out.size() > 1) out += "," + blank();
      out += TestJson(name).dump() + ":" + blank();
      out += document(root, value, depth + 1);
    };
    const TestJson required = schema.value("required", TestJson::array());
    for (const auto& [name, value] : schema["properties"].items()) {
      const bool is_required = std::find(required.begin(), required.end(), name) != required.end();
      if (is_required || (depth < 4 && random_.below(2) == 0)) add(name, value);
    }
    const TestJson others = schema.value("additionalProperties", TestJson(false));
    if (others.is_object() && depth < 4) {
      for (const char* const name : {"nam", "names", "z\n\xC3\xA9"}) {
        if (random_.below(3) == 0) add(name, others);
      }
    }
    return out + "}";
  }

  std::string array(const TestJson& root, const TestJson& schema, int depth) {
    const std::uint64_t least = schema.value("minItems", 0U);
    const std::uint64_t most = std::min<std::uint64_t>(schema.value("maxItems", 5U), depth > 3 ? least : 5);
    const std::uint64_t count = least + random_.below(std::max(most, least) - least + 1);
    std::string out = "[";
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) out += "," + blank();
      out += document(root, i == 0 && schema.contains("prefixItems") ? schema["prefixItems"][0] : schema["items"], depth + 1);
    }
    return out + "]";
  }

  std::string string(const TestJson& schema) {
    if (schema.contains("pattern")) {
      for (const auto& [pattern, text] : patterns()) {
        if (schema["pattern"] == pattern) return TestJson(text).dump();
      }
    }
    static const std::vector<std::string> characters = {"a", "b", "\\n", "é", "你", "😀", "\\u00e9", "\\ud83d\\ude00", "\\\"", " ", "{", "ab"};
    const std::uint64_t least = schema.value("minLength", 0U);
    const std::uint64_t most = schema.value("maxLength", static_cast<unsigned>(least) + 6);
    std::string out = "\"";
    for (std::uint64_t i = least + random_.below(most - least + 1); i > 0; --i) out += characters[random_.below(characters.size() - 1)];
    return out + "\"";
  }

  std::int64_t integer(const TestJson& schema) {
    const std::int64_t low = schema.value("minimum", schema.value("maximum", std::int64_t{500}) - 400);
    const std::int64_t high = schema.value("maximum", low + 400);
    return low + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }

  std::string number(const TestJson& schema) {
    const double low = schema.value("minimum", -100.0);
    const double high = schema.value("maximum", 200.0);
    const double value = std::clamp(std::round((low + (high - low) * random_.uniform()) * 64.0) / 64.0, low, high);
    return TestJson(value).dump();
  }

  static bool is_valid_object(const TestJson& root, const TestJson& schema, const TestJson& value) {
    for (const TestJson& name : schema.value("required", TestJson::array())) {
      if (!value.contains(name.get<std::string>())) return false;
    }
    for (const auto& [name, member] : value.items()) {
      const bool is_named = schema.contains("properties") && schema["properties"].contains(name);
      const TestJson rule = is_named ? schema["properties"][name] : schema.value("additionalProperties", TestJson(true));
      if (!is_valid(root, rule, member)) return false;
    }
    return true;
  }

  static bool is_valid_array(const TestJson& root, const TestJson& schema, const TestJson& value) {
    if (value.size() < schema.value("minItems", 0U) || value.size() > schema.value("maxItems", 1000U)) return false;
    const TestJson prefix = schema.value("prefixItems", TestJson::array());
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!is_valid(root, i < prefix.size() ? prefix[i] : schema["items"], value[i])) return false;
    }
    return true;
  }

  static bool is_valid_string(const TestJson& schema, const std::string& text) {
    const auto characters = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    if (characters < schema.value("minLength", 0U) || characters > schema.value("maxLength", 100000U)) return false;
    if (!schema.contains("pattern")) return true;
    const auto pattern = schema["pattern"].get<std::string>();
    if (pattern == "^.$") return characters == 1;  // std::regex would count bytes
    return std::regex_search(text, std::regex(pattern));
  }

  base::RandomStream random_;
};

}  // namespace drover::engine
