#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"

namespace drover::verify {

/// A call as a reply writes it.
struct WrittenCall {
  std::string name;   ///< with its dots: "math.sum"
  chat::Json arguments = chat::Json::object();  ///< tuples as make_tuple makes them
};

/// A Python tuple among JSON values: no other value equals it.
chat::Json make_tuple(chat::Json elements);
bool is_tuple(const chat::Json& value);
/// The elements of a tuple, as a list.
const chat::Json& elements_of(const chat::Json& tuple);

/// Python's ==: 1 == 1.0 == True; lists and dicts by their members; a tuple equals no list.
bool python_equal(const chat::Json& a, const chat::Json& b);

/// Python's type(value).__name__.
std::string_view python_type(const chat::Json& value);

}  // namespace drover::verify
