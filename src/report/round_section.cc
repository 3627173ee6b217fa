#include <fmt/format.h>

#include <algorithm>

#include "report/flow_picture.h"
#include "report/html_table.h"
#include "report/html_text.h"
#include "report/page_sections.h"

namespace drover::report {
namespace {

double seconds_of(const RunSummary& summary, std::int64_t round) {
  double sum = 0;
  for (const auto& stage : summary.stages) {
    if (stage.name.starts_with(fmt::format("round {} /", round))) sum += stage.seconds;
  }
  return sum;
}

std::string list_of(const std::vector<Count>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    auto words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", with_commas(count), words);
  }
  return escaped(text);
}

std::string in_brackets(const std::vector<Count>& counts) {
  return counts.empty() ? std::string() : " (" + list_of(counts) + ")";
}

std::string in_words(const RunSummary& summary, const RoundCounts& counts) {
  std::string html =
      fmt::format("<p>{} prompts{}. {} comparisons collected{}, {} imported", with_commas(counts.num_prompts()),
                  in_brackets(counts.prompts), with_commas(counts.num_comparisons()), in_brackets(counts.levels),
                  with_commas(counts.imported));
  if (!counts.annotators.empty()) html += "; preferred by " + list_of(counts.annotators);
  html += fmt::format(
      ". The reward model learned {} rows. Rejection sampling drew {} replies and kept {}; {} synthetic dialogs came "
      "from elsewhere. After curation SFT learned {} rows, then DPO {}.",
      with_commas(counts.reward_rows), with_commas(counts.sampled_replies), with_commas(counts.best_replies),
      with_commas(counts.synthetic), with_commas(counts.sft_rows), with_commas(counts.dpo_rows));
  if (counts.refused_rows > 0) html += fmt::format(" {} comparisons or replies gave no row.", with_commas(counts.refused_rows));
  if (counts.leaked_imports > 0)
    html += fmt::format(" {} imported comparisons were left out because they hold a suite's prompt.", with_commas(counts.leaked_imports));
  if (counts.overlong_prompts > 0)
    html += fmt::format(" {} prompts were left out because they leave a model no room for a reply.", with_commas(counts.overlong_prompts));
  const auto deployed = std::find_if(summary.deployed.begin(), summary.deployed.end(),
                                     [&](const auto& model) { return model.round == counts.number; });
  html += deployed == summary.deployed.end()
              ? " <strong>The round is unfinished.</strong>"
              : fmt::format(" The round deployed <strong>{}</strong>.", escaped(deployed->name));
  return html + fmt::format(" Work: {}.</p>\n", duration(seconds_of(summary, counts.number)));
}

std::string counts_table(const RunSummary& summary) {
  std::vector<HtmlTable::Column> columns = {{"step"}};
  for (const auto& counts : summary.rounds) columns.push_back({fmt::format("round {}", counts.number), true});
  HtmlTable table("Counts from prompt to training row", columns);
  const auto add = [&](const std::string& name, const auto& count_of) {
    std::vector<std::string> cells = {name};
    for (const auto& counts : summary.rounds) cells.push_back(with_commas(count_of(counts)));
    table.add(cells);
  };
  const auto without = [](const RoundCounts& counts) {
    std::int64_t none = 0;
    for (const auto& [level, count] : counts.levels) none += level == "none" ? count : 0;
    return none;
  };
  add("prompts", [](const auto& c) { return c.num_prompts(); });
  add("replies to compare", [](const auto& c) { return c.compared_replies; });
  add("comparisons collected", [](const auto& c) { return c.num_comparisons(); });
  add("of these without a preference", without);
  add("of these three-way, with an edited reply", [](const auto& c) { return c.three_way; });
  add("comparisons imported", [](const auto& c) { return c.imported; });
  add("reward rows", [](const auto& c) { return c.reward_rows; });
  add("replies of rejection sampling", [](const auto& c) { return c.sampled_replies; });
  add("best replies kept", [](const auto& c) { return c.best_replies; });
  add("synthetic dialogs", [](const auto& c) { return c.synthetic; });
  add("replies in the mix", [](const auto& c) { return c.mixed; });
  add("SFT rows", [](const auto& c) { return c.sft_rows; });
  add("DPO rows", [](const auto& c) { return c.dpo_rows; });
  return table.html();
}

std::string weak_areas(const RunSummary& summary) {
  if (summary.complexities.empty()) return {};
  HtmlTable table(
      "Mean complexity of the prompts of weak capabilities, 0 easy to 1 hard",
      {{"stage"}, {"capability"}, {"round before", true}, {"this round", true}, {"change", true}, {"prompts", true}});
  for (const auto& line : summary.complexities) {
    table.add({escaped(line.stage),
               line.capability == "weakest" ? "<strong>all weak ones, mean</strong>" : escaped(line.capability),
               fmt::format("{:.3f}", line.before), fmt::format("{:.3f}", line.after),
               fmt::format("{:+.3f}", line.after - line.before),
               fmt::format("{} → {}", with_commas(line.num_before), with_commas(line.num_after))});
  }
  return section_heading("weak", "Weak areas") +
         "<p>From round 2 on, the capabilities with the lowest scores get more, and more complex, prompts.</p>\n" +
         table.html();
}

}  // namespace

std::string round_section(const RunSummary& summary) {
  if (summary.rounds.empty()) return {};
  std::string html = section_heading("rounds", "What each round did");
  html +=
      "<p>Bars are as wide as their counts, within each picture; below a bar stands what was added (+) or left "
      "behind (−) before the next.</p>\n";
  for (const auto& counts : summary.rounds) {
    html += fmt::format("<section class=\"round\"><h3>Round {}</h3>\n", counts.number) + in_words(summary, counts);
    html += "<div class=\"pictures\">" +
            flow_picture(fmt::format("Round {}: comparisons", counts.number), preference_flow(counts)) +
            flow_picture(fmt::format("Round {}: replies to learn", counts.number), reply_flow(counts)) +
            "</div></section>\n";
  }
  return html + counts_table(summary) + weak_areas(summary);
}

}  // namespace drover::report
