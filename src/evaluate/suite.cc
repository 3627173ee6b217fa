#include "evaluate/suite.h"

#include "base/error.h"
#include "verify/checker.h"

namespace drover::evaluate {

SuiteScore score_on(const Suite& suite, const Responder& responder, const ReplyPlan& plan, ledger::Ledger& ledger,
                    const base::OnProgress& on_progress) {
  DROVER_CHECK_EQ(plan.num_replies, 1, "A suite takes one reply a prompt");
  std::vector<ledger::PromptId> prompts;
  {
    ledger::Ledger::Batch batch(ledger);
    for (const auto& prompt : suite.prompts) prompts.push_back(ledger.add(prompt));
    batch.commit();
  }
  const auto replies = recorded_replies(responder, prompts, plan, ledger, on_progress);
  SuiteScore score{.suite = suite.name, .model = responder.generator->model_name(), .is_right = {}, .interval = {}};
  ledger::Ledger::Batch batch(ledger);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto& prompt = suite.prompts[i];
    const auto reply = ledger.find(replies[i].at(0));
    const auto verdict = verify::make_checker(prompt.checker)->check_messages(reply->reply, prompt.expected);
    const bool is_right = verdict.is_right();
    ledger.add(ledger::CheckedAnswer{.generation = replies[i][0],
                                     .stage = plan.stage,
                                     .checker = prompt.checker,
                                     .is_right = is_right,
                                     .answer = verdict.answer,
                                     .reason = is_cut(*reply) ? "cut; " + verdict.reason : verdict.reason});
    score.is_right.push_back(is_right);
    score.num_right += is_right ? 1 : 0;
  }
  const auto total = static_cast<std::int64_t>(prompts.size());
  score.accuracy = total == 0 ? 0 : static_cast<double>(score.num_right) / static_cast<double>(total);
  score.interval = wilson_interval(score.num_right, total);
  ledger.add(ledger::Metric{.stage = plan.stage,
                            .name = "accuracy",
                            .subject = suite.name + " " + score.model,
                            .step = 0,
                            .value = score.accuracy,
                            .low = score.interval.low,
                            .high = score.interval.high,
                            .count = total});
  batch.commit();
  return score;
}

}  // namespace drover::evaluate
