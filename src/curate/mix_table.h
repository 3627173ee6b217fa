#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "chat/preference_row.h"
#include "curate/row.h"

namespace drover::curate {

/// How long a text is, in tokens.
using CountTokens = std::function<std::int64_t(std::string_view)>;

/// A line of Table 7 of the Llama 3 report, the SFT mix. Turns are messages of all senders; the context is all turns
/// but the last, which is the final response (the final assistant turn). Means over examples; tokens are those of
/// contents and calls, without headers.
struct SftTableLine {
  std::string dataset;
  double percent = 0.0;  ///< of examples
  double turns = 0.0;
  double tokens = 0.0;
  double context_tokens = 0.0;
  double response_tokens = 0.0;
  std::int64_t examples = 0;
};

/// A line of Table 6, the preference data. Turns are those of the user, the one that is answered included; the example
/// is its dialog with the best response; a prompt is one message of a user, a response any that was compared.
struct PreferenceTableLine {
  std::string dataset;
  double percent = 0.0;  ///< of comparisons
  double turns = 0.0;
  double tokens = 0.0;
  double prompt_tokens = 0.0;
  double response_tokens = 0.0;
  std::int64_t comparisons = 0;
};

/// What the report calls the data of a capability: "general" is "General English", "tools" and "math" are "Reasoning
/// and tools". Others keep their name.
std::string dataset_of(std::string_view capability);

/// One line a data set, in the report's order, others by name behind them, and "Total". `copies` says how often each
/// row counts; empty: once.
std::vector<SftTableLine> sft_table(std::span<const Row> rows, std::span<const std::int64_t> copies,
                                    const CountTokens& count);
std::vector<PreferenceTableLine> preference_table(std::span<const chat::PreferenceRow> rows,
                                                  std::span<const std::string> capabilities, const CountTokens& count);

/// All lines of the report's tables.
std::span<const SftTableLine> report_sft_lines();
std::span<const PreferenceTableLine> report_preference_lines();

/// The report's own lines; nothing for a data set that it does not have.
std::optional<SftTableLine> report_sft_line(std::string_view dataset);
std::optional<PreferenceTableLine> report_preference_line(std::string_view dataset);

/// The table for people, each line with the report's below it.
std::string shown_table(std::span<const SftTableLine> lines);
std::string shown_table(std::span<const PreferenceTableLine> lines);

nlohmann::ordered_json json_of(std::span<const SftTableLine> lines);
nlohmann::ordered_json json_of(std::span<const PreferenceTableLine> lines);

}  // namespace drover::curate
