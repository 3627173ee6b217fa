#include "curate/near_duplicates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "curate/dot_products.h"
#include "curate/spherical_kmeans.h"

namespace drover::curate {
namespace {

constexpr std::int64_t kBlock = 64;            // rows that are compared together with what was before
constexpr std::int64_t kLargeCluster = 16384;  // all threads work on it together

/// The first place in the order that a row is too similar to.
struct Hit {
  std::int64_t place = -1;
  float cosine = 0.0F;
};
using Hits = std::array<Hit, kBlock>;

/// Goes through the rows of one cluster in their order.
class ClusterPass {
 public:
  ClusterPass(const RowVectors& vectors, std::span<const std::int64_t> order, const NearDuplicateOptions& options,
              base::ThreadPool* pool)
      : vectors_(vectors),
        order_(order),
        options_(options),
        threshold_(static_cast<float>(options.threshold)),
        pool_(pool),
        earlier_(vectors.dimension) {}

  void run(std::vector<Decision>& decisions) {
    const auto count = static_cast<std::int64_t>(order_.size());
    for (std::int64_t begin = 0; begin < count; begin += kBlock) {
      const auto rows = std::min(kBlock, count - begin);
      gather(begin, rows);
      Hits hits{};
      compare_with_earlier(rows, hits);
      compare_inside(begin, rows, hits);
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto& hit = hits[static_cast<std::size_t>(r)];
        const bool is_kept = hit.place < 0;
        record(begin + r, hit, decisions);
        if (is_kept || options_.against == Against::kAllEarlier) {
          earlier_.add(block_.data() + r * vectors_.dimension);
          places_.push_back(begin + r);
        }
      }
    }
  }

 private:
  void gather(std::int64_t begin, std::int64_t rows) {
    block_.clear();
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* const row = vectors_.row(order_[static_cast<std::size_t>(begin + r)]);
      block_.insert(block_.end(), row, row + vectors_.dimension);
    }
  }

  void compare_with_earlier(std::int64_t rows, Hits& hits) const {
    if (pool_ == nullptr) return compare_with_panels(rows, 0, earlier_.num_panels(), hits);
    std::mutex mutex;
    pool_->parallel_for(earlier_.num_panels(), 128, [&](std::int64_t begin, std::int64_t end) {
      Hits own{};
      compare_with_panels(rows, begin, end, own);
      const std::lock_guard lock(mutex);
      for (std::size_t r = 0; r < own.size(); ++r) {
        if (own[r].place >= 0 && (hits[r].place < 0 || own[r].place < hits[r].place)) hits[r] = own[r];
      }
    });
  }

  /// Ends as soon as each row has a hit.
  void compare_with_panels(std::int64_t rows, std::int64_t begin, std::int64_t end, Hits& hits) const {
    float products[kBlock * RowPanels::kWidth];
    std::int64_t left = rows;
    for (std::int64_t p = begin; p < end && left > 0; ++p) {
      dot_products().with_panel(block_.data(), rows, vectors_.dimension, earlier_.panel(p), products);
      const auto lanes = std::min(RowPanels::kWidth, earlier_.num_rows() - p * RowPanels::kWidth);
      for (std::int64_t r = 0; r < rows; ++r) {
        auto& hit = hits[static_cast<std::size_t>(r)];
        if (hit.place >= 0) continue;
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const float cosine = products[r * RowPanels::kWidth + lane];
          if (cosine < threshold_) continue;
          hit = {.place = places_[static_cast<std::size_t>(p * RowPanels::kWidth + lane)], .cosine = cosine};
          --left;
          break;
        }
      }
    }
  }

  void compare_inside(std::int64_t begin, std::int64_t rows, Hits& hits) {
    RowPanels own(vectors_.dimension);
    for (std::int64_t r = 0; r < rows; ++r) own.add(block_.data() + r * vectors_.dimension);
    std::array<float, kBlock * kBlock> products;  // [panel][row][lane]
    for (std::int64_t p = 0; p < own.num_panels(); ++p) {
      dot_products().with_panel(block_.data(), rows, vectors_.dimension, own.panel(p),
                                products.data() + p * kBlock * RowPanels::kWidth);
    }
    for (std::int64_t r = 1; r < rows; ++r) {
      auto& hit = hits[static_cast<std::size_t>(r)];
      for (std::int64_t s = 0; s < r && hit.place < 0; ++s) {
        if (options_.against == Against::kKept && hits[static_cast<std::size_t>(s)].place >= 0) continue;
        const float cosine = products[static_cast<std::size_t>(
            (s / RowPanels::kWidth * kBlock + r) * RowPanels::kWidth + s % RowPanels::kWidth)];
        if (cosine >= threshold_) hit = {.place = begin + s, .cosine = cosine};
      }
    }
  }

  void record(std::int64_t place, const Hit& hit, std::vector<Decision>& decisions) const {
    const auto row = static_cast<std::size_t>(order_[static_cast<std::size_t>(place)]);
    auto& decision = decisions[row];
    decision = {.index = row, .kept = hit.place < 0, .rule = hit.place < 0 ? "distinct" : "near duplicate"};
    if (hit.place < 0) return;
    decision.other = static_cast<std::size_t>(order_[static_cast<std::size_t>(hit.place)]);
    decision.reason =
        fmt::format("its cosine with a row of more worth is {:.4f}, not below {:g}", hit.cosine, options_.threshold);
  }

  const RowVectors& vectors_;
  std::span<const std::int64_t> order_;
  const NearDuplicateOptions& options_;
  float threshold_;
  base::ThreadPool* pool_;
  RowPanels earlier_;
  std::vector<std::int64_t> places_;  // in the order, of the rows of earlier_
  std::vector<float> block_;
};

}  // namespace

