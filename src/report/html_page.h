#pragma once

#include <string>
#include <string_view>

#include "report/run_summary.h"

namespace drover::report {

/// The run as one HTML page that needs nothing beside itself: results with intervals first, then stages, losses,
/// samples with their scores, the models' lineage and the recipe.
std::string html_page(const RunSummary& summary);

/// Text as HTML shows it literally. Text of models cannot become markup.
std::string escaped(std::string_view text);

}  // namespace drover::report
