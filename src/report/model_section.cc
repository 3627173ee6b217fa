#include <fmt/format.h>

#include "report/family_tree.h"
#include "report/html_table.h"
#include "report/html_text.h"
#include "report/page_sections.h"

namespace drover::report {

std::string model_section(const RunSummary& summary) {
  if (summary.models.empty()) return {};
  HtmlTable table("All models of the run",
                  {{"model"}, {"made by"}, {"from"}, {"hash"}, {"hash of its data"}, {"folder"}});
  for (const auto& model : summary.models) {
    const auto code = [](const std::string& text) { return text.empty() ? "" : "<code>" + escaped(text) + "</code>"; };
    table.add({escaped(model.name), escaped(model.made_by), escaped(parents_of(summary, model)), code(model.hash),
               code(model.data), code(model.folder)});
  }
  return section_heading("models", "Family tree of the models") +
         "<p>Columns from the left: start, reward models, SFT, DPO. Lines lead from a model to what was made of it; "
         "large "
         "dots are averages. Reward models and SFT begin at the pre-trained model in every round.</p>\n" +
         family_tree(summary) + table.html();
}

}  // namespace drover::report
