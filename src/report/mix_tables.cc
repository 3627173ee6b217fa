#include "report/mix_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "report/stage_output.h"

namespace drover::report {
namespace {

/// What a column is called in the ledger and on the page.
using Column = std::pair<const char*, const char*>;
constexpr Column kSftColumns[] = {{"examples", "examples"},
                                  {"percent", "% of examples"},
                                  {"turns", "turns"},
                                  {"tokens", "tokens"},
                                  {"context_tokens", "tokens in context"},
                                  {"response_tokens", "tokens in final response"}};
constexpr Column kPreferenceColumns[] = {
    {"comparisons", "comparisons"},   {"percent", "% of comparisons"},       {"turns", "turns per dialog"},
    {"tokens", "tokens per example"}, {"prompt_tokens", "tokens in prompt"}, {"response_tokens", "tokens in response"}};

class TableMaker {
 public:
  TableMaker(std::string title, int number, std::span<const Column> columns) : columns_(columns) {
    table_.title = std::move(title);
    table_.number = number;
    for (const auto& [field, shown] : columns) table_.columns.emplace_back(shown);
  }

  void set(bool is_report, const std::string& dataset, const std::string& field, double value) {
    const auto column =
        std::find_if(columns_.begin(), columns_.end(), [&](const Column& each) { return each.first == field; });
    if (column == columns_.end()) return;
    auto line = std::find_if(table_.lines.begin(), table_.lines.end(),
                             [&](const auto& each) { return each.dataset == dataset; });
    if (line == table_.lines.end()) {
      const std::vector<std::optional<double>> nothing(columns_.size());
      line = table_.lines.insert(table_.lines.end(), {.dataset = dataset, .here = nothing, .report = nothing});
    }
    (is_report ? line->report : line->here).at(static_cast<std::size_t>(column - columns_.begin())) = value;
  }

  /// The data sets of the run first, the sum last; empty when the run has nothing.
  std::optional<MixTable> finish() {
    const auto is_of_run = [](const MixLine& line) {
      return std::any_of(line.here.begin(), line.here.end(), [](const auto& value) { return value.has_value(); });
    };
    if (std::none_of(table_.lines.begin(), table_.lines.end(), is_of_run)) return std::nullopt;
    std::stable_sort(table_.lines.begin(), table_.lines.end(), [&](const auto& a, const auto& b) {
      const auto rank = [&](const auto& line) { return line.dataset == "Total" ? 2 : is_of_run(line) ? 0 : 1; };
      return rank(a) < rank(b);
    });
    return std::move(table_);
  }

 private:
  std::span<const Column> columns_;
  MixTable table_;
};

}  // namespace

std::optional<MixTable> sft_mix_table(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage) {
  const auto end = ledger.find_stage_end(stage);
  if (!end) return std::nullopt;
  const auto output = read_json(end->output);
  TableMaker maker(fmt::format("Round {}: replies that SFT learned", round), 7, kSftColumns);
  for (const bool is_report : {false, true}) {
    const auto& lines = part_at(output, is_report ? "report_table" : "table");
    if (!lines.is_array()) continue;
    for (const auto& line : lines) {
      for (const auto& [field, shown] : kSftColumns) {
        if (is_report && std::string_view(field) == "examples") continue;  // the report does not say
        if (part_at(line, field).is_number())
          maker.set(is_report, text_at(line, "dataset"), field, number_at(line, field));
      }
    }
  }
  return maker.finish();
}

std::optional<MixTable> preference_mix_table(const ledger::Ledger& ledger, std::int64_t round,
                                             const std::string& stage) {
  TableMaker maker(fmt::format("Round {}: comparisons of the round", round), 6, kPreferenceColumns);
  for (const auto& metric : ledger.metrics_of(stage)) {
    const bool is_report = metric.name == "preference mix of Llama 3";
    if (!is_report && metric.name != "preference mix") continue;
    const auto slash = metric.subject.rfind(" / ");
    if (slash == std::string::npos) continue;
    maker.set(is_report, metric.subject.substr(0, slash), metric.subject.substr(slash + 3), metric.value);
  }
  return maker.finish();
}

}  // namespace drover::report
