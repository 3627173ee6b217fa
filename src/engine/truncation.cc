#include "engine/truncation.h"

#include <algorithm>

namespace drover::engine {
namespace {

bool more_probable(const Candidate& left, const Candidate& right) {
  return left.probability != right.probability ? left.probability > right.probability : left.id < right.id;
}

}  // namespace

double mass_of(const std::vector<Candidate>& candidates) {
  double total = 0.0;
  for (const auto& candidate : candidates) total += candidate.probability;
  return total;
}

// Sorted in doubling pieces, because a few hundred of a hundred thousand tokens usually hold the mass.
void keep_top_mass(std::vector<Candidate>& candidates, double wanted) {
  double mass = 0.0;
  std::size_t sorted = 0;
  for (std::size_t piece = 64; sorted < candidates.size(); piece *= 2) {
    const std::size_t end = std::min(candidates.size(), sorted + piece);
    const auto at = [&](std::size_t index) { return candidates.begin() + static_cast<std::ptrdiff_t>(index); };
    std::partial_sort(at(sorted), at(end), candidates.end(), more_probable);
    for (; sorted < end; ++sorted) {
      mass += candidates[sorted].probability;
      if (mass >= wanted) {
        candidates.resize(sorted + 1);
        return;
      }
    }
  }
}

void keep_top_count(std::vector<Candidate>& candidates, std::int64_t top_k) {
  const auto count = std::min(candidates.size(), static_cast<std::size_t>(top_k));
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), candidates.end(), more_probable);
  candidates.resize(count);
}

void keep_above_share(std::vector<Candidate>& candidates, double min_p) {
  const auto top = std::max_element(candidates.begin(), candidates.end(),
                                    [](const Candidate& a, const Candidate& b) { return a.probability < b.probability; });
  const double least = min_p * top->probability;
  std::erase_if(candidates, [least](const Candidate& candidate) { return candidate.probability < least; });
  std::sort(candidates.begin(), candidates.end(), more_probable);
}

void normalise(std::vector<Candidate>& candidates) {
  const double total = mass_of(candidates);
  for (auto& candidate : candidates) candidate.probability /= total;
}

}  // namespace drover::engine
