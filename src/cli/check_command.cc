#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "chat/checked_object.h"
#include "chat/strict_json.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "verify/checker.h"

namespace drover::cli {
namespace {

struct CheckOptions {
  std::string rows;
  bool json = false;
};

std::string_view name_of(verify::Outcome outcome) {
  switch (outcome) {
    case verify::Outcome::kRight: return "right";
    case verify::Outcome::kWrong: return "wrong";
    case verify::Outcome::kNoAnswer: break;
  }
  return "no answer";
}

verify::Verdict verdict_of(std::string_view line, std::map<std::string, std::shared_ptr<const verify::Checker>>& checkers) {
  const auto parsed = chat::parse_strict_json(line);
  if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) throw base::UserError("not JSON: {}", fault->reason);
  const chat::CheckedObject row(std::get<chat::Json>(parsed), "");
  row.refuse_unknown_keys({"checker", "expected", "reply"});
  const auto name = row.text("checker");
  auto& checker = checkers[name];
  if (!checker) checker = verify::make_checker(name);
  return checker->check(row.text("reply"), row.text("expected"));
}

base::ExitStatus check(const CheckOptions& options) {
  std::map<std::string, std::shared_ptr<const verify::Checker>> checkers;
  std::int64_t total = 0;
  std::int64_t right = 0;
  base::for_each_line(options.rows, [&](std::int64_t number, std::string_view line) {
    throw_if_interrupted();
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    verify::Verdict verdict;
    try {
      verdict = verdict_of(line, checkers);
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {}: {}", options.rows, number, error.what());
    }
    ++total;
    right += verdict.is_right() ? 1 : 0;
    if (options.json) {
      const nlohmann::ordered_json object = {
          {"line", number}, {"outcome", name_of(verdict.outcome)}, {"answer", verdict.answer}, {"reason", verdict.reason}};
      write_output(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    } else {
      write_output(fmt::format("line {:>6}  {:<9}  {}\n", number, name_of(verdict.outcome), verdict.reason));
    }
  });
  if (total == 0) throw base::UserError("{} holds no rows.", options.rows);
  if (!options.json) write_output(fmt::format("{} of {} right\n", right, total));
  return base::ExitStatus::kDone;
}

}  // namespace

void add_check_command(const Commands& commands) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App& command = commands.add("check", "Checks replies against expected answers, as suites and rejection sampling do",
                                   "drover check docs/examples/checked.jsonl", options, check);
  std::string names;
  for (const auto name : verify::checker_names()) names += (names.empty() ? "" : ", ") + std::string(name);
  command.add_option("ROWS", options->rows, "JSONL file of {\"checker\", \"expected\", \"reply\"}; checkers: " + names + "; - is standard input")->required();
  command.add_flag("--json", options->json, "print one JSON object a row: {\"line\", \"outcome\", \"answer\", \"reason\"}");
}

}  // namespace drover::cli
