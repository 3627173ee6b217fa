#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "report/run_summary.h"

namespace drover::report {

/// A model card in Markdown, with the head that model hubs read, for the model that the last finished round deployed:
/// what it was made of, data with licences, scores before and after, options, intended use and limits. Empty before a
/// round has finished.
std::optional<std::string> model_card(const RunSummary& summary);

/// Text of others for a line or a table's cell of Markdown: no markup, no line breaks.
std::string markdown_text(std::string_view text);

}  // namespace drover::report
