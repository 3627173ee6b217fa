#include "train/reward_facts.h"

#include "base/error.h"

namespace drover::train {

RewardFacts reward_facts(const model::TokenRow& tree, const chat::PreferenceRow& preference) {
  RewardFacts facts{.levels = preference.levels, .lengths = {}};
  for (std::size_t segment = 1; segment < tree.segments.size(); ++segment) {
    facts.lengths.push_back(tree.segments[segment].end - tree.segments[segment].begin);
  }
  DROVER_CHECK_EQ(facts.lengths.size(), facts.levels.size() + 1, "Levels stand between responses");
  return facts;
}

std::optional<chat::PreferenceRow> clear_part(const chat::PreferenceRow& preference, chat::PreferenceLevel lowest) {
  std::size_t best_begin = 0, best_length = 0;
  for (std::size_t begin = 0; begin < preference.levels.size(); ++begin) {
    std::size_t length = 0;
    while (begin + length < preference.levels.size() && preference.levels[begin + length] >= lowest) ++length;
    if (length > best_length) {
      best_begin = begin;
      best_length = length;
    }
  }
  if (best_length == 0) return std::nullopt;
  chat::PreferenceRow part;
  part.prompt = preference.prompt;
  const auto from = static_cast<std::ptrdiff_t>(best_begin);
  const auto until = from + static_cast<std::ptrdiff_t>(best_length);
  part.responses.assign(preference.responses.begin() + from, preference.responses.begin() + until + 1);
  part.levels.assign(preference.levels.begin() + from, preference.levels.begin() + until);
  return part;
}

}  // namespace drover::train
