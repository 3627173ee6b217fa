#include "chat/strict_json.h"

#include <gtest/gtest.h>

#include "chat/json_text.h"
#include "chat/random_dialogs_test.h"

namespace drover::chat {
namespace {

std::string reason(std::string_view text) {
  const auto parsed = parse_strict_json(text);
  const auto* fault = std::get_if<JsonFault>(&parsed);
  return fault == nullptr ? "none" : fault->reason;
}

TEST(StrictJson, KeepsTheOrderOfKeys) {
  const auto parsed = parse_strict_json(R"({"z": 1, "a": {"y": [1, 2.5, "x", null, true]}})");
  EXPECT_EQ(std::get<Json>(parsed).dump(), R"({"z":1,"a":{"y":[1,2.5,"x",null,true]}})");
}

TEST(StrictJson, RefusesWhatOtherReadersLetThrough) {
  EXPECT_EQ(reason(R"({"a": 1, "b": {"a": 2, "a": 3}})"), "the key \"a\" appears twice");
  EXPECT_EQ(reason(std::string(101, '[') + std::string(101, ']')), "it nests deeper than 100 levels");
  EXPECT_EQ(reason(std::string(100, '[') + std::string(100, ']')), "none");
  EXPECT_NE(reason("\"\xFF\""), "none");
  EXPECT_NE(reason("[1] 2"), "none");
  EXPECT_NE(reason("NaN"), "none");
  EXPECT_NE(reason("{'a': 1}"), "none");
  EXPECT_NE(reason("[1e999]"), "none");
}

TEST(StrictJson, TellsTruncatedTextFromWrongText) {
  for (const char* text : {"", "{", "{\"a\"", "{\"a\": ", "[1, ", "\"abc", "{\"a\": {\"b\": 1}"}) {
    const auto parsed = parse_strict_json(text);
    EXPECT_TRUE(std::get<JsonFault>(parsed).truncated) << text;
    EXPECT_LE(std::get<JsonFault>(parsed).offset, std::string_view(text).size());
  }
  EXPECT_FALSE(std::get<JsonFault>(parse_strict_json("{]")).truncated);
}

TEST(StrictJson, ManyKeysTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += "\"" + std::to_string(i) + "\":0,";
  text.back() = '}';
  EXPECT_EQ(std::get<Json>(parse_strict_json(text)).size(), 200000u);
}

// json.dumps(value, ensure_ascii=False) and the same with indent=4.
TEST(JsonText, IsWrittenAsPythonWritesIt) {
  const Json value = Json::parse(R"({"a": [], "b": {}, "c": [1, {"d": "\u00e9\n\"\u0001"}], "e": 1.0})");
  EXPECT_EQ(json_text(value), "{\"a\": [], \"b\": {}, \"c\": [1, {\"d\": \"\xC3\xA9\\n\\\"\\u0001\"}], \"e\": 1.0}");
  EXPECT_EQ(json_text(value, 4),
            "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        1,\n        {\n            \"d\": \"\xC3\xA9\\n\\\"\\u0001\"\n        "
            "}\n    ],\n    \"e\": 1.0\n}");
}

TEST(JsonText, ReadsBackAsTheSameValue) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    RandomDialogs random(base::RandomStream(5, "json", seed));
    const Json value = random.value();
    EXPECT_EQ(std::get<Json>(parse_strict_json(json_text(value))).dump(), value.dump());
    EXPECT_EQ(std::get<Json>(parse_strict_json(json_text(value, 2))).dump(), value.dump());
    EXPECT_EQ(std::get<Json>(parse_strict_json(json_inside_tags(json_text(value)))).dump(), value.dump());
    EXPECT_EQ(json_inside_tags(json_text(value)).find("</"), std::string::npos);
  }
}

TEST(StrictJson, AFaultQuotesNoWholeToken) {
  const auto parsed = parse_strict_json("{\"" + std::string(100000, 'x') + "\u001b");
  EXPECT_LT(std::get<JsonFault>(parsed).reason.size(), 300U);
}

}  // namespace
}  // namespace drover::chat
