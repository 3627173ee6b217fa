#include "engine/json_schema_constraint.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "engine/constrained_text_test.h"
#include "engine/spelled_tokenizer_test.h"

namespace drover::engine {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

const SpelledTokenizer& tokenizer() {
  static const SpelledTokenizer all = SpelledTokenizer::with_all_bytes(json_pieces(), {"<|end|>"});
  return all;
}

std::shared_ptr<const TokenConstraint> schema(std::string_view text) {
  static const auto vocabulary = std::make_shared<const VocabularyTrie>(tokenizer());
  return compile_json_schema(Json::parse(text), vocabulary);
}

std::string refusal(std::string_view text) {
  try {
    schema(text);
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "accepted";
}

void expect_accepted(std::string_view schema_text, std::initializer_list<std::string_view> texts) {
  const auto constraint = schema(schema_text);
  for (const std::string_view text : texts) EXPECT_TRUE(accepts(*constraint, tokenizer(), text)) << schema_text << "\n" << text;
}

void expect_refused(std::string_view schema_text, std::initializer_list<std::string_view> texts) {
  const auto constraint = schema(schema_text);
  for (const std::string_view text : texts) EXPECT_FALSE(accepts(*constraint, tokenizer(), text)) << schema_text << "\n" << text;
}

constexpr std::string_view kPerson = R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"},
    "tags": {"type": "array", "items": {"enum": ["a", "b"]}}}, "required": ["name"], "additionalProperties": false})";

TEST(JsonSchemaConstraint, ObjectsHaveTheirPropertiesInTheSchemasOrder) {
  expect_accepted(kPerson, {R"({"name":"x"})", R"({"name": "x", "age": 3})", R"({"name":"x", "age":-12,"tags": ["a", "b","a"]})",
                            R"({"name": "", "tags": []})"});
  expect_refused(kPerson, {R"({})", R"({"age":3})", R"({"age":3,"name":"x"})", R"({"name":"x","name":"y"})", R"({"name":"x","b":1})",
                           R"({"name":3})", R"({"name":"x","tags":["c"]})", R"({"name":"x",})", R"({ "name":"x"})", R"({"name":  "x"})",
                           R"({"name":"x"} )", "{\"name\":\n\"x\"}", R"([])", R"({"name":"x")"});
}

TEST(JsonSchemaConstraint, TheFirstWrongByteIsNotAllowed) {
  const auto person = schema(kPerson);
  EXPECT_EQ(first_wrong_byte(*person, tokenizer(), R"({"age)"), 2U);
  EXPECT_EQ(first_wrong_byte(*person, tokenizer(), R"({"name": 3)"), 9U);
  EXPECT_EQ(first_wrong_byte(*person, tokenizer(), R"({"name": "x", "age": 0.5)"), 22U);
  EXPECT_EQ(first_wrong_byte(*person, tokenizer(), R"({"name": "x", "tags": ["ab)"), 25U);
}

TEST(JsonSchemaConstraint, PropertiesThatTheSchemaDoesNotNameFollowWhenItSaysSo) {
  constexpr std::string_view kOpen = R"({"properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}})";
  expect_accepted(kOpen, {R"({})", R"({"a":1})", R"({"b":true})", R"({"a":1,"b":true, "c": false})", R"({"":true,"aa":false,"é":true})",
                          R"({"\"\\\n":true})"});
  expect_refused(kOpen, {R"({"b":1})", R"({"b":true,"a":1})", R"({"a":true})", R"({"\u0061":true})"});
  expect_accepted(R"({"type": "object"})", {R"({})", R"({"a":[1,{"b":null}]})"});
  expect_refused(R"({"properties": {"a": {}}})", {R"({"b":1})"});
  expect_accepted(R"({"properties": {"a": {}}, "required": ["b"]})", {R"({"b":1})", R"({"a":{},"b":[]})"});
}

