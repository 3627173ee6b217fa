#include "cli/curated_output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "cli/interruption.h"
#include "cli/json_output.h"

namespace drover::cli {
namespace {

constexpr std::size_t kShownPhrases = 5;

/// Writes a whole file line by line, or nothing.
void write_lines(const std::filesystem::path& path,
                 const std::function<void(const std::function<void(const std::string&)>& write)>& lines) {
  if (path == "-") return lines([](const std::string& line) { write_output(line + "\n"); });
  base::AtomicFile file(path);
  errno = 0;
  std::ofstream stream(file.stream_path(), std::ios::binary);
  if (!stream) throw base::SurroundingsError("{} cannot be written: {}.", path.string(), std::strerror(errno));
  lines([&](const std::string& line) {
    throw_if_interrupted();
    stream << line << '\n';
  });
  stream.close();
  if (!stream) throw base::SurroundingsError("{} cannot be written: {}.", path.string(), std::strerror(errno));
  file.commit();
}

nlohmann::ordered_json json_of(const curate::RecordedDecision& recorded, const curate::Curation& curation,
                               const CuratedFacts& facts) {
  const auto& decision = recorded.decision;
  nlohmann::ordered_json object = {{"row", facts.places[decision.index]},
                                   {"step", curation.steps()[recorded.step].name},
                                   {"kept", decision.kept},
                                   {"rule", decision.rule}};
  if (!decision.reason.empty()) object["reason"] = decision.reason;
  if (decision.other) object["other"] = facts.places[*decision.other];
  return object;
}

/// The first decision of each rule of a step.
std::map<std::string, const curate::Decision*> examples_of(const curate::Curation& curation, std::size_t step) {
  std::map<std::string, const curate::Decision*> examples;
  for (const auto& recorded : curation.recorded()) {
    if (recorded.step == step) examples.emplace(recorded.decision.rule, &recorded.decision);
  }
  return examples;
}

std::string shown_step(const curate::Curation& curation, std::size_t index, const CuratedFacts& facts) {
  const auto& step = curation.steps()[index];
  auto text = fmt::format("{}: kept {} of {} rows\n", step.name, step.kept, step.before);
  const auto examples = examples_of(curation, index);
  for (const auto& [rule, count] : step.rules) {
    text += fmt::format("  {:>8}  {}", count, rule);
    if (const auto found = examples.find(rule); found != examples.end()) {
      text += fmt::format(", such as {}", facts.places[found->second->index]);
      if (!found->second->reason.empty()) text += ": " + found->second->reason;
      if (found->second->other) text += fmt::format(" ({})", facts.places[*found->second->other]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace

void write_rows(const std::filesystem::path& path, std::span<const curate::Row> rows,
                std::span<const std::int64_t> copies) {
  write_lines(path, [&](const auto& write) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto line = curate::row_line(rows[i]);
      for (std::int64_t copy = 0; copy < copies[i]; ++copy) write(line);
    }
  });
}

void write_decisions(const std::filesystem::path& path, const curate::Curation& curation, const CuratedFacts& facts) {
  write_lines(path, [&](const auto& write) {
    for (const auto& recorded : curation.recorded())
      write(json_of(recorded, curation, facts).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  });
}

std::string shown(const curate::Curation& curation, const CuratedFacts& facts) {
  std::string text;
  for (std::size_t i = 0; i < curation.steps().size(); ++i) text += shown_step(curation, i, facts);
  if (!facts.phrases.empty()) text += "replies often begin with\n";
  for (std::size_t i = 0; i < facts.phrases.size() && i < kShownPhrases; ++i) {
    const auto& phrase = facts.phrases[i];
    text += fmt::format("  {:>8}  \"{}\"{}, {} kept\n", phrase.found, phrase.phrase,
                        phrase.apologises ? " (apologises)" : "", phrase.kept);
  }
  return text + fmt::format("\nthe rows that are left, in {}\n", facts.unit) + curate::shown_table(facts.table);
}

nlohmann::ordered_json json_of(const curate::Curation& curation, const CuratedFacts& facts) {
  auto steps = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < curation.steps().size(); ++i) {
    const auto& step = curation.steps()[i];
    steps.push_back({{"step", step.name}, {"before", step.before}, {"kept", step.kept}, {"rules", step.rules}});
  }
  auto phrases = nlohmann::ordered_json::array();
  for (const auto& phrase : facts.phrases) {
    phrases.push_back(
        {{"phrase", phrase.phrase}, {"apologises", phrase.apologises}, {"found", phrase.found}, {"kept", phrase.kept}});
  }
  nlohmann::ordered_json object = {{"rows", curation.rows().size()},
                                   {"steps", std::move(steps)},
                                   {"phrases", std::move(phrases)},
                                   {"unit", facts.unit},
                                   {"table", curate::json_of(facts.table)}};
  if (facts.judge) {
    object["judge"] = {{"is_above_chance", facts.judge->standing.is_above_chance()},
                       {"counts", facts.judge->counts()},
                       {"calibrations", facts.judge->standing.to_json()}};
  }
  return object;
}

}  // namespace drover::cli
