#include "verify/call_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "verify/python_string.h"
#include "verify/python_value.h"
#include "verify/source_value.h"

namespace drover::verify {
namespace {

using chat::Json;

std::string shown(const Json& value) {
  auto text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 100 ? text.substr(0, 100) + "..." : text;
}

/// Python's type that values of a described type have.
std::optional<std::string_view> type_in(CallLanguage language, std::string_view type) {
  if (language == CallLanguage::kJava) return java_type(type);
  if (language == CallLanguage::kJavascript) return javascript_type(type);
  static const std::map<std::string_view, std::string_view> types = {{"string", "str"}, {"integer", "int"}, {"float", "float"}, {"boolean", "bool"},
                                                                     {"array", "list"}, {"tuple", "list"},  {"dict", "dict"},   {"any", "str"}};
  const auto found = types.find(type);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

/// A parameter's described type, and that of its elements where they count.
struct ParameterType {
  std::string described;
  std::string nested;  ///< as described; empty: elements have no type of their own
  std::string_view python;
  std::optional<std::string_view> nested_python;
};

ParameterType parameter_type(const Json& parameter, CallLanguage language) {
  ParameterType type;
  if (parameter.is_object() && parameter.contains("type") && parameter["type"].is_string()) type.described = parameter["type"].get<std::string>();
  const auto python = type_in(language, type.described);
  if (!python) throw base::UserError("There is no rule for the type \"{}\" of a parameter.", type.described);
  type.python = *python;
  const bool has_elements = language == CallLanguage::kPython ? type.described == "array" || type.described == "tuple"
                                                              : type.described == "Array" || type.described == "ArrayList" || type.described == "array";
  if (has_elements && parameter.contains("items") && parameter["items"].is_object() && parameter["items"].contains("type") &&
      parameter["items"]["type"].is_string()) {
    type.nested = parameter["items"]["type"].get<std::string>();
    type.nested_python = type_in(language, type.nested);
    if (!type.nested_python) throw base::UserError("There is no rule for elements of the type \"{}\".", type.nested);
  }
  return type;
}

// --- values --------------------------------------------------------------------------------------------------------------

bool is_left_out(const Json& acceptable) { return acceptable.is_string() && acceptable.get_ref<const std::string&>().empty(); }

bool contains(const Json& list, const Json& value) {
  return std::any_of(list.begin(), list.end(), [&](const Json& entry) { return python_equal(entry, value); });
}

// Blanks and , . / - _ * ^ do not count, nor does case; single quotes are double ones.
std::string standard(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view(" ,./-_*^").find(c) == std::string_view::npos) out.push_back(c == '\'' ? '"' : c);
  }
  return encode(lower(decode(out)));
}

Json standard(const Json& value) { return value.is_string() ? Json(standard(value.get_ref<const std::string&>())) : value; }

Json with_standard_texts(const Json& list) {
  Json out = Json::array();
  for (const auto& entry : list) out.push_back(standard(entry));
  return out;
}

Json as_list(const Json& value) { return value.is_array() ? value : Json::array({value}); }

std::string_view type_of_acceptable(const Json& acceptable) {
  for (const auto& value : acceptable) {
    if (!is_left_out(value)) return python_type(value);
  }
  return {};
}

struct TypeVerdict {
  bool is_valid = false;
  bool is_variable = false;  ///< stands for a variable: of the type of the acceptable values, not of the described one
};

TypeVerdict check_type(const Json& value, const Json& acceptable, std::string_view wanted, std::optional<std::string_view> nested) {
  const auto acceptable_type = type_of_acceptable(acceptable);
  const bool is_variable = !acceptable_type.empty() && acceptable_type != wanted;
  if (python_type(value) != wanted) {
    const bool fits = !acceptable_type.empty() && python_type(value) == acceptable_type;
    return {fits, fits};
  }
  if (!nested) return {true, is_variable};
  for (const auto& answer : acceptable) {
    const bool fits = !answer.is_array() ||
                      std::all_of(value.begin(), value.end(), [&](const Json& entry) { return check_type(entry, answer, *nested, std::nullopt).is_valid; });
    if (fits) return {true, is_variable};
  }
  return {false, false};
}

bool text_fits(const std::string& text, const Json& acceptable) {
  const auto wanted = standard(text);
  return std::any_of(acceptable.begin(), acceptable.end(),
                     [&](const Json& entry) { return entry.is_string() && standard(entry.get_ref<const std::string&>()) == wanted; });
}

bool list_fits(const Json& list, const Json& acceptable) {
  const auto wanted = with_standard_texts(list);
  return std::any_of(acceptable.begin(), acceptable.end(),
                     [&](const Json& entry) { return entry.is_array() && python_equal(with_standard_texts(entry), wanted); });
}

bool dict_fits(const Json& dict, const Json& acceptable) {
  return std::any_of(acceptable.begin(), acceptable.end(), [&](const Json& answer) {
    if (!answer.is_object()) return false;
    for (const auto& [key, value] : dict.items()) {
      const auto found = answer.find(key);
      if (found == answer.end() || !contains(with_standard_texts(as_list(*found)), standard(value))) return false;
    }
    return std::all_of(answer.items().begin(), answer.items().end(), [&](const auto& item) {
      if (dict.contains(item.key())) return true;
      const auto values = as_list(item.value());
      return std::any_of(values.begin(), values.end(), is_left_out);
    });
  });
}

bool list_of_dicts_fits(const Json& list, const Json& acceptable) {
  return std::any_of(acceptable.begin(), acceptable.end(), [&](const Json& answer) {
    if (is_left_out(answer)) return list.empty();
    if (!answer.is_array() || answer.size() != list.size()) return false;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].is_object() || !dict_fits(list[i], Json::array({answer[i]}))) return false;
    }
    return true;
  });
}