TEST(JsonSchemaConstraint, StringsAreValidJsonAndUtf8) {
  constexpr std::string_view kString = R"({"type": "string"})";
  expect_accepted(kString, {R"("")", R"("aé你😀")", R"("\"\\\/\b\f\n\r\t")", R"("\u00e9\uD83D\uDE00\ud7ff\uE000")", "\"\x7F\""});
  expect_refused(kString, {"\"\x01\"", "\"\n\"", R"("\x")", R"("\u12g4")", R"("\ud83d")", R"("\ud83dx")", R"("\ude00")",
                           R"("\ud83d\u0041")", "\"\xC3\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xFF\"", R"("a)"});
}

TEST(JsonSchemaConstraint, LengthsCountCharactersAndNotBytes) {
  constexpr std::string_view kShort = R"({"type": "string", "minLength": 2, "maxLength": 3})";
  expect_accepted(kShort, {R"("ab")", R"("你😀é")", R"("\n\ud83d\ude00a")"});
  expect_refused(kShort, {R"("a")", R"("你")", R"("abcd")", R"("\n\n\n\n")"});
  expect_accepted(R"({"type": "string", "minLength": 500})", {'"' + std::string(500, 'x') + '"', '"' + std::string(900, 'x') + '"'});
  expect_refused(R"({"type": "string", "minLength": 500})", {'"' + std::string(499, 'x') + '"'});
  expect_accepted(R"({"type": "string", "maxLength": 300})", {'"' + std::string(300, 'x') + '"'});
  expect_refused(R"({"type": "string", "maxLength": 300})", {'"' + std::string(301, 'x') + '"'});
}

TEST(JsonSchemaConstraint, PatternsMatchAsInEcmaScript) {
  expect_accepted(R"({"pattern": "^[A-Z]{2}-\\d+$"})", {R"("AB-1")", R"("ZZ-0123")"});
  expect_refused(R"({"pattern": "^[A-Z]{2}-\\d+$"})", {R"("A-1")", R"("AB-")", R"("AB-1x")", R"("ab-1")"});
  expect_accepted(R"({"pattern": "b+"})", {R"("b")", R"("abc")", R"("é bb")"});
  expect_refused(R"({"pattern": "b+"})", {R"("ac")", R"("")"});
  expect_accepted(R"({"pattern": "^(?:a|bc)?[^\\s\"]\\.$"})", {R"("ax.")", R"("bcé.")", R"("..")"});
  expect_refused(R"({"pattern": "^(?:a|bc)?[^\\s\"]\\.$"})", {R"("\".")", R"("a\n.")", R"("b.x")"});
  expect_accepted(R"({"pattern": "^[a-c\\]é-ü你]{1,2}$|^x"})", {R"("]")", R"("ö你")", R"("xyz")"});
  expect_accepted(R"({"pattern": "^\"\\\\$"})", {R"("\"\\")"});
  expect_accepted(R"({"pattern": "^a", "maxLength": 2})", {R"("a")", R"("ab")"});
  expect_refused(R"({"pattern": "^a", "maxLength": 2})", {R"("abc")", R"("b")"});
  for (const char* const pattern : {"(?=a)", "(a)\\\\1", "\\\\bx", "a^", "a$b", "(a", "a)", "[a", "*a", "a{2,1}", "a**", "\\\\p{L}", "a{2000}"}) {
    EXPECT_THAT(refusal(R"({"properties": {"p": {"pattern": ")" + std::string(pattern) + "\"}}}"), HasSubstr("#/properties/p/pattern")) << pattern;
  }
}

TEST(JsonSchemaConstraint, FormatsThatAreFollowed) {
  expect_accepted(R"({"format": "date"})", {R"("2024-02-28")", R"("1999-12-31")"});
  expect_refused(R"({"format": "date"})", {R"("2024-02-30")", R"("2024-13-01")", R"("2024-04-31")", R"("24-01-01")"});
  expect_accepted(R"({"format": "date-time"})", {R"("2024-02-28T23:59:59Z")", R"("2024-02-28T00:00:00.25+02:00")"});
  expect_accepted(R"({"format": "uuid"})", {R"("123e4567-e89b-12d3-a456-426614174000")"});
  expect_refused(R"({"format": "uuid"})", {R"("123e4567-e89b-12d3-a456-42661417400")"});
  expect_accepted(R"({"type": "string", "format": "hostname"})", {R"("anything")"});
}

