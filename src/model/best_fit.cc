#include "model/best_fit.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace drover::model {

std::vector<std::vector<std::int64_t>> best_fit(std::span<const std::int64_t> sizes, std::int64_t room) {
  DROVER_CHECK(room > 0, "A bin has room for {}", room);
  std::vector<std::int64_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  const auto size = [&](std::int64_t thing) { return sizes[static_cast<std::size_t>(thing)]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return size(a) > size(b); });

  std::vector<std::vector<std::int64_t>> bins;
  std::set<std::pair<std::int64_t, std::size_t>> free_space;  // (room left, bin)
  for (const std::int64_t thing : order) {
    const auto fit = free_space.lower_bound({size(thing), 0});
    std::size_t bin = bins.size();
    std::int64_t left = room;
    if (fit != free_space.end()) {
      std::tie(left, bin) = *fit;
      free_space.erase(fit);
    } else {
      bins.emplace_back();
    }
    bins[bin].push_back(thing);
    if (left > size(thing)) free_space.insert({left - size(thing), bin});
  }
  return bins;
}

}  // namespace drover::model
