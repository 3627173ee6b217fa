#include "verify/call_answer.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "verify/source_value.h"

namespace drover::verify {
namespace {

using chat::Json;
using ::testing::HasSubstr;

std::string expected(const std::string& category, const std::string& functions, const std::string& answer, const std::string& language = "python") {
  return R"({"category":")" + category + R"(","language":")" + language + R"(","functions":)" + functions + R"(,"answer":)" + answer + "}";
}

const std::string kArea =
    R"([{"name":"geo.area","parameters":{"type":"dict","properties":{"base":{"type":"integer"},"height":{"type":"float"},"unit":{"type":"string"}},"required":["base","height"]}}])";
const std::string kAreaAnswer = R"([{"geo.area":{"base":[10],"height":[5.0],"unit":["square meters",""]}}])";

Verdict verdict(std::string_view reply, const std::string& wanted) { return make_call_checker()->check(reply, wanted); }

TEST(CallChecker, ComparesNamesParametersTypesAndValues) {
  const auto wanted = expected("simple", kArea, kAreaAnswer);
  EXPECT_TRUE(verdict("[geo.area(base=10, height=5.0)]", wanted).is_right());
  EXPECT_TRUE(verdict("geo.area(base=10, height=5)", wanted).is_right()) << "a whole number is promoted to float";
  EXPECT_TRUE(verdict("```python\n[geo.area(height=5, base=10, unit='Square-meters')]\n```", wanted).is_right());
  EXPECT_TRUE(verdict(R"({"name": "geo.area", "arguments": {"base": 10, "height": 5}})", wanted).is_right());
  EXPECT_TRUE(verdict(R"(<tool_call>{"name": "geo.area", "arguments": {"base": 10, "height": 5}}</tool_call>)", wanted).is_right());
  EXPECT_THAT(verdict("[area(base=10, height=5)]", wanted).reason, HasSubstr("'area' is called"));
  EXPECT_THAT(verdict("[geo.area(base=10)]", wanted).reason, HasSubstr("'height' is missing"));
  EXPECT_THAT(verdict("[geo.area(base=10.0, height=5)]", wanted).reason, HasSubstr("no integer"));
  EXPECT_THAT(verdict("[geo.area(base=True, height=5)]", wanted).reason, HasSubstr("no integer"));
  EXPECT_THAT(verdict("[geo.area(base='10', height=5)]", wanted).reason, HasSubstr("no integer"));
  EXPECT_THAT(verdict("[geo.area(base=11, height=5)]", wanted).reason, HasSubstr("none of the acceptable values"));
  EXPECT_THAT(verdict("[geo.area(base=10, height=5, colour='red')]", wanted).reason, HasSubstr("'colour' is not expected"));
  EXPECT_THAT(verdict("[geo.area(base=10, height=5), geo.area(base=10, height=5)]", wanted).reason, HasSubstr("2 calls in place of 1"));
  EXPECT_EQ(verdict("The area is 25.", wanted).outcome, Outcome::kNoAnswer);
  EXPECT_EQ(verdict("", wanted).outcome, Outcome::kNoAnswer);
  EXPECT_EQ(verdict("[geo.area(base=10, height=5)", wanted).outcome, Outcome::kNoAnswer);
}

TEST(CallChecker, TakesTheCallsThatAFormatReadBeforeTheText) {
  chat::Message message;
  message.sender = chat::Sender::kAssistant;
  message.calls.push_back({.name = "geo.area", .arguments = Json{{"base", 10}, {"height", 5}}});
  EXPECT_TRUE(make_call_checker()->check_messages(std::vector{message}, expected("simple", kArea, kAreaAnswer)).is_right());
  EXPECT_FALSE(make_call_checker()->check_messages(std::vector{message}, R"({"category":"irrelevance"})").is_right());
  message.calls.clear();
  message.content = "[geo.area(base=10, height=5)]";
  EXPECT_TRUE(make_call_checker()->check_messages(std::vector{message}, expected("simple", kArea, kAreaAnswer)).is_right());
}

TEST(CallChecker, MatchesParallelCallsInAnyOrderAndGreedily) {
  const std::string functions = R"([{"name":"f","parameters":{"type":"dict","properties":{"x":{"type":"integer"}},"required":["x"]}}])";
  const auto wanted = expected("parallel", functions, R"([{"f":{"x":[1]}},{"f":{"x":[2]}}])");
  EXPECT_TRUE(verdict("[f(x=2), f(x=1)]", wanted).is_right());
  EXPECT_FALSE(verdict("[f(x=2), f(x=2)]", wanted).is_right());
  EXPECT_FALSE(verdict("[f(x=1)]", wanted).is_right());
  // The first answer takes the only call that would fit the second: no optimal assignment is looked for.
  const auto greedy = expected("parallel", functions, R"([{"f":{"x":[1,2]}},{"f":{"x":[1]}}])");
  EXPECT_FALSE(verdict("[f(x=1), f(x=2)]", greedy).is_right());
  EXPECT_TRUE(verdict("[f(x=2), f(x=1)]", greedy).is_right());
}

TEST(CallChecker, ChoosesOneOfSeveralFunctions) {
  const std::string functions = R"([{"name":"f","parameters":{"type":"dict","properties":{},"required":[]}},
      {"name":"g","parameters":{"type":"dict","properties":{"d":{"type":"dict"},"l":{"type":"array","items":{"type":"string"}}},"required":[]}}])";
  const auto wanted = expected("multiple", functions, R"([{"g":{"d":[{"a":[1,2],"b":["x",""]}],"l":[["New York","b"],""]}}])");
  EXPECT_TRUE(verdict("[g(d={'a': 2})]", wanted).is_right());
  EXPECT_TRUE(verdict("[g(d={'a': 1, 'b': 'X'}, l=['new york', 'B'])]", wanted).is_right());
  EXPECT_FALSE(verdict("[g(d={'a': 3})]", wanted).is_right());
  EXPECT_FALSE(verdict("[g(d={'a': 1, 'c': 1})]", wanted).is_right());
  EXPECT_FALSE(verdict("[g(d={'b': 'x'})]", wanted).is_right());
  EXPECT_FALSE(verdict("[g(d={'a': 1}, l=['b', 'New York'])]", wanted).is_right()) << "the order of a list counts";
  EXPECT_FALSE(verdict("[g(d={'a': 1}, l=('New York', 'b'))]", wanted).is_right()) << "a tuple is no list";
  EXPECT_FALSE(verdict("[f()]", wanted).is_right());
}

