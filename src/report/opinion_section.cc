#include <fmt/format.h>

#include <algorithm>

#include "report/html_table.h"
#include "report/html_text.h"
#include "report/interval_bar.h"
#include "report/page_sections.h"

namespace drover::report {
namespace {

std::string number_or_nothing(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}", *value) : std::string("–");
}

std::string agreement_part(const RunSummary& summary) {
  if (summary.agreements.empty()) return {};
  HtmlTable table("Agreement of annotators on pairs that both saw", {{"stage"},
                                                                     {"annotators"},
                                                                     {"pairs", true},
                                                                     {"agree", true},
                                                                     {"Cohen's kappa", true},
                                                                     {"Krippendorff's alpha", true}});
  for (const auto& line : summary.agreements) {
    table.add({escaped(line.stage), escaped(line.annotators), with_commas(line.pairs), percent(line.raw),
               number_or_nothing(line.kappa), number_or_nothing(line.alpha)});
  }
  return "<p>Kappa and alpha are 0 at chance and 1 at full agreement; alpha counts how far apart the levels "
         "are.</p>\n" +
         table.html();
}

std::string judge_part(const RunSummary& summary) {
  if (!summary.judge) return {};
  const auto& judge = *summary.judge;
  HtmlTable table("The judge on pairs that people have judged", {{"set"},
                                                                 {"pairs", true},
                                                                 {"as people", true},
                                                                 {"95% interval"},
                                                                 {"contradictions", true},
                                                                 {"invalid answers", true},
                                                                 {"p against chance", true}});
  for (const auto& line : judge.lines) {
    table.add({escaped(line.set), with_commas(line.pairs), percent(line.accuracy),
               interval_bar(line.accuracy, line.low, line.high), with_commas(line.contradictions),
               with_commas(line.invalid), fmt::format("{:.2g}", line.p_value)});
  }
  return fmt::format(
             "<h3>Judge</h3>\n<p>{} is {} chance and was {}. A contradiction is a pair whose verdict turned when its "
             "replies were shown in the other order.</p>\n",
             escaped(judge.name), judge.is_above_chance ? "above" : "not above",
             judge.is_used ? "asked" : "not asked in the rounds") +
         table.html();
}

std::string level_title(const std::string& level) {
  auto words = level;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

std::string reward_part(const RunSummary& summary) {
  if (summary.reward_accuracies.empty()) return {};
  const std::vector<std::string> levels = {"marginally_better",    "slightly_better", "better",
                                           "significantly_better", "edited",          "all"};
  std::vector<HtmlTable::Column> columns = {{"stage"}, {"comparisons"}};
  for (const auto& level : levels) columns.push_back({level_title(level), true});
  HtmlTable table("Pairs that the reward model ranks as their annotators did, by level", columns);
  std::vector<std::pair<std::string, bool>> rows;
  for (const auto& line : summary.reward_accuracies) {
    const std::pair row(line.stage, line.is_unseen);
    if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
  }
  for (const auto& [stage, is_unseen] : rows) {
    std::vector<std::string> cells = {escaped(stage), is_unseen ? "this round's, by the model of the round before"
                                                                : "all so far, by this round's model"};
    for (const auto& level : levels) {
      const auto line = std::find_if(
          summary.reward_accuracies.begin(), summary.reward_accuracies.end(),
          [&](const auto& each) { return each.stage == stage && each.is_unseen == is_unseen && each.level == level; });
      cells.push_back(line == summary.reward_accuracies.end()
                          ? "–"
                          : fmt::format("{} <small>({:.0f}–{:.0f})<br>of {}</small>", percent(line->accuracy),
                                        100 * line->low, 100 * line->high, with_commas(line->count)));
    }
    table.add(cells);
  }
  return "<h3>Reward models</h3>\n<p>With 95% intervals. The model of the round before has not seen this round's "
         "comparisons. This round's model was trained on those of the two upper levels (as far as the recipe says so), "
         "so that its figures there say how well it learned them. \"edited\": the edited reply above the one it was "
         "made of.</p>\n" +
         table.html();
}

}  // namespace

std::string opinion_section(const RunSummary& summary) {
  const auto parts = agreement_part(summary) + judge_part(summary) + reward_part(summary);
  return parts.empty() ? parts : section_heading("opinions", "Annotators, judge and reward models") + parts;
}

}  // namespace drover::report
