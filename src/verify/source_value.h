#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chat/dialog.h"

namespace drover::verify {

// Values of Java and JavaScript calls, read from their source text by BFCL's rules. What does not have the form that its type asks for
// stays a text, and so fails the comparison of types.

/// `type` is BFCL's name of a Java type ("integer", "ArrayList", "HashMap"); `nested` of the elements, may be empty.
chat::Json java_value(std::string_view source, std::string_view type, std::string_view nested = {});

/// The same for JavaScript ("Bigint", "Boolean", "array", "dict").
chat::Json javascript_value(std::string_view source, std::string_view type, std::string_view nested = {});

/// Python's type that values of BFCL's Java or JavaScript type become ("int", "list"); nothing for an unknown type.
std::optional<std::string_view> java_type(std::string_view type);
std::optional<std::string_view> javascript_type(std::string_view type);

}  // namespace drover::verify
