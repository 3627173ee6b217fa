#include "verify/python_value.h"

#include <algorithm>

namespace drover::verify {
namespace {

// No text from outside becomes this key: keys of replies are read as they stand, and a NUL is refused there.
const std::string kTupleKey("\0tuple", 6);

double number_of(const chat::Json& value) { return value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>(); }

}  // namespace

chat::Json make_tuple(chat::Json elements) {
  auto tuple = chat::Json::object();
  tuple[kTupleKey] = std::move(elements);
  return tuple;
}

bool is_tuple(const chat::Json& value) { return value.is_object() && value.size() == 1 && value.begin().key() == kTupleKey; }

const chat::Json& elements_of(const chat::Json& tuple) { return *tuple.begin(); }

bool python_equal(const chat::Json& a, const chat::Json& b) {
  const bool a_is_number = a.is_number() || a.is_boolean();
  const bool b_is_number = b.is_number() || b.is_boolean();
  if (a_is_number && b_is_number) {
    if (a.is_number_integer() && b.is_number_integer()) return a == b;
    return number_of(a) == number_of(b);
  }
  if (a.is_array() && b.is_array()) return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), python_equal);
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      const auto found = b.find(key);
      if (found == b.end() || !python_equal(value, *found)) return false;
    }
    return true;
  }
  return a == b;
}

std::string_view python_type(const chat::Json& value) {
  if (is_tuple(value)) return "tuple";
  switch (value.type()) {
    case chat::Json::value_t::boolean: return "bool";
    case chat::Json::value_t::number_integer:
    case chat::Json::value_t::number_unsigned: return "int";
    case chat::Json::value_t::number_float: return "float";
    case chat::Json::value_t::string: return "str";
    case chat::Json::value_t::array: return "list";
    case chat::Json::value_t::object: return "dict";
    default: return "NoneType";
  }
}

}  // namespace drover::verify
