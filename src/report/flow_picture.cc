#include "report/flow_picture.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html_text.h"

namespace drover::report {
namespace {

constexpr double kWidth = 340;
constexpr double kLine = 16;
constexpr double kBar = 14;
constexpr std::size_t kLongestNote = 52;

std::string words_of(const std::string& level) {
  auto words = level;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

void add_note(FlowStep& step, const char* sign, std::int64_t count, const std::string& what) {
  if (count != 0) step.notes.push_back(fmt::format("{} {} {}", sign, with_commas(count), what));
}

}  // namespace

std::vector<FlowStep> preference_flow(const RoundCounts& counts) {
  FlowStep prompts{.count = counts.num_prompts(), .what = "prompts"};
  for (const auto& [capability, count] : counts.prompts)
    prompts.notes.push_back(fmt::format("{} {}", with_commas(count), capability));
  FlowStep replies{.count = counts.compared_replies, .what = "replies, from two models"};
  add_note(replies, "+", counts.edits, "edits of preferred replies");
  FlowStep comparisons{.count = counts.num_comparisons() + counts.imported, .what = "comparisons"};
  add_note(comparisons, "of these", counts.imported, "from elsewhere");
  for (const auto& [level, count] : counts.levels)
    add_note(comparisons, level == "none" ? "−" : "of these", count,
             level == "none" ? "without a preference" : words_of(level));
  add_note(comparisons, "of these", counts.three_way, "three-way rows (edited)");
  add_note(comparisons, "of these", counts.turns, "turns of dialogs");
  FlowStep reward{.count = counts.reward_rows, .what = "rows of the reward model (all rounds so far)"};
  FlowStep dpo{.count = counts.dpo_rows, .what = "rows of DPO (newest comparisons only)"};
  return {prompts, replies, comparisons, reward, dpo};
}

std::vector<FlowStep> reply_flow(const RoundCounts& counts) {
  FlowStep prompts{.count = counts.num_prompts(), .what = "prompts"};
  FlowStep sampled{.count = counts.sampled_replies, .what = "replies of rejection sampling"};
  for (const auto& [reason, count] : counts.not_kept) add_note(sampled, "−", count, reason);
  FlowStep best{.count = counts.best_replies, .what = "best replies"};
  add_note(best, "+", counts.synthetic, "synthetic dialogs");
  for (const auto& [rule, count] : counts.curated_away) add_note(best, "−", count, rule);
  FlowStep mixed{.count = counts.mixed, .what = "different replies in the mix"};
  FlowStep rows{.count = counts.sft_rows, .what = "rows of SFT, with repeats"};
  return {prompts, sampled, best, mixed, rows};
}

std::string flow_picture(const std::string& title, const std::vector<FlowStep>& steps) {
  std::int64_t most = 1;
  for (const auto& step : steps) most = std::max(most, step.count);
  const auto width_of = [&](std::int64_t count) {
    return count == 0 ? 0.0 : std::max(2.0, kWidth * static_cast<double>(count) / static_cast<double>(most));
  };
  std::string svg;
  std::string words;
  double y = 4;
  double previous_y = -1;
  double previous_width = 0;
  for (const auto& step : steps) {
    const double bar_y = y + kLine + 2;
    const double width = width_of(step.count);
    if (previous_y >= 0) {
      svg += fmt::format("<path class=\"stream\" d=\"M 0 {0:.1f} L {1:.1f} {0:.1f} L {2:.1f} {3:.1f} L 0 {3:.1f} Z\"/>",
                         previous_y, previous_width, width, bar_y);
    }
    svg += fmt::format("<rect class=\"flow\" x=\"0\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"/>", bar_y,
                       width, kBar);
    svg += fmt::format("<text x=\"0\" y=\"{:.1f}\"><tspan class=\"strong\">{}</tspan> {}</text>", y + kLine - 3,
                       with_commas(step.count), escaped(step.what));
    words += fmt::format("{} {}; ", with_commas(step.count), step.what);
    previous_y = bar_y + kBar;
    previous_width = width;
    y = previous_y + 4;
    for (const auto& note : step.notes) {
      y += kLine;
      svg += fmt::format("<text class=\"note\" x=\"10\" y=\"{:.1f}\">{}</text>", y - 3,
                         escaped(shortened(note, kLongestNote)));
      words += note + "; ";
    }
    y += 8;
  }
  return fmt::format(
      "<figure><figcaption><strong>{0}</strong></figcaption><svg class=\"flowchart\" width=\"{1}\" height=\"{2:.0f}\" "
      "viewBox=\"0 0 {1} {2:.0f}\" role=\"img\" aria-label=\"{0}: {4}\">{3}</svg></figure>\n",
      escaped(title), kWidth, y, svg, escaped(words));
}

}  // namespace drover::report
