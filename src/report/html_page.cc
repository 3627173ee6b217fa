#include "report/html_page.h"

#include <fmt/format.h>

#include "report/html_text.h"
#include "report/page_sections.h"
#include "report/page_style.h"

namespace drover::report {
namespace {

struct Part {
  const char* anchor;
  const char* title;  ///< in the list of contents
  std::string (*html)(const RunSummary&);
};

constexpr Part kParts[] = {{"scores", "Before and after", score_section},
                           {"rounds", "Rounds", round_section},
                           {"opinions", "Annotators and reward models", opinion_section},
                           {"training", "Training", curve_section},
                           {"sampling", "Rejection sampling", sampling_section},
                           {"curation", "Curation", curation_section},
                           {"mix", "Data mix", mix_section},
                           {"models", "Family tree", model_section},
                           {"sources", "Data and licences", source_section},
                           {"options", "Options and hashes", option_section}};

std::string state_of(const RunSummary& summary) {
  if (summary.stages.empty()) return "<p>The run has no stages yet.</p>\n";
  std::string html = fmt::format("<p>Begun {}. {} stages, {} of work. {} round{} finished.", escaped(summary.began_at),
                                 summary.stages.size(), duration(summary.seconds()), summary.deployed.size(),
                                 summary.deployed.size() == 1 ? "" : "s");
  if (!summary.is_finished()) {
    std::string open;
    for (const auto& stage : summary.stages) {
      if (!stage.is_finished) open += (open.empty() ? "" : ", ") + stage.name;
    }
    html += " <strong>The run is unfinished: " + escaped(open) + ".</strong>";
  }
  return html + "</p>\n";
}

}  // namespace

std::string html_page(const RunSummary& summary) {
  std::string contents;
  std::string body;
  for (const auto& part : kParts) {
    const auto html = part.html(summary);
    if (html.empty()) continue;
    contents += fmt::format("<li><a href=\"#{}\">{}</a></li>", part.anchor, part.title);
    body += html;
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
      "<title>drover: {0}</title><style>{1}</style></head>\n<body>\n<header><h1>drover: {0}</h1>\n{2}</header>\n"
      "<nav aria-label=\"Contents\"><ul>{3}</ul></nav>\n<main>\n{4}</main>\n</body></html>\n",
      escaped(summary.recipe_name), kPageStyle, state_of(summary), contents, body);
}

}  // namespace drover::report
