#include "judge/answer_forms.h"

#include "engine/choice_constraint.h"
#include "engine/json_schema_constraint.h"
#include "engine/vocabulary_trie.h"

namespace drover::judge {

AnswerForms answer_forms(const text::Tokenizer& tokenizer) {
  const auto vocabulary = std::make_shared<const engine::VocabularyTrie>(tokenizer);
  return {.one_of = [vocabulary](
                        std::span<const std::string> choices) { return engine::compile_choices(choices, vocabulary); },
          .json = [vocabulary](const chat::Json& schema) { return engine::compile_json_schema(schema, vocabulary); }};
}

}  // namespace drover::judge
