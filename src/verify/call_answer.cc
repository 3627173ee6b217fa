#include "verify/call_answer.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "chat/checked_object.h"
#include "chat/strict_json.h"
#include "verify/call_rules.h"

namespace drover::verify {
namespace {

using Category = ExpectedCalls::Category;
using chat::Json;

constexpr std::array<std::pair<std::string_view, Category>, 6> kCategories = {{{"simple", Category::kSimple},
                                                                               {"multiple", Category::kMultiple},
                                                                               {"parallel", Category::kParallel},
                                                                               {"parallel_multiple", Category::kParallel},
                                                                               {"irrelevance", Category::kIrrelevance},
                                                                               {"relevance", Category::kRelevance}}};
constexpr std::array<std::pair<std::string_view, CallLanguage>, 3> kLanguages = {
    {{"python", CallLanguage::kPython}, {"java", CallLanguage::kJava}, {"javascript", CallLanguage::kJavascript}}};

template <typename Table>
auto value_of(const Table& table, std::string_view name, std::string_view what) {
  for (const auto& [known, value] : table) {
    if (known == name) return value;
  }
  throw base::UserError("\"{}\" is \"{}\", which is none.", what, name);
}

std::string summary_of(const std::vector<WrittenCall>& calls) {
  std::string text;
  for (const auto& call : calls) {
    if (!text.empty()) text += "; ";
    text += call.name + call.arguments.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return text.size() > 500 ? text.substr(0, 500) + "..." : text;
}

std::variant<std::vector<WrittenCall>, std::string> calls_in(std::string_view reply, CallLanguage language) {
  const auto begin = reply.find_first_not_of(" \t\r\n`");
  const bool is_json = begin != std::string_view::npos && (reply[begin] == '{' || reply[begin] == '<' || reply.substr(begin).starts_with("[{") ||
                                                           reply.substr(begin).starts_with("json"));
  if (is_json) return read_json_calls(reply);
  return read_written_calls(reply, language != CallLanguage::kPython);
}

class CallChecker final : public Checker {
 public:
  std::string_view name() const override { return "bfcl"; }

  Verdict check(std::string_view reply, std::string_view expected) const override {
    const auto wanted = parse_expected_calls(expected);
    return verdict(calls_in(reply, wanted.language), wanted, reply.find_first_not_of(" \t\r\n") == std::string_view::npos);
  }

  Verdict check_messages(std::span<const chat::Message> reply, std::string_view expected) const override {
    std::vector<WrittenCall> calls;
    for (const auto& message : reply) {
      for (const auto& call : message.calls) calls.push_back({call.name, call.arguments});
    }
    if (calls.empty()) return Checker::check_messages(reply, expected);
    return verdict(calls, parse_expected_calls(expected), false);
  }

 private:
  static Verdict verdict(const std::variant<std::vector<WrittenCall>, std::string>& read, const ExpectedCalls& wanted, bool is_blank) {
    const auto* calls = std::get_if<std::vector<WrittenCall>>(&read);
    const bool has_calls = calls != nullptr && !calls->empty();
    if (wanted.category == Category::kIrrelevance) {
      if (is_blank) return {Outcome::kNoAnswer, {}, "the reply is empty"};
      if (has_calls) return {Outcome::kWrong, summary_of(*calls), "no function fits, but the reply calls one"};
      return {Outcome::kRight, "no call", "no function fits, and the reply calls none"};
    }
    if (!has_calls) return {Outcome::kNoAnswer, {}, calls != nullptr ? "the reply calls nothing" : "the reply holds no calls: " + std::get<std::string>(read)};
    const auto fault = wanted.category == Category::kRelevance ? std::string() : fault_of_calls(*calls, wanted);
    if (fault.empty()) return {Outcome::kRight, summary_of(*calls), "the calls are among the possible answers"};
    return {Outcome::kWrong, summary_of(*calls), fault};
  }
};

}  // namespace

ExpectedCalls parse_expected_calls(std::string_view json) {
  const auto parsed = chat::parse_strict_json(json);
  if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) throw base::UserError("The expected calls are not JSON: {}.", fault->reason);
  const chat::CheckedObject row(std::get<Json>(parsed), "");
  row.refuse_unknown_keys({"category", "language", "functions", "answer"});
  ExpectedCalls expected;
  expected.category = value_of(kCategories, row.text("category"), "category");
  if (const auto language = row.text("language"); !language.empty()) expected.language = value_of(kLanguages, language, "language");
  if (expected.category == Category::kIrrelevance || expected.category == Category::kRelevance) return expected;
  expected.functions = row.at("functions");
  expected.answer = row.at("answer");
  refuse_odd_answers(expected);
  return expected;
}

std::string fault_of_calls(const std::vector<WrittenCall>& calls, const ExpectedCalls& expected) {
  if (calls.size() != expected.answer.size()) return fmt::format("{} calls in place of {}", calls.size(), expected.answer.size());
  if (expected.category != Category::kParallel) {
    return fault_of_call(calls[0], *description_of(expected, expected.answer[0]), expected.answer[0], expected.language);
  }
  std::vector<bool> is_used(calls.size(), false);
  for (const auto& answer : expected.answer) {
    const auto& description = *description_of(expected, answer);
    std::string last_fault = "no call is left";
    bool is_found = false;
    for (std::size_t i = 0; i < calls.size() && !is_found; ++i) {
      if (is_used[i]) continue;
      last_fault = fault_of_call(calls[i], description, answer, expected.language);
      is_found = is_used[i] = last_fault.empty();
    }
    if (!is_found) return fmt::format("no call fits the expected '{}': {}", answer.begin().key(), last_fault);
  }
  return {};
}

std::shared_ptr<const Checker> make_call_checker() { return std::make_shared<CallChecker>(); }

}  // namespace drover::verify
