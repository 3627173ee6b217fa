#pragma once

#include <nlohmann/json.hpp>

#include <memory>

#include "engine/token_constraint.h"
#include "engine/vocabulary_trie.h"

namespace drover::engine {

/// A reply that is one JSON value which satisfies a JSON schema (draft 2020-12; "definitions", item lists and "nullable" of older drafts
/// and OpenAPI are understood).
///
/// What replies look like: on one line; one blank or none after ":" and ","; no other blanks. Properties stand in the schema's order,
/// properties that it does not name after these. A schema that lists properties and does not say additionalProperties gets no others,
/// and one with prefixItems and no items no further items. A schema without a type is taken for the type that its keywords speak of.
/// Strings are valid UTF-8 without lone surrogates; keys, and strings with a pattern or format, have one spelling only. Numbers have a
/// bounded number of digits (json_number_rule.h). Nesting goes 64 levels deeper than the schema demands. Keys that the schema does not
/// name may repeat.
///
/// Understood: type, properties, required, additionalProperties, items, prefixItems, minItems, maxItems, minLength, maxLength (in
/// characters), pattern (json_pattern.h), format (date, time, date-time, uuid, ipv4; others say nothing), minimum, maximum,
/// exclusiveMinimum, exclusiveMaximum, enum, const, anyOf, oneOf (when its branches exclude each other by type, constants or required
/// properties), allOf, $ref within the schema, nullable. Throws UserError, naming keyword and place, for all others but annotations, for
/// a schema that nothing satisfies, and for one that needs too many states.
std::shared_ptr<const TokenConstraint> compile_json_schema(const nlohmann::ordered_json& schema,
                                                           std::shared_ptr<const VocabularyTrie> vocabulary);

/// A reply that is any JSON object ("json_object" of OpenAI's interface).
std::shared_ptr<const TokenConstraint> compile_json_object(std::shared_ptr<const VocabularyTrie> vocabulary);

}  // namespace drover::engine
