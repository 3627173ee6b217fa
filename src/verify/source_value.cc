#include "verify/source_value.h"

#include <charconv>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "text/onig_pattern.h"
#include "text/unicode.h"

namespace drover::verify {
namespace {

using chat::Json;
using View = std::string_view;

constexpr int kDeepest = 8;

constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_name(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

View trimmed(View text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<View> split(View text) {
  std::vector<View> parts;
  for (std::size_t begin = 0;;) {
    const auto comma = text.find(',', begin);
    parts.push_back(trimmed(text.substr(begin, comma == View::npos ? comma : comma - begin)));
    if (comma == View::npos) return parts;
    begin = comma + 1;
  }
}

// The first and the last byte off, as they are taken for quotes.
std::string without_ends(View text) { return text.size() < 2 ? std::string() : std::string(text.substr(1, text.size() - 2)); }

// --- numbers -------------------------------------------------------------------------------------------------------------

// "-12", and with `decimals` "-1.5", with `exponent` also "2e-3".
bool is_number(View text, bool decimals, bool exponent) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto digits = [&] {
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[count])) ++count;
    text.remove_prefix(count);
    return count > 0;
  };
  if (!digits()) return false;
  if (decimals && text.starts_with('.')) {
    text.remove_prefix(1);
    if (!digits()) return false;
  }
  if (exponent && (text.starts_with('e') || text.starts_with('E'))) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (!digits()) return false;
  }
  return text.empty();
}

Json real_of(View text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::string(text);
  return value;
}

Json whole_of(View text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? Json(value) : real_of(text);
}

std::optional<View> without_suffix(View text, View letters) {
  if (text.empty() || letters.find(text.back()) == View::npos) return std::nullopt;
  return text.substr(0, text.size() - 1);
}

// --- Java ----------------------------------------------------------------------------------------------------------------

// A value whose type is not said.
Json untyped_java_value(View text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.starts_with('"') && text.ends_with('"')) return without_ends(text);
  if (const auto number = without_suffix(text, "lL"); number && is_number(*number, false, false)) return whole_of(*number);
  if (const auto number = without_suffix(text, "fF"); number && is_number(*number, true, true)) return real_of(*number);
  auto plain = text.starts_with('+') ? text.substr(1) : text;
  if (is_number(plain, false, false)) return whole_of(plain);
  if (is_number(plain, true, true)) return real_of(plain);
  return std::string(text);
}

/// A place in a text that is read from left to right; steps that do not fit leave `ok` false.
struct Steps {
  View text;
  std::size_t at;
  bool ok = true;

  Steps& word(View expected) {
    if (ok && text.substr(at).starts_with(expected))
      at += expected.size();
    else
      ok = false;
    return *this;
  }
  Steps& blank(bool at_least_one = false) {
    const auto begin = at;
    while (ok && at < text.size() && is_blank(text[at])) ++at;
    ok = ok && (!at_least_one || at > begin);
    return *this;
  }
  Steps& name(bool may_be_empty) {
    const auto begin = at;
    while (ok && at < text.size() && is_name(text[at])) ++at;
    ok = ok && (may_be_empty || at > begin);
    return *this;
  }
  // Everything up to `expected` on the same line.
  Steps& up_to(View expected) {
    const auto end = ok ? text.find(expected, at) : View::npos;
    ok = end != View::npos && text.substr(at, end - at).find('\n') == View::npos;
    if (ok) at = end + expected.size();
    return *this;
  }
};

// The steps behind each "new" of a text, until some succeed.
template <typename Try>
auto behind_new(View text, const Try& attempt) -> decltype(attempt(Steps{})) {
  for (std::size_t at = 0; (at = text.find("new", at)) != View::npos; at += 3) {
    Steps steps{text, at + 3};
    steps.blank(true);
    if (auto found = attempt(steps)) return found;
  }
  return {};
}

