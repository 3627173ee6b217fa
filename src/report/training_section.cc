#include "report/curve.h"
#include "report/page_sections.h"

namespace drover::report {

std::string curve_section(const RunSummary& summary) {
  if (summary.curves.empty()) return {};
  std::string html = section_heading("training", "Training");
  html +=
      "<p>Before each step's update. Margin: of a reward model the difference of two rewards, of DPO beta times "
      "the difference of the log ratios. Accuracy: pairs of the step in the right order.</p>\n<div "
      "class=\"pictures\">\n";
  for (const auto& group : summary.curves) html += curve_picture(group);
  return html + "</div>\n";
}

}  // namespace drover::report
