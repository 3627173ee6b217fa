#include "report/html_table.h"

#include "base/error.h"
#include "report/html_text.h"

namespace drover::report {

HtmlTable::HtmlTable(std::string caption, std::vector<Column> columns)
    : caption_(std::move(caption)), columns_(std::move(columns)) {}

void HtmlTable::add(const std::vector<std::string>& cells) {
  DROVER_CHECK_EQ(cells.size(), columns_.size(), "A row has a cell for each column");
  rows_ += "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string kind = columns_[i].is_number ? " class=\"number\"" : "";
    rows_ += i == 0 ? "<th scope=\"row\"" + kind + ">" + cells[i] + "</th>" : "<td" + kind + ">" + cells[i] + "</td>";
  }
  rows_ += "</tr>\n";
}

std::string HtmlTable::html() const {
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>" + escaped(caption_) + "</caption>\n<thead><tr>";
  for (const auto& column : columns_) {
    html += column.is_number ? "<th scope=\"col\" class=\"number\">" : "<th scope=\"col\">";
    html += escaped(column.title) + "</th>";
  }
  return html + "</tr></thead>\n<tbody>\n" + rows_ + "</tbody></table></div>\n";
}

}  // namespace drover::report
