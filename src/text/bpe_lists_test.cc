#include "text/bpe_lists.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "text/tokenizer_factories.h"

namespace drover::text {
namespace {

using nlohmann::json;

/// A file with all that JSON has, merges in both spellings and a text that needs escapes.
const std::string kFile = R"({"version": "1.0", "truncation": null, "added_tokens": [{"id": 6, "content": "<|end|>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "numbers": [1, -2, 18446744073709551615, 0.5, 1e3],
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
            "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120a": 4, "\"\\": 5, "\"": 7, "\\": 8},
            "merges": ["a b", ["\u0120", "a"], ["\"", "\\"]]}, "decoder": {"type": "ByteLevel"}})";

#ifdef DROVER_HAS_SIMDJSON

TEST(BpeLists, TheFastWayReadsWhatTheGeneralWayReads) {
  auto whole = json::parse(kFile);
  const auto split = SplitTokenizerJson::parse(kFile);
  ASSERT_TRUE(split.has_value());
  auto fast = split->lists();
  ASSERT_TRUE(fast.has_value());
  const auto general = bpe_lists_of(whole["model"], "file");
  std::sort(fast->vocabulary.begin(), fast->vocabulary.end());
  EXPECT_EQ(fast->vocabulary, general.vocabulary);
  EXPECT_EQ(fast->merges, general.merges);
  EXPECT_EQ(fast->merges.at(2), (std::pair<std::string_view, std::string_view>{"\"", "\\"}));
  for (const auto& [spelling, id] : general.vocabulary) EXPECT_EQ(fast->ids.find(spelling), id);
  EXPECT_EQ(make_byte_level_bpe(split->rest(), *fast, {}, "file")->hash(), make_byte_level_bpe(whole, {}, "file")->hash());
  whole["model"]["vocab"] = json::object();
  whole["model"]["merges"] = json::array();
  EXPECT_EQ(split->rest(), whole);
}

TEST(BpeLists, TheFastWayLeavesWhatIsUnusualToTheGeneralOne) {
  const auto replaced = [](const std::string& old, const std::string& by) {
    auto text = kFile;
    return text.replace(text.find(old), old.size(), by);
  };
  for (const auto& [old, by] : std::vector<std::pair<std::string, std::string>>{
           {"\"b\": 1", "\"a\": 1"},           // a spelling twice
           {"\"b\": 1", "\"b\": 0"},           // an id twice
           {"\"b\": 1", "\"b\": -1"},
           {"\"b\": 1", "\"b\": 1.0"},
           {"\"b\": 1", "\"b\": 99999999999"},
           {"\"b\": 1", "\"\": 1"},
           {"\"a b\"", "\"a b c\""},
           {"\"a b\"", "5"},
           {"\"a b\"", "[\"a\"]"},
           {"\"fuse_unk\": false", "\"merges\": []"},  // a list twice
           {"\"merges\"", "\"merge\""},
           {"\"model\"", "\"modell\""},
           {"\"version\": \"1.0\"", "\"version\": \"\\ud800\""},  // half a character
           {"\"version\": \"1.0\"", "\"version\": \"\xFF\""},
           {"0.5", "05"},
       }) {
    SCOPED_TRACE(by);
    const auto split = SplitTokenizerJson::parse(replaced(old, by));
    EXPECT_FALSE(split && split->lists());
  }
  EXPECT_FALSE(SplitTokenizerJson::parse(kFile.substr(0, kFile.size() - 1)));
  EXPECT_FALSE(SplitTokenizerJson::parse(""));
}

#endif

TEST(BpeLists, NamesTheEntryThatIsNone) {
  const auto message = [](const char* model) -> std::string {
    try {
      bpe_lists_of(json::parse(model), "file");
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message(R"({"merges": []})"), "file: model.vocab is missing or no object.");
  EXPECT_EQ(message(R"({"vocab": {"a": 0}})"), "file: model.merges is missing or no list.");
  EXPECT_EQ(message(R"({"vocab": {"a": 0, "b": "x"}, "merges": []})").substr(0, 26), "file: the id of token 'b' ");
  EXPECT_EQ(message(R"({"vocab": {"a": 0, "b": 1}, "merges": ["a b", "ab"]})"), "file: merge 1 is not a pair of two tokens.");
}

}  // namespace
}  // namespace drover::text
