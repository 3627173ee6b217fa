#include <fmt/format.h>

#include "report/html_table.h"
#include "report/html_text.h"
#include "report/page_sections.h"

namespace drover::report {
namespace {

std::string cell(const std::optional<double>& here, const std::optional<double>& report) {
  const auto shown = [](const std::optional<double>& value) {
    if (!value) return std::string("–");
    return *value >= 1000 ? with_commas(static_cast<std::int64_t>(*value + 0.5)) : fmt::format("{:.4g}", *value);
  };
  return shown(here) + (report ? " <small class=\"paper\">[" + shown(report) + "]</small>" : "");
}

std::string table_of(const MixTable& mix) {
  std::vector<HtmlTable::Column> columns = {{"data set"}};
  for (const auto& column : mix.columns) columns.push_back({column, true});
  HtmlTable table(fmt::format("{}, beside [Table {} of the Llama 3 report]", mix.title, mix.number), columns);
  for (const auto& line : mix.lines) {
    std::vector<std::string> cells = {escaped(line.dataset)};
    for (std::size_t i = 0; i < mix.columns.size(); ++i) cells.push_back(cell(line.here.at(i), line.report.at(i)));
    table.add(cells);
  }
  return table.html();
}

}  // namespace

std::string mix_section(const RunSummary& summary) {
  if (summary.mix_tables.empty()) return {};
  std::string html = section_heading("mix", "Data mix");
  html +=
      "<p>In the columns of Tables 6 and 7 of the Llama 3 report (arXiv 2407.21783), whose own figures stand in "
      "square brackets. Means; tokens by the models' tokenizer.</p>\n";
  for (const auto& mix : summary.mix_tables) html += table_of(mix);
  return html;
}

}  // namespace drover::report
