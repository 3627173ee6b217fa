#include "engine/json_schema_constraint.h"

#include "base/error.h"
#include "engine/grammar_constraint.h"
#include "engine/json_grammar.h"

namespace drover::engine {
namespace {

/// Throws when a text in the schema is not UTF-8, which no reply could hold, or when it nests too deep to walk.
void check_document(const SchemaJson& json, int depth = 0) {
  constexpr int kMostNesting = 200;
  if (depth > kMostNesting) throw base::UserError("The schema nests deeper than {} levels", kMostNesting);
  for (const SchemaJson& member : json) {
    if (json.is_structured()) check_document(member, depth + 1);
  }
  if (depth > 0) return;
  try {
    static_cast<void>(json.dump());
  } catch (const SchemaJson::exception&) {
    throw base::UserError("The schema holds a text that is not valid UTF-8");
  }
}

}  // namespace

std::shared_ptr<const TokenConstraint> compile_json_schema(const nlohmann::ordered_json& schema,
                                                           std::shared_ptr<const VocabularyTrie> vocabulary) {
  check_document(schema);
  const SchemaDocument document(schema);
  JsonGrammar grammar(document, {}, vocabulary->longest_token());
  const RuleId start = grammar.rule_for(schema, "#");
  return constrain_to(grammar.rules(), start, std::move(vocabulary), "The schema");
}

std::shared_ptr<const TokenConstraint> compile_json_object(std::shared_ptr<const VocabularyTrie> vocabulary) {
  return compile_json_schema({{"type", "object"}}, std::move(vocabulary));
}

}  // namespace drover::engine
