#include <fmt/format.h>

#include <algorithm>

#include "report/html_table.h"
#include "report/html_text.h"
#include "report/interval_bar.h"
#include "report/page_sections.h"

namespace drover::report {
namespace {

std::string with_interval(const AccuracyLine& line) {
  return fmt::format("{} <small>({:.1f}–{:.1f})</small>", percent(line.accuracy), 100 * line.low, 100 * line.high);
}

std::string verdict(const ScoreChange& change) {
  if (!change.is_clear()) return "no clear difference";
  return change.difference() < 0 ? "<strong class=\"worse\">worse</strong>"
                                 : "<strong class=\"better\">better</strong>";
}

std::string changes_table(const std::vector<ScoreChange>& changes) {
  HtmlTable table("Start and result on each suite, the largest loss first", {{"suite"},
                                                                             {"prompts", true},
                                                                             {"start"},
                                                                             {"result"},
                                                                             {"difference", true},
                                                                             {"start, 95% interval"},
                                                                             {"result, 95% interval"},
                                                                             {"p", true},
                                                                             {"p after Holm", true},
                                                                             {"verdict"}});
  for (const auto& change : changes) {
    table.add({escaped(change.after.suite), with_commas(change.after.count), with_interval(change.before),
               with_interval(change.after), fmt::format("{:+.1f}", 100 * change.difference()),
               interval_bar(change.before.accuracy, change.before.low, change.before.high),
               interval_bar(change.after.accuracy, change.after.low, change.after.high),
               change.after.p_value ? fmt::format("{:.2g}", *change.after.p_value) : "",
               change.corrected_p ? fmt::format("{:.2g}", *change.corrected_p) : "", verdict(change)});
  }
  return table.html();
}

// Long where a run has many rounds, so it is opened only where there is nothing else.
std::string all_scores(const RunSummary& summary, bool is_open) {
  HtmlTable table("Every model that was measured",
                  {{"model"}, {"suite"}, {"right", true}, {"95% interval"}, {""}, {"prompts", true}, {"p", true}});
  for (const auto& line : summary.accuracies) {
    table.add({escaped(line.model_name), escaped(line.suite), percent(line.accuracy),
               fmt::format("<span class=\"together\">{:.1f} to {:.1f}%</span>", 100 * line.low, 100 * line.high),
               interval_bar(line.accuracy, line.low, line.high), with_commas(line.count),
               line.p_value ? fmt::format("{:.2g}", *line.p_value) : ""});
  }
  return std::string("<details") + (is_open ? " open" : "") + "><summary>Every model that was measured</summary>\n" +
         table.html() + "</details>\n";
}

std::string in_words(const std::vector<ScoreChange>& changes) {
  std::int64_t worse = 0;
  std::int64_t better = 0;
  for (const auto& change : changes) {
    if (change.is_clear()) ++(change.difference() < 0 ? worse : better);
  }
  return fmt::format(
      "<p>Of {} suites the result is clearly worse on {}, clearly better on {}, and not clearly different on {}.</p>\n",
      changes.size(), worse, better, static_cast<std::int64_t>(changes.size()) - worse - better);
}

}  // namespace

std::string section_heading(const std::string& anchor, const std::string& title) {
  return fmt::format("<h2 id=\"{}\">{}</h2>\n", anchor, escaped(title));
}

std::string score_section(const RunSummary& summary) {
  if (summary.accuracies.empty()) return {};
  std::string html = section_heading("scores", "Before and after");
  html +=
      "<p>Share of right answers on held-out prompts, one reply a prompt, with 95% Wilson intervals. p: exact paired "
      "test (McNemar) against the best start model on the same prompts; after Holm: corrected for the number of "
      "suites. A difference is called clear below 0.05.</p>\n";
  const auto changes = summary.changes();
  if (changes.empty()) {
    html += "<p>No round has finished with scores yet, so there is no result to compare.</p>\n";
  } else {
    html += fmt::format("<p>Start: the best start model on each suite. Result: <strong>{}</strong>.</p>\n",
                        escaped(summary.deployed.back().name));
    html += in_words(changes) + changes_table(changes);
  }
  return html + all_scores(summary, changes.empty());
}

}  // namespace drover::report
