#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/json_schema_alternatives.h"

namespace drover::engine {

/// Checks the forms of the keywords of one schema (a length is a count, "required" a list of names ...) and brings them to one form:
/// "type" a list, "const" an "enum" of one, "nullable" a type, lists under "items" as "prefixItems", "pattern" and "format" lists.
/// Throws UserError that names the keyword and its place.
SchemaJson checked_keywords(SchemaJson keywords, const std::string& place);

/// A schema that holds where both do, as exactly as keywords can say; empty when they contradict each other.
std::optional<PlainSchema> merge(const PlainSchema& left, const PlainSchema& right);

/// Whether objects of the schema have the property always.
bool requires_property(const PlainSchema& schema, std::string_view name);

/// Whether objects made for the schema may have properties that it does not name: it says so, or names none.
bool is_open_object(const PlainSchema& schema);

}  // namespace drover::engine