bool value_fits(const Json& value, const Json& acceptable, const ParameterType& type, bool is_variable) {
  if (!is_variable) {
    if (type.python == "dict") return dict_fits(value, acceptable);
    if (type.python == "list" && type.nested_python == "dict") return list_of_dicts_fits(value, acceptable);
    if (type.python == "str") return text_fits(value.get_ref<const std::string&>(), acceptable);
    if (type.python == "list") return list_fits(value, acceptable);
  }
  return contains(acceptable, value);
}

// The value as the comparison takes it; nothing when Java's or JavaScript's is no source text.
std::optional<Json> comparable(const Json& value, const ParameterType& type, CallLanguage language) {
  if (language != CallLanguage::kPython) {
    if (!value.is_string()) return std::nullopt;
    const auto& source = value.get_ref<const std::string&>();
    return language == CallLanguage::kJava ? java_value(source, type.described, type.nested) : javascript_value(source, type.described, type.nested);
  }
  if (type.described == "tuple" && is_tuple(value)) return elements_of(value);
  if (type.described == "float" && value.is_number_integer()) return value.get<double>();
  return value;
}

const Json& properties_of(const Json& description) {
  static const Json kNone = Json::object();
  const auto parameters = description.find("parameters");
  if (parameters == description.end() || !parameters->is_object()) return kNone;
  const auto properties = parameters->find("properties");
  return properties == parameters->end() || !properties->is_object() ? kNone : *properties;
}

std::vector<std::string> required_of(const Json& description) {
  std::vector<std::string> names;
  const auto parameters = description.find("parameters");
  if (parameters == description.end() || !parameters->is_object()) return names;
  const auto required = parameters->find("required");
  if (required == parameters->end() || !required->is_array()) return names;
  for (const auto& name : *required) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace

const chat::Json* description_of(const ExpectedCalls& expected, const chat::Json& answer) {
  // A simple question has one function, which counts whatever the answer calls it.
  if (expected.category == ExpectedCalls::Category::kSimple) return &expected.functions[0];
  for (const auto& function : expected.functions) {
    if (function.is_object() && function.contains("name") && function["name"] == answer.begin().key()) return &function;
  }
  return nullptr;
}

void refuse_odd_answers(const ExpectedCalls& expected) {
  if (!expected.functions.is_array() || expected.functions.empty() || !expected.answer.is_array() || expected.answer.empty()) {
    throw base::UserError("\"functions\" and \"answer\" must be lists, each with at least one entry.");
  }
  if (expected.category != ExpectedCalls::Category::kParallel && expected.answer.size() != 1) {
    throw base::UserError("{} answers, but only parallel calls have more than one.", expected.answer.size());
  }
  for (const auto& answer : expected.answer) {
    if (!answer.is_object() || answer.size() != 1 || !answer.begin()->is_object()) {
      throw base::UserError("An answer must be one function name with its parameters, not {}.", shown(answer));
    }
    const auto* description = description_of(expected, answer);
    if (description == nullptr || !description->is_object() || !description->contains("name") || !(*description)["name"].is_string()) {
      throw base::UserError("The function '{}' of an answer is not described.", answer.begin().key());
    }
    for (const auto& [name, acceptable] : answer.begin()->items()) {
      if (!acceptable.is_array()) throw base::UserError("The acceptable values of '{}' must be a list.", name);
      const auto& properties = properties_of(*description);
      if (const auto parameter = properties.find(name); parameter != properties.end()) parameter_type(*parameter, expected.language);
    }
  }
}

std::string fault_of_call(const WrittenCall& call, const chat::Json& description, const chat::Json& answer, CallLanguage language) {
  const auto& acceptable = *answer.begin();
  const auto& properties = properties_of(description);
  const auto& name = description["name"].get_ref<const std::string&>();
  if (call.name != name) return fmt::format("'{}' is called in place of '{}'", call.name, name);
  for (const auto& required : required_of(description)) {
    if (!call.arguments.contains(required)) return fmt::format("the required parameter '{}' is missing", required);
  }
  for (const auto& [parameter, given] : call.arguments.items()) {
    const auto described = properties.find(parameter);
    const auto values = acceptable.find(parameter);
    if (described == properties.end() || values == acceptable.end()) return fmt::format("the parameter '{}' is not expected", parameter);
    const auto type = parameter_type(*described, language);
    const auto value = comparable(given, type, language);
    if (!value) return fmt::format("the value of '{}' must be source text, not {}", parameter, python_type(given));
    const auto verdict = check_type(*value, *values, type.python, type.nested_python);
    if (!verdict.is_valid) return fmt::format("'{}' is {}, which is no {}", parameter, shown(given), type.described);
    if (!value_fits(*value, *values, type, verdict.is_variable)) return fmt::format("'{}' is {}, which is none of the acceptable values", parameter, shown(given));
  }
  for (const auto& [parameter, values] : acceptable.items()) {
    if (!call.arguments.contains(parameter) && std::none_of(values.begin(), values.end(), is_left_out)) {
      return fmt::format("the parameter '{}' is missing", parameter);
    }
  }
  return {};
}

}  // namespace drover::verify
