#include <fmt/format.h>

#include "report/html_table.h"
#include "report/html_text.h"
#include "report/page_sections.h"

namespace drover::report {
namespace {

std::string examples(const DroppedByRule& rule) {
  HtmlTable table(fmt::format("Examples of \"{}\" in round {}", shortened(rule.rule, 60), rule.round),
                  {{"sample"}, {"asked"}, {"reply"}, {"why"}});
  for (const auto& example : rule.examples) {
    table.add({fmt::format("<code>{}</code>", escaped(example.id)), said(example.question, 300),
               said(example.text, 400), escaped(example.reason)});
  }
  return fmt::format("<details><summary>Round {}, {}: examples</summary>\n", rule.round, escaped(rule.rule)) +
         table.html() + "</details>\n";
}

std::string rating_tables(const RunSummary& summary) {
  HtmlTable topics("Topics of the replies that were curated", {{"stage"}, {"topic"}, {"replies", true}});
  HtmlTable difficulty("How hard the judge found them: 1 (easy) to 3 (hard)", {{"stage"}, {"capability"}, {"mean", true}, {"replies", true}});
  bool has_topics = false;
  bool has_difficulty = false;
  for (const auto& rating : summary.ratings) {
    if (rating.kind == RowRating::Kind::kTopic) {
      has_topics = true;
      const auto name = rating.name == "no judge" ? "not sorted: the judge has no say" : escaped(rating.name);
      topics.add({escaped(rating.stage), name, with_commas(rating.count)});
    } else {
      has_difficulty = true;
      difficulty.add({escaped(rating.stage), escaped(rating.name), fmt::format("{:.2f}", rating.value), with_commas(rating.count)});
    }
  }
  return (has_topics ? topics.html() : "") + (has_difficulty ? difficulty.html() : "");
}

}  // namespace

std::string curation_section(const RunSummary& summary) {
  if (summary.rounds.empty()) return {};
  std::string html = section_heading("curation", "What curation dropped, and why");
  html += rating_tables(summary);
  if (summary.dropped.empty()) return html + "<p>Nothing was dropped or changed.</p>\n";
  HtmlTable table("Replies that a rule took out or rewrote", {{"round"}, {"rule"}, {"replies", true}});
  for (const auto& rule : summary.dropped)
    table.add({fmt::format("round {}", rule.round), escaped(rule.rule), with_commas(rule.count)});
  html += table.html();
  for (const auto& rule : summary.dropped) html += examples(rule);
  return html;
}

}  // namespace drover::report