std::optional<View> between(View text, std::size_t begin, View closing, bool in_line) {
  const auto end = text.find(closing, begin);
  if (end == View::npos) return std::nullopt;
  const auto inside = text.substr(begin, end - begin);
  if (in_line && inside.find('\n') != View::npos) return std::nullopt;
  return inside;
}

Json java_element(View source, View nested, int depth);

Json java_list(View source, View nested, int depth) {
  const auto element = [&](View text) -> Json {
    if (nested == "char" || nested == "String") return without_ends(text);
    return java_element(text, nested, depth + 1);
  };
  const auto start = [](Steps steps) { return steps.word("ArrayList<").name(true).word(">("); };
  const auto of_elements = behind_new(source, [&](Steps steps) -> std::optional<View> {
    steps = start(steps).word("Arrays.asList(");
    if (!steps.ok || steps.at >= source.size()) return std::nullopt;
    const auto end = source.find("))", steps.at + 1);  // at least one character inside
    if (end == View::npos) return std::nullopt;
    const auto inside = source.substr(steps.at, end - steps.at);
    return inside.find('\n') == View::npos ? std::optional(inside) : std::nullopt;
  });
  if (of_elements) {
    Json elements = Json::array();
    for (const auto text : split(*of_elements)) elements.push_back(element(text));
    return elements;
  }
  const auto with_block = behind_new(source, [&](Steps steps) -> std::optional<View> {
    steps = start(steps).word(")").blank().word("{{").blank();
    if (!steps.ok) return std::nullopt;
    return between(source, steps.at, "}}", false);
  });
  if (with_block && !trimmed(*with_block).empty()) {
    Json elements = Json::array();
    for (std::size_t at = 0; (at = with_block->find("add(", at)) != View::npos;) {
      const auto end = with_block->find(')', at + 5);
      if (end == View::npos) break;
      elements.push_back(element(trimmed(with_block->substr(at + 4, end - at - 4))));
      at = end + 1;
    }
    return elements;
  }
  const auto empty = behind_new(source, [&](Steps steps) { return start(steps).word(")").ok; });
  if (empty) return Json::array();
  return std::string(source);
}

Json java_array(View source, View nested, int depth) {
  const auto inside = behind_new(source, [&](Steps steps) -> std::optional<View> {
    steps.name(false).word("[]").blank().word("{");
    return steps.ok ? between(source, steps.at, "}", true) : std::nullopt;
  });
  if (!inside) return std::string(source);
  Json elements = Json::array();
  for (const auto text : split(*inside)) {
    if (!text.empty()) elements.push_back(java_element(text, nested, depth + 1));
  }
  return elements;
}

Json java_map(View source) {
  const auto start = [](Steps steps) { return steps.word("HashMap<").up_to(">").blank().word("()"); };
  const auto inside = behind_new(source, [&](Steps steps) -> std::optional<View> {
    steps = start(steps).blank().word("{").blank();
    if (!steps.ok) return std::nullopt;
    return between(source, steps.at, "}", false);
  });
  Json entries = Json::object();
  if (inside) {
    for (std::size_t at = 0; (at = inside->find("put(\"", at)) != View::npos;) {
      Steps steps{*inside, at + 5};
      steps.up_to("\",");
      if (!steps.ok) break;
      const auto key = inside->substr(at + 5, steps.at - 2 - (at + 5));
      const auto begin = steps.blank().at;
      const auto value = between(*inside, begin, ")", true);
      if (!value) break;
      entries[std::string(key)] = untyped_java_value(trimmed(*value));
      at = begin + value->size() + 1;
    }
    return entries;
  }
  if (behind_new(source, [&](Steps steps) { return start(steps).ok; })) return entries;
  return std::string(source);
}

