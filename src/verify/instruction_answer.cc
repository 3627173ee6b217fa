#include "verify/instruction_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "verify/instructions.h"
#include "verify/python_string.h"

namespace drover::verify {
namespace {

class InstructionChecker final : public Checker {
 public:
  std::string_view name() const override { return "ifeval"; }

  Verdict check(std::string_view reply, std::string_view expected) const override {
    const auto instructions = parse_instructions(expected);
    if (is_blank(decode(reply))) return {Outcome::kNoAnswer, {}, "the reply is blank"};
    const auto followed = check_instructions(instructions, reply);
    std::string broken;
    for (std::size_t i = 0; i < instructions.size(); ++i) {
      if (!followed.strict[i]) broken += (broken.empty() ? "" : ", ") + instructions[i].id;
    }
    const auto count = [](const std::vector<bool>& list) { return std::count(list.begin(), list.end(), true); };
    auto answer = fmt::format("{} of {}, loosely {}", count(followed.strict), instructions.size(), count(followed.loose));
    if (broken.empty()) return {Outcome::kRight, std::move(answer), "every instruction is followed"};
    return {Outcome::kWrong, std::move(answer), "not followed: " + broken};
  }
};

}  // namespace

std::shared_ptr<const Checker> make_instruction_checker() { return std::make_shared<InstructionChecker>(); }

}  // namespace drover::verify