TEST(JsonSchemaConstraint, NumbersAreThoseOfJson) {
  expect_accepted(R"({"type": "number"})", {"0", "-0", "-1.5", "0.001", "12e3", "1E-10", "1.25e+100", "123456789012345678"});
  expect_refused(R"({"type": "number"})", {"", "01", ".5", "1.", "+1", "1e", "--1", "1e999", "NaN", "-", "0x1"});
  expect_accepted(R"({"type": "integer"})", {"0", "-7", "1234567890"});
  expect_refused(R"({"type": "integer"})", {"1.0", "1e3", "-0", "00", "1234567890123456789"});
}

TEST(JsonSchemaConstraint, LimitsOfIntegersHoldForEachInteger) {
  for (const auto& [least, most] : {std::pair(-1, 1), {0, 0}, {5, 123}, {-250, -17}, {99, 1000}, {-1000, 7}, {100, 199}, {-9, 110}}) {
    const auto constraint = schema(fmt::format(R"({{"type": "integer", "minimum": {}, "maximum": {}}})", least, most));
    const auto inner = schema(fmt::format(R"({{"type": "integer", "exclusiveMinimum": {}, "exclusiveMaximum": {}}})", least - 1, most + 1));
    for (int value = -1200; value <= 1200; ++value) {
      const bool is_inside = value >= least && value <= most;
      EXPECT_EQ(accepts(*constraint, tokenizer(), std::to_string(value)), is_inside) << least << " " << most << " " << value;
      EXPECT_EQ(accepts(*inner, tokenizer(), std::to_string(value)), is_inside) << least << " " << most << " " << value;
    }
  }
}

TEST(JsonSchemaConstraint, LimitsOfNumbersHoldForEachDecimal) {
  for (const auto& [least, most] : {std::pair(0.0, 1.0), {-0.5, 0.25}, {2.05, 11.3}, {-20.0, -0.125}, {0.1, 0.12}}) {
    const auto closed = schema(fmt::format(R"({{"type": "number", "minimum": {}, "maximum": {}}})", least, most));
    const auto open = schema(fmt::format(R"({{"type": "number", "exclusiveMinimum": {}, "exclusiveMaximum": {}}})", least, most));
    for (int thousandth = -21000; thousandth <= 12000; thousandth += (std::abs(thousandth) < 600 ? 1 : 25)) {
      const std::string text = fmt::format("{:.3f}", thousandth / 1000.0);
      const double value = std::stod(text);
      if (text == "-0.000") continue;
      EXPECT_EQ(accepts(*closed, tokenizer(), text), value >= least && value <= most) << least << " " << most << " " << text;
      EXPECT_EQ(accepts(*open, tokenizer(), text), value > least && value < most) << least << " " << most << " " << text;
    }
  }
}

TEST(JsonSchemaConstraint, ArraysCountTheirItems) {
  constexpr std::string_view kCounted = R"({"items": {"type": "integer"}, "minItems": 2, "maxItems": 3})";
  expect_accepted(kCounted, {"[1,2]", "[1, 2,3]"});
  expect_refused(kCounted, {"[]", "[1]", "[1,2,3,4]", "[1,true]", "[1,2,]", "[,1]"});
  expect_accepted(R"({"items": {"type": "null"}, "minItems": 1})", {"[null]", "[null,null,null,null]"});
  expect_refused(R"({"items": {"type": "null"}, "minItems": 1})", {"[]"});
  expect_accepted(R"({"items": {"type": "null"}, "maxItems": 0})", {"[]"});
  constexpr std::string_view kTuple = R"({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}})";
  expect_accepted(kTuple, {"[]", "[1]", R"([1,"a"])", R"([1,"a",true,false])"});
  expect_refused(kTuple, {R"(["a"])", R"([1,"a",2])"});
  expect_refused(R"({"prefixItems": [{"type": "integer"}]})", {"[1,2]"});
  expect_accepted(R"({"prefixItems": [{"type": "integer"}], "minItems": 2})", {"[1,{}]"});
}