TEST(CallChecker, AnIrrelevantQuestionIsRightWithoutACall) {
  const std::string irrelevance = R"({"category":"irrelevance"})";
  EXPECT_TRUE(verdict("None of the functions can do that.", irrelevance).is_right());
  EXPECT_TRUE(verdict("[]", irrelevance).is_right());
  EXPECT_FALSE(verdict("[f(x=1)]", irrelevance).is_right());
  EXPECT_EQ(verdict("", irrelevance).outcome, Outcome::kNoAnswer);
  EXPECT_TRUE(verdict("[f(x=1)]", R"({"category":"relevance"})").is_right());
  EXPECT_FALSE(verdict("No.", R"({"category":"relevance"})").is_right());
}

TEST(CallChecker, ReadsTheSourceTextOfJavaAndJavaScriptValues) {
  const std::string functions =
      R"([{"name":"A.f","parameters":{"type":"dict","properties":{"n":{"type":"long"},"l":{"type":"ArrayList","items":{"type":"String"}}},"required":["n"]}}])";
  const auto java = expected("simple", functions, R"([{"A.f":{"n":[5],"l":[["a","b"],""]}}])", "java");
  EXPECT_TRUE(verdict("[A.f(n=5L)]", java).is_right());
  EXPECT_TRUE(verdict("[A.f(n=5L, l=new ArrayList<>(Arrays.asList(\"a\", \"b\")))]", java).is_right());
  EXPECT_FALSE(verdict("[A.f(n=5)]", java).is_right());
  EXPECT_FALSE(verdict(R"({"name": "A.f", "arguments": {"n": 5}})", java).is_right());
  EXPECT_EQ(java_value("3e-3F", "float"), Json(3e-3));
  EXPECT_EQ(java_value("new int[] { 1, 2 }", "Array", "integer"), Json::parse("[1,2]"));
  EXPECT_EQ(java_value("new HashMap<String, Object>() {{ put(\"k\", 123); put(\"m\", true); }}", "HashMap"), Json::parse(R"({"k":123,"m":true})"));
  EXPECT_EQ(java_value("new HashMap<>()", "HashMap"), Json::object());
  EXPECT_EQ(java_value("new ArrayList<>() {{ add(1); add(2); }}", "ArrayList"), Json::parse("[1,2]"));
  EXPECT_EQ(java_value("yes", "boolean"), Json("yes"));
  EXPECT_EQ(javascript_value("123n", "Bigint"), Json(123));
  EXPECT_EQ(javascript_value("new Array(1, 'two', true)", "array"), Json::parse(R"([1,"two",true])"));
  EXPECT_EQ(javascript_value("[[1, 2], [3, 4]]", "array", "array"), Json::parse("[[1,2],[3,4]]"));
  EXPECT_EQ(javascript_value(R"({"a": stateObject, "b": ["x", "y"]})", "dict"), Json::parse(R"({"a":"stateObject","b":["x","y"]})"));
  EXPECT_EQ(javascript_value("'abc'", "String"), Json("abc"));
}

