#include "base/error.h"
#include "evaluate/recorded_replies.h"
#include "preference/annotator.h"
#include "verify/checker.h"

namespace drover::preference {
namespace {

using chat::PreferenceLevel;

enum class Grade { kNone, kWrong, kRight };

class VerifierAnnotator final : public Annotator {
 public:
  std::string name() const override { return "verifier"; }

  bool can_compare(const ledger::Prompt& prompt) const override { return !prompt.checker.empty(); }

  std::optional<Judgement> compare(const ledger::Prompt& prompt, const ledger::Generation& first,
                                   const ledger::Generation& second) override {
    if (prompt.checker.empty()) {
      throw base::UserError(
          "Prompt {} has no checker and no expected answer, so the verifier cannot compare replies to it.",
          ledger::id_of(prompt).hex());
    }
    std::string first_reason;
    std::string second_reason;
    const auto first_grade = grade(prompt, first, first_reason);
    const auto second_grade = grade(prompt, second, second_reason);
    if (first_grade == second_grade) return Judgement{.reason = first_reason + "; " + second_reason};
    const bool first_wins = first_grade > second_grade;
    const bool is_right = std::max(first_grade, second_grade) == Grade::kRight;
    return Judgement{.preferred = first_wins ? Judgement::Preferred::kFirst : Judgement::Preferred::kSecond,
                     .level = is_right ? PreferenceLevel::kSignificant : PreferenceLevel::kSlight,
                     .reason = first_wins ? first_reason + "; " + second_reason : second_reason + "; " + first_reason};
  }

 private:
  static Grade grade(const ledger::Prompt& prompt, const ledger::Generation& reply, std::string& reason) {
    if (evaluate::is_cut(reply)) {
      reason = "the reply was cut";
      return Grade::kNone;
    }
    const auto verdict = verify::make_checker(prompt.checker)->check_messages(reply.reply, prompt.expected);
    reason = verdict.reason;
    switch (verdict.outcome) {
      case verify::Outcome::kRight:
        return Grade::kRight;
      case verify::Outcome::kWrong:
        return Grade::kWrong;
      case verify::Outcome::kNoAnswer:
        break;
    }
    return Grade::kNone;
  }
};

}  // namespace

std::unique_ptr<Annotator> make_verifier_annotator() { return std::make_unique<VerifierAnnotator>(); }

}  // namespace drover::preference
