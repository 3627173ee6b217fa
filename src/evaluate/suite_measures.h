#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/dialog.h"
#include "evaluate/interval.h"
#include "evaluate/suite.h"
#include "verify/verdict.h"

namespace drover::evaluate {

/// What a model answered to one prompt of a suite.
struct SuiteReply {
  std::vector<chat::Message> messages;
  bool is_cut = false;  ///< by the length limit; checked as it stands all the same
};

/// One number about a model on a suite.
struct Measure {
  std::string name;
  double value = 0;
  std::optional<Interval> interval;  ///< 95%, of shares; means of other measures have none
  std::int64_t right = 0;            ///< of shares
  std::int64_t total = 0;
};

struct SuiteResult {
  std::string suite;
  std::vector<bool> is_right;     ///< one a prompt; IFEval: every instruction followed strictly
  std::vector<Measure> measures;  ///< the suite's own score first
  std::int64_t num_cut = 0;
  std::int64_t num_empty = 0;
  std::int64_t num_without_answer = 0;  ///< replies in which the checker found no answer

  double score() const { return measures.at(0).value; }
  /// Why the scores say little: every reply was cut or empty. Empty when they do not.
  std::string doubt() const;
};

/// The verdict on one reply.
verify::Verdict verdict_on(const ledger::Prompt& prompt, const SuiteReply& reply);

/// Scores replies, one a prompt in the suite's order. Accuracy for most suites; for prompts of "ifeval" the four published shares and their
/// mean; for "bfcl" one share a category and the overall one; with several subjects ("mmlu") also the mean over them; for "exact" answers
/// also SQuAD's mean F1.
SuiteResult measure(const Suite& suite, const std::vector<SuiteReply>& replies);

}  // namespace drover::evaluate
