#include "engine/vocabulary_trie.h"

#include <gmock/gmock.h>

#include <map>

#include "engine/spelled_tokenizer_test.h"

namespace drover::engine {
namespace {

TEST(VocabularyTrie, HoldsEverySpellingOnceAsAPathFromTheRoot) {
  const SpelledTokenizer tokenizer({"a", "ab", "", "abc", "b", "a", "\xFF\x01", "\xFF"}, {"<end>", "<a>"});
  const VocabularyTrie trie(tokenizer);
  std::map<std::string, std::vector<int>> found;
  std::vector<std::pair<std::int32_t, std::string>> path = {{trie.end(0), ""}};
  for (std::int32_t node = 1; node < trie.num_nodes(); ++node) {
    while (path.back().first <= node) path.pop_back();
    const Symbol symbol = trie.symbol(node);
    const std::string spelling = path.back().second + (symbol < kFirstTokenSymbol ? std::string(1, static_cast<char>(symbol)) : "#");
    for (const text::TokenId id : trie.tokens(node)) found[spelling].push_back(text::to_int(id));
    path.emplace_back(trie.end(node), spelling);
  }
  const std::map<std::string, std::vector<int>> expected = {{"a", {0, 5}},        {"ab", {1}},   {"abc", {3}},   {"b", {4}},
                                                            {"\xFF", {7}}, {"\xFF\x01", {6}}, {"#", {8, 9}}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(trie.end(0), trie.num_nodes());
  EXPECT_EQ(trie.num_nodes(), 1 + 6 + 2);
  EXPECT_EQ(trie.longest_token(), 3);
  EXPECT_TRUE(trie.spells_byte('b'));
  EXPECT_FALSE(trie.spells_byte('c'));
}

TEST(VocabularyTrie, ReadsControlTokensAsSymbolsOfTheirOwn) {
  const SpelledTokenizer tokenizer({"a"}, {"<end>", "<a>"});
  const VocabularyTrie trie(tokenizer);
  const auto symbol = trie.token_symbol("<a>");
  ASSERT_TRUE(symbol);
  EXPECT_EQ(trie.token_of(*symbol), text::TokenId{2});
  EXPECT_THAT(trie.spelling(text::TokenId{2}), testing::ElementsAre(*symbol));
  EXPECT_THAT(trie.spelling(text::TokenId{0}), testing::ElementsAre('a'));
  EXPECT_FALSE(trie.token_symbol("a"));
}

}  // namespace
}  // namespace drover::engine
