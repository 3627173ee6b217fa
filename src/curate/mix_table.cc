#include "curate/mix_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/json_text.h"

namespace drover::curate {
namespace {

constexpr const char* kTotal = "Total";

// The Llama 3 report, arXiv:2407.21783, Tables 7 and 6.
const std::array<SftTableLine, 7> kSft = {{{"General English", 52.66, 6.3, 974.0, 656.7, 317.1},
                                           {"Code", 14.89, 2.7, 753.3, 378.8, 374.5},
                                           {"Multilingual", 3.01, 2.7, 520.5, 230.8, 289.7},
                                           {"Exam-like", 8.14, 2.3, 297.8, 124.4, 173.4},
                                           {"Reasoning and tools", 21.19, 3.1, 661.6, 359.8, 301.9},
                                           {"Long context", 0.11, 6.7, 38135.6, 37395.2, 740.5},
                                           {kTotal, 100, 4.7, 846.1, 535.7, 310.4}}};
const std::array<PreferenceTableLine, 5> kPreference = {{{"General English", 81.99, 4.1, 1000.4, 36.4, 271.2},
                                                         {"Code", 6.93, 3.2, 1621.0, 113.8, 462.9},
                                                         {"Multilingual", 5.19, 1.8, 1299.4, 77.1, 420.9},
                                                         {"Reasoning and tools", 5.89, 1.6, 707.7, 46.6, 129.9},
                                                         {kTotal, 100, 3.8, 1041.6, 44.5, 284.0}}};

struct Capability {
  std::string_view name, dataset;
};
constexpr std::array<Capability, 16> kDatasets = {{{"general", "General English"},
                                                   {"chat", "General English"},
                                                   {"factuality", "General English"},
                                                   {"steerability", "General English"},
                                                   {"instruction following", "General English"},
                                                   {"code", "Code"},
                                                   {"coding", "Code"},
                                                   {"multilingual", "Multilingual"},
                                                   {"exam", "Exam-like"},
                                                   {"reasoning", "Reasoning and tools"},
                                                   {"math", "Reasoning and tools"},
                                                   {"maths", "Reasoning and tools"},
                                                   {"tools", "Reasoning and tools"},
                                                   {"tool use", "Reasoning and tools"},
                                                   {"long context", "Long context"},
                                                   {"long_context", "Long context"}}};

template <typename Lines>
auto find_line(const Lines& lines, std::string_view dataset) -> std::optional<typename Lines::value_type> {
  const auto found =
      std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.dataset == dataset; });
  if (found == lines.end()) return std::nullopt;
  return *found;
}

/// The report's data sets first, in its order; then others by name.
std::pair<std::size_t, std::string> place_of(const std::string& dataset) {
  for (std::size_t i = 0; i + 1 < kSft.size(); ++i) {
    if (kSft[i].dataset == dataset) return {i, ""};
  }
  return {kSft.size(), dataset};
}

std::int64_t tokens_of(const chat::Message& message, const CountTokens& count) {
  std::int64_t tokens = message.content.empty() ? 0 : count(message.content);
  for (const auto& call : message.calls) {
    tokens +=
        count(call.kind == chat::ToolCall::Kind::kCode ? call.code : call.name + " " + chat::json_text(call.arguments));
  }
  return tokens;
}

/// Sums of one data set.
struct Sums {
  std::int64_t count = 0;
  double turns = 0, tokens = 0, first = 0, second = 0;
  std::int64_t num_prompts = 0, num_responses = 0;

  Sums& operator+=(const Sums& other) {
    count += other.count;
    turns += other.turns;
    tokens += other.tokens;
    first += other.first;
    second += other.second;
    num_prompts += other.num_prompts;
    num_responses += other.num_responses;
    return *this;
  }
};
using SumsByPlace = std::map<std::pair<std::size_t, std::string>, std::pair<std::string, Sums>>;

void add(SumsByPlace& all, const std::string& capability, const Sums& sums) {
  const auto dataset = dataset_of(capability);
  auto& entry = all[place_of(dataset)];
  entry.first = dataset;
  entry.second += sums;
}

double mean(double sum, std::int64_t count) { return count == 0 ? 0.0 : sum / static_cast<double>(count); }

template <typename Line>
std::vector<Line> lines_of(const SumsByPlace& all,
                           const std::function<Line(const std::string&, const Sums&, std::int64_t total)>& make) {
  Sums total;
  for (const auto& [place, entry] : all) total += entry.second;
  std::vector<Line> lines;
  for (const auto& [place, entry] : all) lines.push_back(make(entry.first, entry.second, total.count));
  lines.push_back(make(kTotal, total, total.count));
  return lines;
}

/// One line for people; `count` is left blank when it is negative.
std::string shown(const std::string& name, double percent, double turns, double tokens, double first, double second,
                  std::int64_t count) {
  const auto counted = count < 0 ? std::string() : fmt::format("{}", count);
  return fmt::format("{:<24}{:>8.2f}{:>8.1f}{:>11.1f}{:>11.1f}{:>11.1f}{:>10}\n", name, percent, turns, tokens, first,
                     second, counted);
}

}  // namespace

std::string dataset_of(std::string_view capability) {
  for (const auto& known : kDatasets) {
    if (known.name == capability || known.dataset == capability) return std::string(known.dataset);
  }
  return capability.empty() ? "unknown" : std::string(capability);
}

