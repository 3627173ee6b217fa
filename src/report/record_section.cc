#include <fmt/format.h>

#include "report/html_table.h"
#include "report/html_text.h"
#include "report/page_sections.h"
#include "report/stage_output.h"

namespace drover::report {
namespace {

std::string rows_of(const DataSource& source) {
  if (source.is_held_out) return "held out";
  std::string text;
  for (const auto& [kind, count] : source.rows)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", with_commas(count), kind);
  return text.empty() ? "none" : escaped(text);
}

std::string pretty(const std::string& json) {
  const auto parsed = read_json(json);
  return escaped(parsed.is_null() ? json : parsed.dump(2, ' ', false, chat::Json::error_handler_t::replace));
}

std::string inputs_of(const StageLine& stage) {
  const auto inputs = read_json(stage.inputs);
  if (!inputs.is_object() || inputs.empty()) return {};
  HtmlTable table("Inputs", {{"input"}, {"hash"}});
  for (const auto& [name, hash] : inputs.items())
    table.add(
        {escaped(name), "<code>" + escaped(hash.is_string() ? hash.get<std::string>() : std::string()) + "</code>"});
  return table.html();
}

std::string details_of(const StageLine& stage) {
  return fmt::format(
      "<details><summary>{}</summary>\n<p>Key <code>{}</code>, revision {}, seed "
      "{}{}{}.</p>\n{}<pre>{}</pre></details>\n",
      escaped(stage.name), escaped(stage.key), stage.revision, stage.seed,
      stage.hash.empty() ? "" : ", result <code>" + escaped(stage.hash) + "</code>",
      stage.ended_at.empty() ? "" : ", ended " + escaped(stage.ended_at), inputs_of(stage), pretty(stage.options));
}

std::string stage_table(const RunSummary& summary) {
  HtmlTable table("Stages and their time", {{"stage"}, {"time", true}, {"result"}});
  for (const auto& stage : summary.stages) {
    table.add({escaped(stage.name), stage.is_finished ? duration(stage.seconds) : "unfinished",
               stage.hash.empty() ? "" : "<code>" + escaped(stage.hash) + "</code>"});
  }
  return table.html();
}

}  // namespace

std::string source_section(const RunSummary& summary) {
  if (summary.sources.empty()) return {};
  HtmlTable table("Sources of prompts, comparisons and replies",
                  {{"source"}, {"licence"}, {"prompts used", true}, {"training rows"}, {"read from"}, {"hash"}});
  for (const auto& source : summary.sources) {
    table.add({escaped(source.name) + (source.is_held_out ? " <small>(suite)</small>" : ""),
               source.licence.empty() ? "<strong>not stated</strong>" : escaped(source.licence),
               with_commas(source.prompts), rows_of(source), escaped(source.location),
               source.hash.empty() ? "" : "<code>" + escaped(source.hash) + "</code>"});
  }
  return section_heading("sources", "Data and licences") +
         "<p>Rows are counted over all rounds; a comparison that several rounds learned counts in each. Replies that "
         "the "
         "run's own models wrote stand with the source of their prompt.</p>\n" +
         table.html();
}

std::string option_section(const RunSummary& summary) {
  std::string html = section_heading("options", "Stages, options and hashes");
  html += stage_table(summary);
  for (const auto& stage : summary.stages) html += details_of(stage);
  HtmlTable facts("Facts in the ledger", {{"kind"}, {"count", true}});
  for (const auto& [kind, count] : summary.facts) facts.add({escaped(kind), with_commas(count)});
  if (!facts.empty()) html += facts.html();
  return html + "<h3>Recipe</h3>\n<pre>" + escaped(summary.recipe_text) + "</pre>\n";
}

}  // namespace drover::report
