#include "cli/measured_judge.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "cli/terminal.h"
#include "judge/judge.h"
#include "judge/labelled_sets.h"

namespace drover::cli {

std::vector<judge::LabelledSet> calibration_sets(const JudgeRequest& request) {
  std::vector<judge::LabelledSet> sets;
  for (const auto& name : request.calibration) {
    auto pairs = judge::is_labelled_set_name(name) ? judge::read_labelled_set(name) : judge::read_labelled_pairs(name);
    if (request.pairs > 0) pairs = judge::spread_sample(pairs, request.pairs);
    sets.push_back({name, std::move(pairs)});
  }
  return sets;
}

MeasuredJudge measure_judge(generate::Generator& generator, const judge::AnswerForms& forms, const JudgeRequest& request,
                            std::span<const judge::LabelledSet> sets, ProgressLine& progress) {
  judge::Judge judge(generator, forms, {.give_up_after = 0});  // one that never answers validly is a result here
  judge.on_progress = progress.on_progress();
  MeasuredJudge measured{.standing = judge::measure_standing(judge, sets), .is_forced = request.is_forced};
  progress.clear();
  std::string end = ".";
  if (!measured.standing.is_above_chance()) {
    end = request.is_forced ? "; its points count all the same, as --force-judge says."
                            : "; it has no say about quality (--force-judge lets its points count).";
  }
  fmt::print(stderr, "The judge '{}' is {}{}\n", shown(request.model), shown(measured.standing.describe()), end);
  return measured;
}

}  // namespace drover::cli