TEST(WrittenCalls, ReadsPythonValuesAndEvaluatesNothing) {
  const auto read = read_written_calls("[a.b(s='it\\'s' \"x\", t=(1, 2), n=-1.5e3, z=None, v=name, e=2*3, c=g(1), k=h(y=2), l=[], q='''a\nb''')]");
  const auto& calls = std::get<std::vector<WrittenCall>>(read);
  ASSERT_EQ(calls.size(), 1U);
  const auto& arguments = calls[0].arguments;
  EXPECT_EQ(calls[0].name, "a.b");
  EXPECT_EQ(arguments["s"], "it'sx");
  EXPECT_TRUE(is_tuple(arguments["t"]));
  EXPECT_EQ(arguments["n"], -1500.0);
  EXPECT_TRUE(arguments["z"].is_null());
  EXPECT_EQ(arguments["v"], "name");
  EXPECT_EQ(arguments["e"], "2*3");
  EXPECT_EQ(arguments["c"], "g(1)");
  EXPECT_EQ(arguments["k"], Json::parse(R"({"h":{"y":2}})"));
  EXPECT_EQ(arguments["q"], "a\nb");
  for (const char* text : {"[f(x=)]", "[f(x=1]", "f", "[f(x='a)]", "[f(x=1)] and more", "[f(x=1, x=2)]", "Sure! f(x=1)"}) {
    EXPECT_TRUE(std::holds_alternative<std::string>(read_written_calls(text))) << text;
  }
  EXPECT_TRUE(std::holds_alternative<std::string>(read_written_calls("f(x=" + std::string(100000, '['))));
  EXPECT_TRUE(std::holds_alternative<std::string>(read_written_calls("f(x=" + std::string(100000, '1') + ")")));
}

TEST(CallChecker, RefusesExpectedCallsThatNoReplyCouldGive) {
  const auto refusal = [](const std::string& wanted) -> std::string {
    try {
      parse_expected_calls(wanted);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "no refusal";
  };
  EXPECT_THAT(refusal(R"({"category":"simpel"})"), HasSubstr("\"simpel\""));
  EXPECT_THAT(refusal(expected("simple", kArea, "[]")), HasSubstr("at least one entry"));
  EXPECT_THAT(refusal(expected("multiple", kArea, R"([{"g":{}}])")), HasSubstr("'g' of an answer is not described"));
  EXPECT_THAT(refusal(expected("simple", kArea, R"([{"geo.area":{"base":10}}])")), HasSubstr("must be a list"));
  EXPECT_THAT(refusal(expected("simple", R"([{"name":"f","parameters":{"properties":{"x":{"type":"quark"}}}}])", R"([{"f":{"x":[1]}}])")),
              HasSubstr("no rule for the type \"quark\""));
}

}  // namespace
}  // namespace drover::verify