TEST(JsonSchemaConstraint, AlternativesMayBeginAlike) {
  constexpr std::string_view kUnion = R"({"anyOf": [{"type": "string", "maxLength": 3}, {"const": "abcde"}, {"type": "integer"}, {"type": "number", "minimum": 7}]})";
  expect_accepted(kUnion, {R"("abc")", R"("abcde")", "-5", "7.5"});
  expect_refused(kUnion, {R"("abcd")", "-5.5"});
  constexpr std::string_view kShapes = R"({"oneOf": [
      {"properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}}, "required": ["kind", "radius"], "additionalProperties": false},
      {"properties": {"kind": {"const": "box"}, "side": {"type": "integer"}}, "required": ["kind", "side"], "additionalProperties": false}]})";
  expect_accepted(kShapes, {R"({"kind":"circle","radius":1.5})", R"({"kind":"box","side":2})"});
  expect_refused(kShapes, {R"({"kind":"box","radius":1.5})", R"({"kind":"circle","side":2})", R"({"kind":"line"})"});
  EXPECT_THAT(refusal(R"({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]})"), HasSubstr("#/oneOf"));
  expect_accepted(R"({"type": ["string", "null"]})", {"null", R"("a")"});
  expect_accepted(R"({"type": "integer", "nullable": true})", {"null", "5"});
}

TEST(JsonSchemaConstraint, AllOfHoldsTogether) {
  constexpr std::string_view kBoth = R"({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]},
      {"properties": {"b": {"type": "string"}, "a": {"minimum": 5, "type": "number"}}, "required": ["b"]}]})";
  expect_accepted(kBoth, {R"({"a":5,"b":""})"});
  expect_refused(kBoth, {R"({"a":4,"b":""})", R"({"a":5})", R"({"a":5.5,"b":""})"});
  expect_accepted(R"({"properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})", {R"({"a":1})", R"({"b":1})"});
  expect_refused(R"({"properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})", {R"({})"});
}

TEST(JsonSchemaConstraint, EnumValuesAreWrittenAsJson) {
  constexpr std::string_view kEnum = R"({"enum": ["a\n\"é", 1.5, null, {"x": [1, true]}, -3]})";
  expect_accepted(kEnum, {R"("a\n\"é")", "1.5", "null", R"({"x": [1, true]})", R"({"x":[1,true]})", "-3"});
  expect_refused(kEnum, {"1", R"({"x":[1]})", R"("a")", "true"});
  expect_refused(R"({"type": "string", "enum": ["a", 1]})", {"1"});
}

constexpr std::string_view kTree = R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"value": {"type": "integer"},
    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["value"], "additionalProperties": false}}})";

