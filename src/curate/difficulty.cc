#include "curate/difficulty.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "curate/quality.h"
#include "judge/intentions.h"

namespace drover::curate {
namespace {

constexpr double kLeast = 0.01;

/// Fills what is unknown with the median of what is known.
std::vector<double> filled(const std::vector<std::optional<double>>& values) {
  std::vector<double> known;
  for (const auto& value : values) {
    if (value) known.push_back(*value);
  }
  double median = 1.0;
  if (!known.empty()) {
    const auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
    std::nth_element(known.begin(), middle, known.end());
    median = *middle;
  }
  std::vector<double> all;
  for (const auto& value : values) all.push_back(std::max(kLeast, value.value_or(median)));
  return all;
}

std::vector<double> qualities(std::span<const Row> rows) {
  std::map<std::string, std::vector<double>> rewards;
  for (const auto& row : rows) {
    if (row.reward) rewards[row.capability].push_back(*row.reward);
  }
  for (auto& [capability, values] : rewards) std::sort(values.begin(), values.end());
  std::vector<std::optional<double>> found;
  for (const auto& row : rows) {
    std::optional<double> quality;
    if (row.quality) quality = *row.quality / static_cast<double>(most_points(row));
    if (row.reward) {
      const auto& all = rewards[row.capability];
      const auto not_above = std::upper_bound(all.begin(), all.end(), *row.reward) - all.begin();
      quality = std::max(quality.value_or(0.0), static_cast<double>(not_above) / static_cast<double>(all.size()));
    }
    found.push_back(quality);
  }
  return filled(found);
}

std::vector<double> difficulties(std::span<const Row> rows) {
  std::int64_t most = 1;
  for (const auto& row : rows) most = std::max(most, num_intentions(row).value_or(0));
  std::vector<std::optional<double>> found;
  for (const auto& row : rows) {
    std::optional<double> difficulty;
    if (row.difficulty) difficulty = *row.difficulty / static_cast<double>(kMostDifficultyPoints);
    if (const auto count = num_intentions(row)) {
      const double share = static_cast<double>(*count) / static_cast<double>(most);
      difficulty = difficulty ? (*difficulty + share) / 2 : share;
    }
    found.push_back(difficulty);
  }
  return filled(found);
}

}  // namespace

std::optional<std::int64_t> num_intentions(const Row& row) {
  if (!row.intentions) return std::nullopt;
  std::set<std::string> different;
  for (const auto& tag : *row.intentions) different.insert(judge::normalised_tag(tag));
  different.erase("");
  return static_cast<std::int64_t>(different.size());
}

std::vector<double> worth_of(std::span<const Row> rows) {
  auto worth = qualities(rows);
  const auto difficulty = difficulties(rows);
  for (std::size_t i = 0; i < worth.size(); ++i) worth[i] *= difficulty[i];
  return worth;
}

}  // namespace drover::curate