Json java_value_at(View source, View type, View nested, int depth) {
  if (depth > kDeepest) return std::string(source);
  if (type == "byte" || type == "short" || type == "integer") return is_number(source, false, false) ? whole_of(source) : Json(std::string(source));
  if (type == "float") {
    const auto number = without_suffix(source, "fF");
    return number && is_number(*number, true, true) ? real_of(*number) : Json(std::string(source));
  }
  if (type == "double") return is_number(source, true, true) ? real_of(source) : Json(std::string(source));
  if (type == "long") {
    const auto number = without_suffix(source, "lL");
    return number && is_number(*number, false, false) ? whole_of(*number) : Json(std::string(source));
  }
  if (type == "boolean") return source == "true" || source == "false" ? Json(source == "true") : Json(std::string(source));
  if (type == "ArrayList") return java_list(source, nested, depth);
  if (type == "Array") return java_array(source, nested, depth);
  if (type == "HashMap") return java_map(source);
  return std::string(source);
}

Json java_element(View source, View nested, int depth) {
  return nested.empty() ? untyped_java_value(source) : java_value_at(source, nested, {}, depth);
}

// --- JavaScript ----------------------------------------------------------------------------------------------------------

bool is_quoted(View text) {
  return (text.starts_with('"') && text.ends_with('"')) || (text.starts_with('\'') && text.ends_with('\''));
}

Json untyped_javascript_value(View text) {
  text = trimmed(text);
  if (text == "true") return true;
  if (text == "false") return false;
  if (is_quoted(text)) return without_ends(text);
  const auto plain = text.starts_with('+') ? text.substr(1) : text;
  if (is_number(plain, false, false)) return whole_of(plain);
  if (is_number(plain, true, true)) return real_of(plain);
  return std::string(text);
}

Json javascript_value_at(View source, View type, View nested, int depth);

// Where `[[...], [...]]` or `new Array([...], ...)` at the front ends; 0 when the text begins otherwise.
std::size_t table_length(View text) {
  static const auto pattern = text::compile_onig_pattern(
      R"(\A(?:\[\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\]|\bnew\s+Array\(\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\)))");
  try {
    const auto valid = text::replace_invalid_utf8(text);
    const auto match = pattern->find(valid, 0);
    return match ? std::min(match->end, text.size()) : 0;
  } catch (const base::UserError&) {
    return 0;  // too many steps
  }
}

Json javascript_table(View text) {
  Json rows = Json::array();
  for (std::size_t at = 0; (at = text.find('[', at)) != View::npos;) {
    const auto inside = between(text, at + 1, "]", true);
    if (!inside) break;
    auto row = trimmed(*inside);
    if (rows.empty() && row.starts_with('[')) row.remove_prefix(1);
    Json elements = Json::array();
    for (const auto element : split(row)) elements.push_back(untyped_javascript_value(element));
    rows.push_back(std::move(elements));
    at += inside->size() + 2;
  }
  return rows;
}

Json javascript_array(View source, View nested, int depth) {
  source = trimmed(source);
  if (const auto length = table_length(source); length > 0) return javascript_table(source.substr(0, length));
  std::optional<View> inside;
  if (source.starts_with('[')) {
    inside = between(source, 1, "]", true);
  } else if (source.starts_with("new")) {
    Steps steps{source, 3};
    steps.blank(true).word("Array(");
    if (steps.ok) inside = between(source, steps.at, ")", true);
  }
  if (!inside) return std::string(source);
  Json elements = Json::array();
  if (trimmed(*inside).empty()) return elements;
  for (const auto element : split(trimmed(*inside))) {
    elements.push_back(nested.empty() ? untyped_javascript_value(element) : javascript_value_at(element, nested, {}, depth + 1));
  }
  return elements;
}

// Whether an entry "key:" begins at the front of `text`.
bool begins_entry(View text) {
  const auto colon = text.substr(0, text.find(',')).rfind(':');
  return colon != View::npos && colon > 0;
}