TEST(JsonSchemaConstraint, SchemasMayReferToThemselves) {
  expect_accepted(kTree, {R"({"value":1})", R"({"value":1,"children":[{"value":2,"children":[]},{"value":3, "children": [{"value":4}]}]})"});
  expect_refused(kTree, {R"({"value":1,"children":[{}]})"});
  expect_accepted(R"({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]})", {"1", "[[[]],2]"});
  expect_accepted(R"({"anyOf": [{"type": "integer"}, {"$ref": "#"}]})", {"1"});
}

TEST(JsonSchemaConstraint, NestingEndsInTime) {
  const auto any = schema("{}");
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(accepts(*any, tokenizer(), nested(64)));
  EXPECT_FALSE(accepts(*any, tokenizer(), nested(70)));
  // At the limit only what still closes is allowed, however long one goes on.
  const auto state = schema(kTree)->copy();
  const auto open = byte_tokens(R"({"value":1,"children":[)");
  std::size_t depth = 0;
  while (accept_all(*state, tokenizer(), open) == open.size()) ASSERT_LT(++depth, 200U);
  base::RandomStream random(3, "nesting");
  EXPECT_TRUE(sampled_rest(*state, tokenizer(), random, 0));
}

TEST(JsonSchemaConstraint, RefusesKeywordsThatItCannotHonourByNameAndPlace) {
  EXPECT_THAT(refusal(R"({"properties": {"a/b": {"not": {}}}})"), testing::AllOf(HasSubstr("\"not\""), HasSubstr("#/properties/a~1b")));
  EXPECT_THAT(refusal(R"({"items": {"type": "array", "uniqueItems": true}})"), testing::AllOf(HasSubstr("\"uniqueItems\""), HasSubstr("#/items")));
  EXPECT_THAT(refusal(R"({"type": "integer", "multipleOf": 3})"), HasSubstr("multipleOf"));
  EXPECT_THAT(refusal(R"({"type": "object", "minProperties": 1})"), HasSubstr("minProperties"));
  EXPECT_THAT(refusal(R"({"type": "object", "patternProperties": {"a": {}}})"), HasSubstr("patternProperties"));
  EXPECT_THAT(refusal(R"({"type": "string", "maxLenght": 3})"), testing::AllOf(HasSubstr("maxLenght"), HasSubstr("maxLength")));
  EXPECT_THAT(refusal(R"({"$ref": "http://x.org/y"})"), HasSubstr("http://x.org/y"));
  EXPECT_THAT(refusal(R"({"$ref": "#/$defs/none"})"), HasSubstr("does not exist"));
  EXPECT_THAT(refusal(R"({"type": "strin"})"), HasSubstr("#/type"));
  EXPECT_THAT(refusal(R"({"minLength": -1})"), HasSubstr("#/minLength"));
  EXPECT_THAT(refusal(R"([1])"), HasSubstr("object"));
  EXPECT_THAT(refusal(R"({"type": "string", "maxLength": 900000})"), HasSubstr("too many states"));
}

TEST(JsonSchemaConstraint, RefusesSchemasThatWouldTakeHoursToRead) {
  std::string names = "0";
  for (int i = 1; i <= 10'000; ++i) names += "," + std::to_string(i);
  EXPECT_THAT(refusal(R"({"enum": [)" + names + "]}"), HasSubstr("too large"));
  std::string lists = "[0]";
  for (int i = 0; i < 25; ++i) lists += ",[" + names.substr(0, names.rfind(',')) + "]";
  EXPECT_THAT(refusal(R"({"enum": [)" + lists + "]}"), HasSubstr("too large"));
}

TEST(JsonSchemaConstraint, TakesWholeNumbersOfAnySizeForIntegers) {
  // 2^70, which no 64-bit integer holds.
  EXPECT_EQ(refusal(R"({"type": "integer", "enum": [1180591620717411303424]})"), "accepted");
  EXPECT_THAT(refusal(R"({"type": "integer", "enum": [0.5]})"), HasSubstr("cannot be met"));
}

TEST(JsonSchemaConstraint, RefusesSchemasThatCannotBeMet) {
  for (const char* const text : {
           "false",
           R"({"enum": []})",
           R"({"type": "string", "enum": [1]})",
           R"({"type": "string", "minLength": 3, "maxLength": 2})",
           R"({"type": "array", "minItems": 3, "maxItems": 2})",
           R"({"items": false, "minItems": 1})",
           R"({"type": "integer", "minimum": 3, "maximum": 2})",
           R"({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 4})",
           R"({"properties": {"a": {}}, "required": ["b"], "additionalProperties": false})",
           R"({"properties": {"a": false}, "required": ["a"]})",
           R"({"$ref": "#"})",
           R"({"properties": {"next": {"$ref": "#"}}, "required": ["next"]})",
           R"({"allOf": [{"type": "string"}, {"type": "integer"}]})",
           R"({"pattern": "^a$", "minLength": 2})",
       }) {
    EXPECT_THAT(refusal(text), HasSubstr("cannot be met")) << text;
  }
}

TEST(JsonSchemaConstraint, AVocabularyWithoutSomeBytesIsNeverStuck) {
  std::vector<std::string> pieces;
  for (char c = ' '; c <= '~'; ++c) pieces.emplace_back(1, c);
  pieces.push_back("\xC3\xA9");
  pieces.push_back("\"\xC3");  // what follows could not be spelled
  const SpelledTokenizer few(pieces);
  const auto constraint = compile_json_schema(Json::parse(R"({"type": "string"})"), std::make_shared<const VocabularyTrie>(few));
  EXPECT_FALSE(mask_of(*constraint, few).contains(text::TokenId{static_cast<std::int32_t>(pieces.size()) - 1}));
}

}  // namespace
}  // namespace drover::engine
