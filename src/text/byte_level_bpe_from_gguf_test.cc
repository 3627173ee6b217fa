#include <gtest/gtest.h>

#include "text/tokenizer_factories.h"

namespace drover::text {
namespace {

TEST(ByteLevelBpeFromGguf, ComposesTextForQwenAndForNoOther) {
  // The bytes of U+00E9 (C3 A9), of e and of U+0301 (CC 81), in the spelling of byte-level BPE.
  GgufVocabulary vocabulary;
  vocabulary.where = "test";
  vocabulary.model = "gpt2";
  vocabulary.tokens = {"\u00C3", "\u00A9", "e", "\u00CC", "\u0123", "\u00C3\u00A9"};
  vocabulary.types.assign(vocabulary.tokens.size(), GgufTokenType::kNormal);
  vocabulary.merges = {"\u00C3 \u00A9"};
  const std::string decomposed = "e\u0301";
  vocabulary.pre = "qwen2";
  EXPECT_EQ(make_byte_level_bpe(vocabulary)->encode(decomposed), (std::vector{TokenId{5}}));
  vocabulary.pre = "gpt-2";
  EXPECT_EQ(make_byte_level_bpe(vocabulary)->encode(decomposed), (std::vector{TokenId{2}, TokenId{3}, TokenId{4}}));
}

}  // namespace
}  // namespace drover::text
