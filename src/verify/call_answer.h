#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "verify/checker.h"
#include "verify/written_calls.h"

namespace drover::verify {

enum class CallLanguage { kPython, kJava, kJavascript };

/// What a question of the Berkeley function-calling leaderboard expects.
struct ExpectedCalls {
  /// simple: one call; multiple: one of several functions; parallel: several calls in any order; irrelevance: no call at all; relevance: some.
  enum class Category { kSimple, kMultiple, kParallel, kIrrelevance, kRelevance };
  Category category = Category::kSimple;
  CallLanguage language = CallLanguage::kPython;
  chat::Json functions = chat::Json::array();  ///< BFCL's function descriptions: "name", "parameters": {"properties", "required"}
  chat::Json answer = chat::Json::array();     ///< possible answers: [{"name": {"parameter": [acceptable values]}}]
};

/// Reads {"category": "simple", "language": "python", "functions": [...], "answer": [...]}; "parallel_multiple" is checked as "parallel", and
/// "language" may be left out. Throws UserError when something is missing, or a type has no rule.
ExpectedCalls parse_expected_calls(std::string_view json);

/// Why the calls are wrong, in a short sentence; empty when they are right. The rules of BFCL's syntax-tree checker: the name, the required
/// parameters, the exact type, one of the acceptable values; parallel calls are matched greedily.
std::string fault_of_calls(const std::vector<WrittenCall>& calls, const ExpectedCalls& expected);

/// A reply's text is read as calls in Python's syntax (Java and JavaScript: values as source text) or as JSON; the calls that the chat
/// format read out of a reply count before its text.
std::shared_ptr<const Checker> make_call_checker();

}  // namespace drover::verify
