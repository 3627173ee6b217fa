#include "preference/agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace drover::preference {
namespace {

// Krippendorff's coincidences: [rating][rating], and how often each rating stands in a pair.
struct Coincidences {
  std::map<int, std::map<int, double>> pairs;
  std::map<int, double> margins;
  double total = 0;
};

Coincidences coincidences_of(const Ratings& ratings) {
  Coincidences found;
  for (const auto& item : ratings) {
    std::vector<int> given;
    for (const auto& rating : item) {
      if (rating) given.push_back(*rating);
    }
    if (given.size() < 2) continue;
    const double weight = 1.0 / static_cast<double>(given.size() - 1);
    for (std::size_t i = 0; i < given.size(); ++i) {
      for (std::size_t j = 0; j < given.size(); ++j) {
        if (i == j) continue;
        found.pairs[given[i]][given[j]] += weight;
        found.margins[given[i]] += weight;
        found.total += weight;
      }
    }
  }
  return found;
}

// How far two ratings lie apart, squared; `low` is the smaller one.
double distance_of(int low, int high, Scale scale, const Coincidences& found) {
  if (low == high) return 0;
  if (scale == Scale::kNominal) return 1;
  double between = 0;
  for (const auto& [rating, count] : found.margins) {
    if (rating >= low && rating <= high) between += count;
  }
  between -= (found.margins.at(low) + found.margins.at(high)) / 2;
  return between * between;
}

/// A pair of replies: the smaller name first.
using PairKey = std::pair<ledger::GenerationId, ledger::GenerationId>;

/// Who said what about which pair: from -4 (the one with the smaller name is significantly better) to 4.
struct SharedPairs {
  std::map<PairKey, std::map<std::string, int>> ratings;

