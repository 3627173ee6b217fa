#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/constrained_text_test.h"
#include "engine/json_schema_constraint.h"
#include "engine/random_schema_test.h"
#include "engine/spelled_tokenizer_test.h"

namespace drover::engine {
namespace {

constexpr std::uint64_t kSchemas = 150;

const SpelledTokenizer& tokenizer() {
  static const SpelledTokenizer all = SpelledTokenizer::with_all_bytes(json_pieces(), {"<|end|>"});
  return all;
}

/// Calls `check` with random schemas and their constraints; schemas that nothing satisfies are left out.
template <typename Check>
void for_random_schemas(Check check) {
  const auto vocabulary = std::make_shared<const VocabularyTrie>(tokenizer());
  int compiled = 0;
  for (std::uint64_t seed = 0; seed < kSchemas; ++seed) {
    RandomSchemas schemas(seed);
    const TestJson schema = schemas.schema();
    SCOPED_TRACE(schema.dump());
    ++compiled;
    check(schemas, schema, compile_json_schema(schema, vocabulary));
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(compiled, static_cast<int>(kSchemas));
}

/// The text cut into tokens at random.
std::vector<text::TokenId> random_cut(std::string_view text, base::RandomStream& random) {
  std::vector<text::TokenId> ids;
  while (!text.empty()) {
    std::vector<text::TokenId> fitting;
    for (std::int32_t id = 0; id < tokenizer().vocab_size(); ++id) {
      if (!tokenizer().is_special(text::TokenId{id}) && text.starts_with(tokenizer().bytes_of(text::TokenId{id}))) fitting.push_back(text::TokenId{id});
    }
    ids.push_back(fitting[random.below(fitting.size())]);
    text.remove_prefix(tokenizer().bytes_of(ids.back()).size());
  }
  return ids;
}

TEST(JsonSchemaConstraint, ValidDocumentsAreAllowedHoweverTheyAreCutIntoTokens) {
  for_random_schemas([](RandomSchemas& schemas, const TestJson& schema, const std::shared_ptr<const TokenConstraint>& constraint) {
    for (int i = 0; i < 10; ++i) {
      const std::string document = schemas.document(schema, schema);
      ASSERT_TRUE(RandomSchemas::is_valid(schema, schema, TestJson::parse(document))) << document;
      for (const auto& ids : {tokenizer().encode(document), byte_tokens(document), random_cut(document, schemas.random())}) {
        const auto state = constraint->copy();
        ASSERT_EQ(accept_all(*state, tokenizer(), ids), ids.size()) << document;
        ASSERT_TRUE(state->may_end()) << document;
      }
    }
  });
}

TEST(JsonSchemaConstraint, WhateverIsSampledFromTheMasksIsJsonThatSatisfiesTheSchema) {
  for_random_schemas([](RandomSchemas& schemas, const TestJson& schema, const std::shared_ptr<const TokenConstraint>& constraint) {
    for (int i = 0; i < 5; ++i) {
      const auto state = constraint->copy();
      const auto text = sampled_rest(*state, tokenizer(), schemas.random(), 60);
      ASSERT_TRUE(text);
      const TestJson value = TestJson::parse(*text, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << *text;
      ASSERT_TRUE(RandomSchemas::is_valid(schema, schema, value)) << *text;
    }
  });
}

TEST(JsonSchemaConstraint, ATextIsRefusedAtItsFirstByteThatNoValidDocumentGoesOnWith) {
  for_random_schemas([](RandomSchemas& schemas, const TestJson& schema, const std::shared_ptr<const TokenConstraint>& constraint) {
    for (int i = 0; i < 10; ++i) {
      std::string text = schemas.document(schema, schema);
      const std::size_t at = schemas.random().below(text.size());
      static constexpr std::string_view kBytes = "\"{}[],: 019-.eabtn\\\n\xC3\xFF";
      const char byte = kBytes[schemas.random().below(kBytes.size())];
      if (schemas.random().below(2) == 0) {
        text[at] = byte;
      } else {
        text.insert(at, 1, byte);
      }
      const std::size_t wrong = first_wrong_byte(*constraint, tokenizer(), text);
      if (wrong == text.size()) {
        ASSERT_TRUE(RandomSchemas::is_valid(schema, schema, TestJson::parse(text))) << text;
      }
      // Every byte before the wrong one still leads to a valid document.
      const std::string beginning = text.substr(0, wrong);
      const auto state = constraint->copy();
      accept_all(*state, tokenizer(), byte_tokens(beginning));
      const auto rest = sampled_rest(*state, tokenizer(), schemas.random(), 20);
      ASSERT_TRUE(rest) << beginning;
      const TestJson value = TestJson::parse(beginning + *rest, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << beginning << "|" << *rest;
      ASSERT_TRUE(RandomSchemas::is_valid(schema, schema, value)) << beginning << "|" << *rest;
    }
  });
}

bool is_accepted_alone(const TokenConstraint& state, text::TokenId id) {
  try {
    state.copy()->accept(id);
    return true;
  } catch (const base::InternalError&) {
    return false;
  }
}

TEST(JsonSchemaConstraint, TheMaskOfEveryStateHoldsTheTokensThatAreAcceptedAlone) {
  for_random_schemas([](RandomSchemas& schemas, const TestJson& schema, const std::shared_ptr<const TokenConstraint>& constraint) {
    const auto state = constraint->copy();
    for (const text::TokenId next : random_cut(schemas.document(schema, schema), schemas.random())) {
      const TokenMask mask = mask_of(*state, tokenizer());
      for (std::int32_t id = 0; id < tokenizer().vocab_size(); ++id) {
        ASSERT_EQ(mask.contains(text::TokenId{id}), is_accepted_alone(*state, text::TokenId{id})) << tokenizer().bytes_of(text::TokenId{id});
      }
      state->accept(next);
    }
  });
}

}  // namespace
}  // namespace drover::engine