std::vector<SftTableLine> sft_table(std::span<const Row> rows, std::span<const std::int64_t> copies,
                                    const CountTokens& count) {
  DROVER_CHECK(copies.empty() || copies.size() == rows.size(), "{} numbers of copies for {} rows", copies.size(),
               rows.size());
  SumsByPlace all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto times = copies.empty() ? 1 : copies[i];
    if (times == 0) continue;
    const auto& dialog = rows[i].dialog;
    const auto turn = chat::final_assistant_turn(dialog);
    Sums sums{.count = times};
    for (std::size_t m = 0; m < dialog.messages.size(); ++m) {
      const auto tokens = static_cast<double>(times * tokens_of(dialog.messages[m], count));
      (turn.contains(m) ? sums.second : sums.first) += tokens;
      sums.tokens += tokens;
    }
    sums.turns = static_cast<double>(times) * static_cast<double>(dialog.messages.size());
    add(all, rows[i].capability, sums);
  }
  return lines_of<SftTableLine>(all, [](const std::string& name, const Sums& sums, std::int64_t total) {
    return SftTableLine{.dataset = name,
                        .percent = mean(100.0 * static_cast<double>(sums.count), total),
                        .turns = mean(sums.turns, sums.count),
                        .tokens = mean(sums.tokens, sums.count),
                        .context_tokens = mean(sums.first, sums.count),
                        .response_tokens = mean(sums.second, sums.count),
                        .examples = sums.count};
  });
}

std::vector<PreferenceTableLine> preference_table(std::span<const chat::PreferenceRow> rows,
                                                  std::span<const std::string> capabilities, const CountTokens& count) {
  DROVER_CHECK_EQ(rows.size(), capabilities.size(), "Each row has a capability");
  SumsByPlace all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Sums sums{.count = 1};
    for (const auto& message : rows[i].prompt.messages) {
      const auto tokens = static_cast<double>(tokens_of(message, count));
      sums.tokens += tokens;
      if (message.sender != chat::Sender::kUser) continue;
      sums.first += tokens;
      ++sums.num_prompts;
    }
    sums.turns = static_cast<double>(sums.num_prompts);
    for (std::size_t r = 0; r < rows[i].responses.size(); ++r) {
      double tokens = 0;
      for (const auto& message : rows[i].responses[r]) tokens += static_cast<double>(tokens_of(message, count));
      sums.second += tokens;
      ++sums.num_responses;
      if (r == 0) sums.tokens += tokens;
    }
    add(all, capabilities[i], sums);
  }
  return lines_of<PreferenceTableLine>(all, [](const std::string& name, const Sums& sums, std::int64_t total) {
    return PreferenceTableLine{.dataset = name,
                               .percent = mean(100.0 * static_cast<double>(sums.count), total),
                               .turns = mean(sums.turns, sums.count),
                               .tokens = mean(sums.tokens, sums.count),
                               .prompt_tokens = mean(sums.first, sums.num_prompts),
                               .response_tokens = mean(sums.second, sums.num_responses),
                               .comparisons = sums.count};
  });
}

std::span<const SftTableLine> report_sft_lines() { return kSft; }

std::span<const PreferenceTableLine> report_preference_lines() { return kPreference; }

std::optional<SftTableLine> report_sft_line(std::string_view dataset) { return find_line(kSft, dataset); }
std::optional<PreferenceTableLine> report_preference_line(std::string_view dataset) {
  return find_line(kPreference, dataset);
}

std::string shown_table(std::span<const SftTableLine> lines) {
  std::string text = fmt::format("{:<24}{:>8}{:>8}{:>11}{:>11}{:>11}{:>10}\n", "data set", "%", "turns", "tokens",
                                 "context", "response", "examples");
  for (const auto& line : lines) {
    text += shown(line.dataset, line.percent, line.turns, line.tokens, line.context_tokens, line.response_tokens,
                  line.examples);
    if (const auto paper = report_sft_line(line.dataset)) {
      text += shown("  Llama 3, Table 7", paper->percent, paper->turns, paper->tokens, paper->context_tokens,
                    paper->response_tokens, -1);
    }
  }
  return text;
}

std::string shown_table(std::span<const PreferenceTableLine> lines) {
  std::string text = fmt::format("{:<24}{:>8}{:>8}{:>11}{:>11}{:>11}{:>10}\n", "data set", "%", "turns", "tokens",
                                 "prompt", "response", "compared");
  for (const auto& line : lines) {
    text += shown(line.dataset, line.percent, line.turns, line.tokens, line.prompt_tokens, line.response_tokens,
                  line.comparisons);
    if (const auto paper = report_preference_line(line.dataset)) {
      text += shown("  Llama 3, Table 6", paper->percent, paper->turns, paper->tokens, paper->prompt_tokens,
                    paper->response_tokens, -1);
    }
  }
  return text;
}

nlohmann::ordered_json json_of(std::span<const SftTableLine> lines) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& line : lines) {
    list.push_back({{"dataset", line.dataset},
                    {"percent", line.percent},
                    {"turns", line.turns},
                    {"tokens", line.tokens},
                    {"context_tokens", line.context_tokens},
                    {"response_tokens", line.response_tokens},
                    {"examples", line.examples}});
  }
  return list;
}

nlohmann::ordered_json json_of(std::span<const PreferenceTableLine> lines) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& line : lines) {
    list.push_back({{"dataset", line.dataset},
                    {"percent", line.percent},
                    {"turns", line.turns},
                    {"tokens", line.tokens},
                    {"prompt_tokens", line.prompt_tokens},
                    {"response_tokens", line.response_tokens},
                    {"comparisons", line.comparisons}});
  }
  return list;
}

}  // namespace drover::curate
