#pragma once

#include <string>
#include <vector>

namespace drover::report {

/// A table with a caption and headers for its columns and rows, that scrolls sideways where the page is narrow.
class HtmlTable {
 public:
  struct Column {
    std::string title;  ///< text
    bool is_number = false;
  };

  HtmlTable(std::string caption, std::vector<Column> columns);

  /// HTML of each cell, one a column; the first names the row.
  void add(const std::vector<std::string>& cells);
  bool empty() const { return rows_.empty(); }
  std::string html() const;

 private:
  std::string caption_;
  std::vector<Column> columns_;
  std::string rows_;
};

}  // namespace drover::report