  void add(ledger::GenerationId preferred, ledger::GenerationId other, int level, const std::string& annotator) {
    const bool is_ordered = preferred < other;
    const PairKey key = is_ordered ? PairKey(preferred, other) : PairKey(other, preferred);
    ratings[key].emplace(annotator, is_ordered ? -level : level);
  }
};

SharedPairs shared_pairs(const ledger::Ledger& ledger, std::span<const std::string> stages) {
  SharedPairs shared;
  for (const auto& stage : stages) {
    for (const auto id : ledger.comparisons_of(stage)) {
      const auto comparison = ledger.find(id);
      shared.add(comparison->preferred, comparison->other, static_cast<int>(comparison->level), comparison->annotator);
    }
    for (const auto id : ledger.requests_of(stage)) {
      const auto request = ledger.find(id);
      for (const auto& answer : ledger.answers_to(id)) {
        const bool second_wins = answer.preferred == ledger::ComparisonAnswer::Preferred::kSecond;
        shared.add(second_wins ? request->second : request->first, second_wins ? request->first : request->second,
                   static_cast<int>(answer.level), answer.annotator);
      }
    }
  }
  return shared;
}

std::vector<std::string> annotators_of(const SharedPairs& shared) {
  std::vector<std::string> names;
  for (const auto& [key, by_annotator] : shared.ratings) {
    if (by_annotator.size() < 2) continue;
    for (const auto& [name, rating] : by_annotator) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

int sign_of(int level) { return level < 0 ? -1 : level > 0 ? 1 : 0; }

Agreement agreement_of(const SharedPairs& shared, std::vector<std::string> names) {
  Ratings levels;
  Ratings sides;
  for (const auto& [key, by_annotator] : shared.ratings) {
    std::vector<std::optional<int>> row;
    std::vector<std::optional<int>> signs;
    std::int64_t num_given = 0;
    for (const auto& name : names) {
      const auto found = by_annotator.find(name);
      const bool is_given = found != by_annotator.end();
      row.push_back(is_given ? std::optional(found->second) : std::nullopt);
      signs.push_back(is_given ? std::optional(sign_of(found->second)) : std::nullopt);
      num_given += is_given ? 1 : 0;
    }
    if (num_given < 2) continue;
    levels.push_back(std::move(row));
    sides.push_back(std::move(signs));
  }
  Agreement agreement{.annotators = std::move(names),
                      .pairs = static_cast<std::int64_t>(levels.size()),
                      .raw = raw_agreement(sides),
                      .kappa = {},
                      .alpha_nominal = krippendorffs_alpha(sides, Scale::kNominal),
                      .alpha_ordinal = krippendorffs_alpha(levels, Scale::kOrdinal)};
  if (agreement.annotators.size() == 2) agreement.kappa = cohens_kappa(sides);
  return agreement;
}

std::string shown_value(const std::optional<double>& value) { return value ? fmt::format("{:.3f}", *value) : "-"; }

chat::Json value_json(const std::optional<double>& value) { return value ? chat::Json(*value) : chat::Json(nullptr); }

}  // namespace

std::optional<double> raw_agreement(const Ratings& ratings) {
  double equal = 0;
  double all = 0;
  for (const auto& item : ratings) {
    for (std::size_t i = 0; i < item.size(); ++i) {
      for (std::size_t j = i + 1; j < item.size(); ++j) {
        if (!item[i] || !item[j]) continue;
        equal += *item[i] == *item[j] ? 1 : 0;
        ++all;
      }
    }
  }
  return all == 0 ? std::nullopt : std::optional(equal / all);
}

std::optional<double> cohens_kappa(const Ratings& ratings) {
  std::map<int, double> first;
  std::map<int, double> second;
  double equal = 0;
  double all = 0;
  for (const auto& item : ratings) {
    DROVER_CHECK_EQ(item.size(), std::size_t{2}, "Cohen's kappa is of two annotators");
    if (!item[0] || !item[1]) continue;
    ++first[*item[0]];
    ++second[*item[1]];
    equal += *item[0] == *item[1] ? 1 : 0;
    ++all;
  }
  if (all == 0) return std::nullopt;
  double by_chance = 0;
  for (const auto& [rating, count] : first) {
    if (const auto found = second.find(rating); found != second.end()) by_chance += count * found->second / (all * all);
  }
  if (by_chance >= 1) return std::nullopt;
  return (equal / all - by_chance) / (1 - by_chance);
}

std::optional<double> krippendorffs_alpha(const Ratings& ratings, Scale scale) {
  const auto found = coincidences_of(ratings);
  double observed = 0;
  double expected = 0;
  for (const auto& [low, low_count] : found.margins) {
    for (const auto& [high, high_count] : found.margins) {
      if (low >= high) continue;
      const double distance = distance_of(low, high, scale, found);
      const auto& row = found.pairs.at(low);
      if (const auto pair = row.find(high); pair != row.end()) observed += pair->second * distance;
      expected += low_count * high_count * distance;
    }
  }
  if (expected == 0) return std::nullopt;
  return 1 - (found.total - 1) * observed / expected;
}

std::string Agreement::describe() const {
  return fmt::format("{}: {} pairs, agreement {}, kappa {}, alpha {} (nominal), {} (ordinal, levels)\n",
                     fmt::join(annotators, ", "), pairs, shown_value(raw), shown_value(kappa), shown_value(alpha_nominal),
                     shown_value(alpha_ordinal));
}

chat::Json Agreement::to_json() const {
  return {{"annotators", annotators},
          {"pairs", pairs},
          {"agreement", value_json(raw)},
          {"kappa", value_json(kappa)},
          {"alpha_nominal", value_json(alpha_nominal)},
          {"alpha_ordinal", value_json(alpha_ordinal)}};
}

Agreement measure_agreement(const ledger::Ledger& ledger, std::span<const std::string> stages) {
  const auto shared = shared_pairs(ledger, stages);
  return agreement_of(shared, annotators_of(shared));
}

std::vector<Agreement> measure_agreement_by_two(const ledger::Ledger& ledger, std::span<const std::string> stages) {
  const auto shared = shared_pairs(ledger, stages);
  const auto names = annotators_of(shared);
  std::vector<Agreement> all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = i + 1; j < names.size(); ++j) {
      auto agreement = agreement_of(shared, {names[i], names[j]});
      if (agreement.pairs > 0) all.push_back(std::move(agreement));
    }
  }
  return all;
}

}  // namespace drover::preference
