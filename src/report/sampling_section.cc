#include <fmt/format.h>

#include "report/histogram.h"
#include "report/html_table.h"
#include "report/html_text.h"
#include "report/page_sections.h"

namespace drover::report {
namespace {

std::string share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? "–" : percent(static_cast<double>(part) / static_cast<double>(whole));
}

std::string mean(const std::vector<double>& values) {
  const auto found = mean_of(values);
  return found ? short_number(*found) : "–";
}

std::string spread_table(const RunSummary& summary) {
  HtmlTable table("Rejection sampling by capability", {{"round"},
                                                       {"capability"},
                                                       {"prompts", true},
                                                       {"answered", true},
                                                       {"replies", true},
                                                       {"scored", true},
                                                       {"mean reward", true},
                                                       {"of the kept", true},
                                                       {"right", true},
                                                       {"of the kept", true}});
  for (const auto& spread : summary.reward_spreads) {
    for (const auto& draw : spread.capabilities) {
      table.add({fmt::format("round {}", spread.round), escaped(draw.capability), with_commas(draw.prompts),
                 with_commas(draw.answered), with_commas(draw.replies),
                 with_commas(static_cast<std::int64_t>(draw.rewards.size())), mean(draw.rewards),
                 mean(draw.kept_rewards), share(draw.right, draw.checked), share(draw.right_kept, draw.checked_kept)});
    }
  }
  return table.html();
}

std::string samples(const RunSummary& summary) {
  if (summary.samples.empty()) return {};
  std::string html =
      "<h3>Some prompts of the last round</h3>\n<p>All replies to a prompt, by reward; the kept one is "
      "marked. <code>drover trace HOME SAMPLE</code> shows everything before and after one.</p>\n";
  for (const auto& sample : summary.samples) {
    HtmlTable table("Replies by reward", {{"sample"}, {"reward", true}, {"reply"}, {"why"}});
    for (const auto& reply : sample.replies) {
      table.add({fmt::format("<code>{}</code>{}", escaped(reply.id),
                             reply.is_kept ? "<br><strong class=\"kept\">kept</strong>" : ""),
                 reply.score ? fmt::format("{:.3f}", *reply.score) : "–", said(reply.text, 400),
                 escaped(reply.reason)});
    }
    html +=
        "<details><summary>" + escaped(shortened(sample.question, 200)) +
        (sample.expected.empty() ? "" : " <small>(expected: " + escaped(shortened(sample.expected, 80)) + ")</small>") +
        "</summary>\n" + table.html() + "</details>\n";
  }
  return html;
}

}  // namespace

std::string sampling_section(const RunSummary& summary) {
  if (summary.reward_spreads.empty()) return {};
  std::string html = section_heading("sampling", "Rejection sampling");
  html +=
      "<p>Rewards of all replies (bars) and of the kept ones (line), each as a share of its group. Replies that "
      "were cut or that the checker refused are not scored. Right: by the prompts' checkers.</p>\n<div "
      "class=\"pictures\">\n";
  for (const auto& spread : summary.reward_spreads)
    html += histogram_picture(fmt::format("Round {}: rewards", spread.round), spread.rewards(), spread.kept_rewards());
  return html + "</div>\n" + spread_table(summary) + samples(summary);
}

}  // namespace drover::report
