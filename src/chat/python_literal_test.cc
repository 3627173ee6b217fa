#include "chat/python_literal.h"

#include <gtest/gtest.h>

#include "base/random_stream.h"
#include "chat/random_dialogs_test.h"

namespace drover::chat {
namespace {

std::string arguments_of(std::string_view text) {
  const auto parsed = parse_python_calls(text);
  if (const auto* fault = std::get_if<PythonFault>(&parsed)) return fault->reason + " at " + std::to_string(fault->offset);
  std::string all;
  for (const ToolCall& call : std::get<std::vector<ToolCall>>(parsed)) all += call.name + call.arguments.dump(-1, ' ', true);
  return all;
}

// Expected values: Python's ast.literal_eval of each argument.
TEST(PythonCalls, ValuesAreReadAsPythonReadsThem) {
  EXPECT_EQ(arguments_of("[f()]"), "f{}");
  EXPECT_EQ(arguments_of(" [ f( a = 1 , b = -2, ) , g() , ] "), "f{\"a\":1,\"b\":-2}g{}");
  EXPECT_EQ(arguments_of("[f(a=True, b=False, c=None)]"), "f{\"a\":true,\"b\":false,\"c\":null}");
  EXPECT_EQ(arguments_of("[f(a=1.5, b=-2e3, c=.5, d=1_000, e=1.)]"), "f{\"a\":1.5,\"b\":-2000.0,\"c\":0.5,\"d\":1000,\"e\":1.0}");
  EXPECT_EQ(arguments_of("[f(a='it\\'s', b=\"x\\ty\\n\", c='\\x41\\u00e9\\U0001F680\\101', d='a' \"b\")]"),
            "f{\"a\":\"it's\",\"b\":\"x\\ty\\n\",\"c\":\"A\\u00e9\\ud83d\\ude80A\",\"d\":\"ab\"}");
  EXPECT_EQ(arguments_of("[f(a='''x\n'y''', b='\\q')]"), "f{\"a\":\"x\\n'y\",\"b\":\"\\\\q\"}");
  EXPECT_EQ(arguments_of("[f(a=[1, 'x', [2]], b=(1,), c=(), d=(3), e={'k': {'j': 1}}, g=(1, 2))]"),
            "f{\"a\":[1,\"x\",[2]],\"b\":[1],\"c\":[],\"d\":3,\"e\":{\"k\":{\"j\":1}},\"g\":[1,2]}");
}

TEST(PythonCalls, WhatIsNoListOfCallsIsRefusedWithItsPlace) {
  EXPECT_EQ(arguments_of("[]"), "the list of calls is empty at 1");
  EXPECT_EQ(arguments_of("f()"), "expected '[' at 0");
  EXPECT_EQ(arguments_of("[f()"), "it ends too early at 4");
  EXPECT_EQ(arguments_of("[f(1)]"), "only keyword arguments are allowed at 3");
  EXPECT_EQ(arguments_of("[f(a)]"), "only keyword arguments are allowed at 3");
  EXPECT_EQ(arguments_of("[a.f()]"), "only plain function names can be called at 2");
  EXPECT_EQ(arguments_of("[f(a=g())]"), "'g' is no literal value at 5");
  EXPECT_EQ(arguments_of("[f(a=1, a=2)]"), "the argument 'a' appears twice at 8");
  EXPECT_EQ(arguments_of("[f(a={'x': 1, 'x': 2})]"), "the key 'x' appears twice at 14");
  EXPECT_EQ(arguments_of("[f(a={1: 2})]"), "keys of a dict must be strings at 6");
  EXPECT_EQ(arguments_of("[f(a=1+1)]"), "expected ',' at 6");
  EXPECT_EQ(arguments_of("[f(a='x\ny')]"), "a string breaks across lines at 7");
  EXPECT_EQ(arguments_of("[f()] done"), "text follows the list of calls at 6");
  EXPECT_EQ(arguments_of("[f(a=007)]"), "this number is not understood at 5");
  EXPECT_EQ(arguments_of("[f(**{'a': 1})]"), "only keyword arguments are allowed at 3");
  EXPECT_EQ(arguments_of("[f(a='\\ud800')]"), "a surrogate has no partner at 12");
}

TEST(PythonCalls, DeepNestingIsRefused) {
  const std::string deep = "[f(a=" + std::string(100000, '[') + std::string(100000, ']') + ")]";
  EXPECT_EQ(arguments_of(deep).substr(0, 31), "it nests deeper than 100 levels");
}

TEST(PythonLiteral, ReadsBackAsTheSameValue) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    RandomDialogs random(base::RandomStream(4, "literal", seed));
    const Json value = random.value();
    const std::string literal = python_literal(value);
    const auto parsed = parse_python_calls("[f(x=" + literal + ")]");
    const auto* calls = std::get_if<std::vector<ToolCall>>(&parsed);
    ASSERT_NE(calls, nullptr) << literal;
    EXPECT_EQ(calls->front().arguments["x"].dump(), value.dump()) << literal;
  }
}

// Python's repr of the same values.
TEST(PythonLiteral, IsWrittenAsPythonWritesIt) {
  EXPECT_EQ(python_literal(Json::parse(R"({"a": [1, -2.5, true, null], "b": "it's"})")), R"({'a': [1, -2.5, True, None], 'b': "it's"})");
  EXPECT_EQ(python_literal("both ' and \""), R"('both \' and "')");
  EXPECT_EQ(python_literal("a\\b\n\x01"), R"('a\\b\n\x01')");
  EXPECT_EQ(python_literal(1e22), "1e+22");
  EXPECT_EQ(python_literal(1e15), "1000000000000000.0");
  EXPECT_EQ(python_literal(1e16), "1e+16");
  EXPECT_EQ(python_literal(1e-5), "1e-05");
  EXPECT_EQ(python_literal(0.0001), "0.0001");
  EXPECT_EQ(python_literal(2.0), "2.0");
}

}  // namespace
}  // namespace drover::chat
