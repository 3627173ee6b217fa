#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random_stream.h"
#include "text/character_scan.h"
#include "text/known_patterns.h"
#include "text/make_pre_tokenizer.h"
#include "text/matcher.h"
#include "text/onig_pattern.h"
#include "text/set_pattern.h"

// A build of the LibTorch rooms alone may lack Oniguruma, the reference of these tests.
#ifdef DROVER_HAS_ONIGURUMA

namespace drover::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;

std::vector<std::string> cut(const PreTokenizer& pre_tokenizer, std::string_view text) {
  Pieces pieces;
  pre_tokenizer.cut(text, pieces);
  std::vector<std::string> cut;
  std::size_t begin = 0;
  for (const std::uint32_t length : pieces.lengths) {
    cut.emplace_back(pieces.text.substr(begin, length));
    begin += length;
  }
  EXPECT_EQ(begin, pieces.text.size());
  return cut;
}

std::vector<std::string> cut(const json& pre_tokenizer, std::string_view text) {
  return cut(*make_pre_tokenizer(read_split_steps(pre_tokenizer, "test")), text);
}

json sequence(std::vector<json> steps) {
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

json split(const std::string& regex, const std::string& behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", behavior}, {"invert", invert}};
}

// The pieces that Oniguruma finds, gaps included: what Hugging Face's Split with behavior Isolated does.
std::vector<std::string> onig_pieces(const Matcher& pattern, const std::string& text) {
  std::vector<std::string> pieces;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto match = pattern.find(text, at);
    if (!match || match->begin > at) pieces.push_back(text.substr(at, match ? match->begin - at : std::string::npos));
    if (!match) break;
    pieces.push_back(text.substr(match->begin, match->end - match->begin));
    at = match->end;
  }
  return pieces;
}

// Random text over all classes of characters, rich in what the patterns treat differently. Leaves out characters that
// are younger than this Oniguruma's Unicode, whose classes there differ.
class RandomText {
 public:
  explicit RandomText(std::uint64_t seed) : random_(seed, "pre-tokenizer text") {}

  std::string next() {
    static const std::vector<std::string> telling = {
        " ",  "  ", "\n",      "\r\n",   "\t",     "'s",     "'S",     "'t",     "'re", "'RE",  "'ll",    "'Ll",
        "'d", "'",  "'\u017f", "\u017f", "a",      "Z",      "I'",     "'M",     "12",  "1",    "0",      "\u00b2",
        ".",  ",",  "!",       "_",      "\u00a0", "\u3000", "\u2028", "\u0301", "/",   "\x1a", "\u00e9", "\u4e2d"};
    std::string text;
    const std::uint64_t length = 1 + random_.below(24);
    for (std::uint64_t i = 0; i < length; ++i) {
      if (random_.below(3) > 0) {
        text += telling[random_.below(telling.size())];
      } else {
        const auto& pool = by_class()[random_.below(8)];
        text += pool[random_.below(pool.size())];
      }
    }
    return text;
  }

 private:
  using Pools = std::array<std::vector<std::string>, 8>;

  static const Pools& by_class() {
    static const Pools pools = make_pools();
    return pools;
  }

  static Pools make_pools() {
    Pools pools;
    const std::pair<std::unique_ptr<const Matcher>, std::uint8_t> compared[] = {
        {compile_onig_pattern(R"(\p{L})"), char_class::kLetter},
        {compile_onig_pattern(R"(\p{N})"), char_class::kNumber},
        {compile_onig_pattern(R"(\p{M})"), char_class::kMark},
        {compile_onig_pattern(R"(\p{P})"), char_class::kPunctuation},
        {compile_onig_pattern(R"(\s)"), char_class::kSpace}};
    const auto unassigned = compile_onig_pattern(R"(\p{Cn})");
    for (char32_t code_point = 0; code_point < 0x110000; code_point += code_point < 0x3000 ? 1 : 7) {
      if (code_point >= 0xD800 && code_point < 0xE000) continue;
      std::string text;
      append_utf8(code_point, text);
      const std::uint8_t classes = char_class_of(code_point);
      bool same = true;
      for (const auto& [pattern, bit] : compared) same &= pattern->find(text, 0).has_value() == ((classes & bit) != 0);
      EXPECT_TRUE(same || unassigned->find(text, 0).has_value())
          << "U+" << std::hex << static_cast<unsigned>(code_point);
      if (!same) continue;
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if (classes & (1u << bit)) pools[bit].push_back(text);
      }
    }
    return pools;
  }

  base::RandomStream random_;
};

