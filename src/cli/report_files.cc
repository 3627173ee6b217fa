#include "cli/report_files.h"

#include "base/file.h"
#include "report/html_page.h"
#include "report/model_card.h"

namespace drover::cli {
namespace {

// A model from outside is not ours to write into; "models/.." would be outside too.
bool lies_in_home(const std::filesystem::path& folder) {
  const auto plain = folder.lexically_normal();
  return !plain.is_absolute() && !plain.empty() && *plain.begin() == "models" && ++plain.begin() != plain.end();
}

}  // namespace

std::vector<std::filesystem::path> write_report_files(const std::filesystem::path& home,
                                                      const report::RunSummary& summary) {
  std::vector<std::filesystem::path> written = {home / "report.html"};
  base::write_file_atomically(written.back(), report::html_page(summary));
  const auto card = report::model_card(summary);
  if (!card || !lies_in_home(summary.deployed.back().folder)) return written;
  const auto folder = home / summary.deployed.back().folder;
  if (!std::filesystem::is_directory(folder)) return written;  // deleted since
  written.push_back(folder / "README.md");
  base::write_file_atomically(written.back(), *card);
  return written;
}

}  // namespace drover::cli
