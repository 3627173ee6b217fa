#include "engine/choice_constraint.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "engine/constrained_text_test.h"
#include "engine/spelled_tokenizer_test.h"

namespace drover::engine {
namespace {

using testing::HasSubstr;

const SpelledTokenizer& tokenizer() {
  static const SpelledTokenizer all = SpelledTokenizer::with_all_bytes({"ti", "tie", "tied", "ie", "A", "AB", ""}, {"A"});
  return all;
}

std::shared_ptr<const TokenConstraint> choices(std::vector<std::string> texts) {
  return compile_choices(texts, std::make_shared<VocabularyTrie>(tokenizer()));
}

std::vector<std::string> allowed_texts(const TokenConstraint& state) {
  std::vector<std::string> texts;
  const TokenMask mask = mask_of(state, tokenizer());
  for (std::int32_t id = 0; id < tokenizer().vocab_size(); ++id) {
    if (mask.contains(text::TokenId{id})) texts.emplace_back(tokenizer().bytes_of(text::TokenId{id}));
  }
  return texts;
}

TEST(ChoiceConstraint, AllowsEveryTokenThatBeginsAChoiceAndNoControlToken) {
  EXPECT_THAT(allowed_texts(*choices({"A", "B", "tie"})), testing::UnorderedElementsAre("A", "A", "B", "t", "ti", "tie"));
}

TEST(ChoiceConstraint, MayEndExactlyAtAChoice) {
  const auto constraint = choices({"A", "B", "tie"});
  EXPECT_FALSE(constraint->may_end());
  for (const char* const text : {"A", "B", "tie"}) EXPECT_TRUE(accepts(*constraint, tokenizer(), text)) << text;
  EXPECT_EQ(first_wrong_byte(*constraint, tokenizer(), "tix"), 2U);
  EXPECT_EQ(first_wrong_byte(*constraint, tokenizer(), "ti"), 3U);
  EXPECT_EQ(first_wrong_byte(*constraint, tokenizer(), "AA"), 1U);
}

TEST(ChoiceConstraint, AChoiceThatBeginsAnotherMayEndOrGoOn) {
  const auto state = choices({"tie", "tied"})->copy();
  for (const text::TokenId id : tokenizer().encode("tie")) state->accept(id);
  EXPECT_TRUE(state->may_end());
  EXPECT_THAT(allowed_texts(*state), testing::ElementsAre("d"));
}

TEST(ChoiceConstraint, CopiesGoOnByThemselves) {
  const auto constraint = choices({"AB", "AC"});
  const auto first = constraint->copy();
  first->accept(text::TokenId{'A'});
  const auto second = first->copy();
  first->accept(text::TokenId{'B'});
  EXPECT_TRUE(first->may_end());
  EXPECT_FALSE(second->may_end());
  EXPECT_THAT(allowed_texts(*second), testing::UnorderedElementsAre("B", "C"));
}

TEST(ChoiceConstraint, ATokenThatWasNotAllowedIsABrokenPromise) {
  const auto state = choices({"A"})->copy();
  EXPECT_THROW(state->accept(text::TokenId{'B'}), base::InternalError);
  EXPECT_THROW(state->accept(text::TokenId{262}), base::InternalError);  // without a spelling
}

TEST(ChoiceConstraint, RefusesListsThatNoReplyCanMeet) {
  const auto message = [](std::vector<std::string> texts) {
    try {
      choices(std::move(texts));
    } catch (const base::UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(message({}), HasSubstr("at least one"));
  EXPECT_THAT(message({"A", ""}), HasSubstr("Choice 2 is empty"));
  EXPECT_THAT(message({"\xFF"}), HasSubstr("Choice 1 is not valid UTF-8"));
  const SpelledTokenizer letters({"a", "b"});
  const std::vector<std::string> unspelled = {"a", "abc"};
  EXPECT_THROW(compile_choices(unspelled, std::make_shared<VocabularyTrie>(letters)), base::UserError);
}

}  // namespace
}  // namespace drover::engine