struct Scanned {
  const char* name;
  std::string_view pattern;
};
class HandWrittenScanner : public testing::TestWithParam<Scanned> {};

TEST_P(HandWrittenScanner, CutsRandomTextAsItsPatternDoes) {
  const std::string pattern(GetParam().pattern);
  ASSERT_NE(recognise_pattern(pattern), KnownScanner::kNone);
  const auto onig = compile_onig_pattern(pattern);
  const auto scanner = make_pre_tokenizer({{.pattern = pattern}});
  RandomText random(11);
  for (int round = 0; round < 20000; ++round) {
    const std::string text = random.next();
    ASSERT_EQ(cut(*scanner, text), onig_pieces(*onig, text)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Known, HandWrittenScanner,
                         testing::Values(Scanned{"Gpt2", known_pattern::kGpt2},
                                         Scanned{"Llama3", known_pattern::kLlama3},
                                         Scanned{"Qwen2", known_pattern::kQwen2},
                                         Scanned{"Qwen35", known_pattern::kQwen35}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(HandWrittenScanner, CutsRandomTextAsSmolLmsTwoStepsDo) {
  const std::vector<SplitStep> steps = {{.pattern = R"(\p{N})"}, {.pattern = std::string(known_pattern::kGpt2)}};
  const auto number = compile_onig_pattern(steps[0].pattern), gpt2 = compile_onig_pattern(steps[1].pattern);
  const auto scanner = make_pre_tokenizer(steps);
  RandomText random(12);
  for (int round = 0; round < 20000; ++round) {
    const std::string text = random.next();
    std::vector<std::string> expected;
    for (const std::string& fragment : onig_pieces(*number, text)) {
      for (std::string& piece : onig_pieces(*gpt2, fragment)) expected.push_back(std::move(piece));
    }
    ASSERT_EQ(cut(*scanner, text), expected) << text;
  }
}

class SimplePattern : public testing::TestWithParam<const char*> {};

TEST_P(SimplePattern, FindsWhatOnigurumaFinds) {
  const auto scanner = compile_set_pattern(GetParam());
  ASSERT_NE(scanner, nullptr);
  const auto onig = compile_onig_pattern(GetParam());
  RandomText random(13);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = random.next();
    ASSERT_EQ(onig_pieces(*scanner, text), onig_pieces(*onig, text)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, SimplePattern,
                         testing::Values(R"(\p{N})", R"(\p{N}+)", R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                         R"(\s+$)", "[0-9]", R"(\s?[!-/:-~]+)", "[\u4e00-\u9fa5\u0800-\u4e00]+",
                                         R"([^\s\p{L}]+)", R"( ?[^a-z\-]+)", R"(\S+)"));

TEST(SimplePattern, LeavesEverythingElseToOniguruma) {
  for (const char* pattern : {"a", "a|b", "[a-z&&[aeiou]]", "(a)", R"(\d+)", R"(\p{L}{2})", "[a", R"(\p{L}*)",
                              R"([\w]+)", "", "[]a]", R"([\x41])"}) {
    EXPECT_EQ(compile_set_pattern(pattern), nullptr) << pattern;
  }
}

// Expected values: the documentation of Hugging Face tokenizers (SplitDelimiterBehavior).
TEST(SplitSteps, TreatTheDelimiterAsTheBehaviorSays) {
  const std::string text = "the-final--countdown";
  EXPECT_THAT(cut(sequence({split("-", "Removed")}), text), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(cut(sequence({split("-", "Isolated")}), text), ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(cut(sequence({split("-", "MergedWithPrevious")}), text), ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(cut(sequence({split("-", "MergedWithNext")}), text), ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(cut(sequence({split("-", "Contiguous")}), text), ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(cut(sequence({split("[a-z]+", "Removed", true)}), text), ElementsAre("the", "final", "countdown"));
}

TEST(SplitSteps, LookOnlyAtTheirOwnPiece) {
  // The blank before the digit ends its piece, so that both blanks stay together (SmolLM), unlike in GPT-2.
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const json gpt2 = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  EXPECT_THAT(cut({{"type", "Sequence"}, {"pretokenizers", {digits, gpt2}}}, "a  12"),
              ElementsAre("a", "  ", "1", "2"));
  EXPECT_THAT(cut(gpt2, "a  12"), ElementsAre("a", " ", " 12"));
}

TEST(SplitSteps, CutAtDigitsPunctuationAndBlanks) {
  EXPECT_THAT(cut(sequence({{{"type", "Digits"}, {"individual_digits", false}}}), "ab12cd"),
              ElementsAre("ab", "12", "cd"));
  EXPECT_THAT(cut(sequence({{{"type", "Punctuation"}, {"behavior", "Isolated"}}}), "a,b$c"),
              ElementsAre("a", ",", "b", "$", "c"));
  EXPECT_THAT(cut(sequence({{{"type", "WhitespaceSplit"}}}), " a  b!"), ElementsAre("a", "b!"));
  EXPECT_THAT(cut(sequence({{{"type", "Whitespace"}}}), " a  b!"), ElementsAre("a", "b", "!"));
  EXPECT_THAT(cut(sequence({{{"type", "CharDelimiterSplit"}, {"delimiter", "|"}}}), "a|b||c"),
              ElementsAre("a", "b", "c"));
}

TEST(SplitSteps, MaySeeTheSpellingOfBytes) {
  // After ByteLevel the superscript two is spelled U+00C2 U+00B2, and U+00B2 is a number.
  const json after_spelling = {{"type", "Sequence"},
                               {"pretokenizers",
                                {{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}},
                                 {{"type", "Digits"}, {"individual_digits", true}}}}};
  EXPECT_THAT(cut(after_spelling, "x\u00b2"), ElementsAre("x\xC2", "\xB2"));
}

TEST(SplitSteps, KeepBoundariesOfEmptyMatches) {
  // Groups of three digits from the right, by look-ahead alone.
  EXPECT_THAT(cut(sequence({split(R"((?=(\d{3})+(?!\d)))", "Isolated")}), "1234567"), ElementsAre("1", "234", "567"));
}

TEST(SplitSteps, SurviveBytesThatAreNoUtf8) {
  const std::string text = "a\xFF\xC3 1\xE4\xB8";
  const auto joined = [](const std::vector<std::string>& pieces) {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  };
  EXPECT_EQ(joined(cut(sequence({split(R"(\p{L}+|\d)", "Isolated")}), text)), text);
  for (const std::string_view pattern : {known_pattern::kGpt2, known_pattern::kLlama3}) {
    EXPECT_EQ(joined(cut(sequence({split(std::string(pattern), "Isolated")}), text)), text);
  }
}

TEST(SplitSteps, RunKnownSequencesInOneScanAndNothingElse) {
  const auto expect_same = [](std::vector<SplitStep> steps) {
    const auto fast = make_pre_tokenizer(steps);
    const auto stepwise = make_stepwise_pre_tokenizer(steps);
    RandomText random(14);
    for (int round = 0; round < 2000; ++round) {
      const std::string text = random.next();
      ASSERT_EQ(cut(*fast, text), cut(*stepwise, text)) << text;
    }
  };
  const std::string gpt2(known_pattern::kGpt2);
  expect_same({{.pattern = gpt2}});
  expect_same({{.kind = SplitStep::Kind::kAddPrefixSpace}, {.pattern = gpt2}});
  expect_same({{.pattern = R"(\p{N})"}, {.pattern = gpt2}});
  expect_same({{.pattern = std::string(known_pattern::kLlama3), .behavior = SplitBehavior::kRemoved, .invert = true}});
  expect_same({{.pattern = std::string(known_pattern::kLlama3), .behavior = SplitBehavior::kContiguous}});
  expect_same({{.kind = SplitStep::Kind::kAddPrefixSpace}, {.pattern = R"(\p{N})"}, {.pattern = gpt2}});
}

TEST(SplitSteps, OfEveryGgufNameCompile) {
  for (const char* name : {"llama-bpe", "qwen2", "qwen35", "gpt-2", "smollm", "deepseek-llm", "deepseek-coder",
                           "deepseek-v3", "falcon", "gpt-4o", "tekken", "bloom", "viking", "default", ""}) {
    const auto pre_tokenizer = make_pre_tokenizer(split_steps_of_gguf(name, "test"));
    EXPECT_EQ(cut(*pre_tokenizer, "Hello").size(), 1u) << name;
  }
}

}  // namespace
}  // namespace drover::text

#endif