void NearDuplicateOptions::validate() const {
  if (!(threshold > 0 && threshold <= 1))
    throw base::UserError("The threshold of near duplicates is {}; it must be above 0 and at most 1.", threshold);
  if (rows_per_cluster < 1)
    throw base::UserError("Clusters of {} rows are not possible: give 1 or more.", rows_per_cluster);
  if (clusters < 0)
    throw base::UserError("{} clusters are not possible: give 1 or more, or 0 to choose by rows.", clusters);
  if (iterations < 1) throw base::UserError("{} iterations are not possible: give 1 or more.", iterations);
}

NearDuplicates find_near_duplicates(RowVectors vectors, std::span<const double> worth,
                                    const NearDuplicateOptions& options, base::ThreadPool& pool,
                                    const base::OnProgress& on_progress) {
  options.validate();
  const std::int64_t rows = vectors.count();
  DROVER_CHECK(static_cast<std::int64_t>(worth.size()) == rows, "{} worths for {} rows", worth.size(), rows);
  DROVER_CHECK(std::all_of(worth.begin(), worth.end(), [](double one) { return std::isfinite(one); }),
               "A worth is not finite");
  vectors.normalise();
  const auto wanted = options.clusters > 0
                          ? options.clusters
                          : std::max<std::int64_t>(1, (rows + options.rows_per_cluster / 2) / options.rows_per_cluster);
  const auto clustering = spherical_kmeans(
      vectors, {.clusters = wanted, .iterations = options.iterations, .seed = options.seed}, pool, on_progress);
  auto members = clustering.members();
  // Large ones first: the small ones fill the gaps at the end.
  std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  NearDuplicates result{.decisions = std::vector<Decision>(static_cast<std::size_t>(rows)),
                        .num_clusters = clustering.num_clusters};
  std::mutex mutex;
  std::int64_t done = 0;
  const auto pass = [&](std::vector<std::int64_t>& cluster, base::ThreadPool* together) {
    std::stable_sort(cluster.begin(), cluster.end(), [&](std::int64_t a, std::int64_t b) {
      return worth[static_cast<std::size_t>(a)] > worth[static_cast<std::size_t>(b)];
    });
    ClusterPass(vectors, cluster, options, together).run(result.decisions);
    const std::lock_guard lock(mutex);
    done += static_cast<std::int64_t>(cluster.size());
    if (on_progress) on_progress({.what = "near duplicates", .done = done, .total = rows, .unit = "rows"});
  };
  std::size_t next = 0;
  for (; next < members.size() && static_cast<std::int64_t>(members[next].size()) >= kLargeCluster; ++next)
    pass(members[next], &pool);
  pool.parallel_for(static_cast<std::int64_t>(members.size() - next), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) pass(members[next + static_cast<std::size_t>(i)], nullptr);
  });
  return result;
}

}  // namespace drover::curate