Json javascript_object(View source, int depth) {
  source = trimmed(source);
  if (source == "{}") return Json::object();
  const auto inside = source.starts_with('{') ? between(source, 1, "}", true) : std::nullopt;
  if (!inside) return std::string(source);
  Json entries = Json::object();
  const View text = *inside;
  for (std::size_t at = 0; at < text.size();) {
    const auto colon = text.find(':', at + 1);
    if (colon == View::npos) break;
    auto key = trimmed(text.substr(at, colon - at));
    while (!key.empty() && (key.front() == '\'' || key.front() == '"')) key.remove_prefix(1);
    while (!key.empty() && (key.back() == '\'' || key.back() == '"')) key.remove_suffix(1);
    auto end = colon + 1;  // the next comma that another entry follows
    std::size_t next = text.size();
    while (true) {
      end = std::min(text.find(',', end), text.size());
      if (end == text.size()) break;
      auto begin = end + 1;
      while (begin < text.size() && is_blank(text[begin])) ++begin;
      if (begins_entry(text.substr(begin))) {
        next = begin;
        break;
      }
      ++end;
    }
    auto value = trimmed(text.substr(colon + 1, end - colon - 1));
    Json read;
    if (value.starts_with('[') && value.ends_with(']')) {
      read = javascript_array(value, {}, depth + 1);
    } else if (value.starts_with('{') && value.ends_with('}')) {
      read = depth > kDeepest ? Json(std::string(value)) : javascript_object(value, depth + 1);
    } else {
      while (!value.empty() && (value.front() == '\'' || value.front() == '"')) value.remove_prefix(1);
      while (!value.empty() && (value.back() == '\'' || value.back() == '"')) value.remove_suffix(1);
      read = untyped_javascript_value(value);
    }
    entries[std::string(key)] = std::move(read);
    at = next;
  }
  return entries;
}

Json javascript_value_at(View source, View type, View nested, int depth) {
  if (depth > kDeepest) return std::string(source);
  if (type == "String") return is_quoted(source) ? without_ends(source) : std::string(source);
  if (type == "integer") return is_number(source, false, false) ? whole_of(source) : Json(std::string(source));
  if (type == "float") return is_number(source, true, false) ? real_of(source) : Json(std::string(source));
  if (type == "Bigint") {
    const auto number = without_suffix(source, "n");
    return number && is_number(*number, false, false) ? whole_of(*number) : Json(std::string(source));
  }
  if (type == "Boolean") return source == "true" || source == "false" ? Json(source == "true") : Json(std::string(source));
  if (type == "dict") return javascript_object(source, depth);
  if (type == "array") return javascript_array(source, nested, depth);
  return std::string(source);
}

std::optional<View> look_up(const std::map<View, View>& table, View type) {
  const auto found = table.find(type);
  return found == table.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

chat::Json java_value(std::string_view source, std::string_view type, std::string_view nested) { return java_value_at(source, type, nested, 0); }

chat::Json javascript_value(std::string_view source, std::string_view type, std::string_view nested) {
  return javascript_value_at(source, type, nested, 0);
}

std::optional<std::string_view> java_type(std::string_view type) {
  static const std::map<View, View> types = {{"byte", "int"},     {"short", "int"},     {"integer", "int"},    {"long", "int"},   {"float", "float"},
                                             {"double", "float"}, {"boolean", "bool"},  {"char", "str"},       {"String", "str"}, {"any", "str"},
                                             {"Array", "list"},   {"ArrayList", "list"}, {"Queue", "list"},    {"Stack", "list"}, {"Set", "set"},
                                             {"HashMap", "dict"}, {"Hashtable", "dict"}};
  return look_up(types, type);
}

std::optional<std::string_view> javascript_type(std::string_view type) {
  static const std::map<View, View> types = {{"String", "str"},   {"integer", "int"}, {"float", "float"}, {"Bigint", "int"},
                                             {"Boolean", "bool"}, {"dict", "dict"},   {"array", "list"},  {"any", "str"}};
  return look_up(types, type);
}

}  // namespace drover::verify
