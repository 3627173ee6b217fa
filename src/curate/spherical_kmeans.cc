#include "curate/spherical_kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random_stream.h"
#include "curate/dot_products.h"

namespace drover::curate {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;
constexpr std::int64_t kRowsPerFirstCentre = 16;  // among which the first centres are chosen

struct Assignment {
  std::vector<std::int32_t> cluster_of;
  std::vector<float> similarity;  // to the own centre
};

RowPanels panels_of(const RowVectors& centres) {
  RowPanels panels(centres.dimension);
  for (std::int64_t i = 0; i < centres.count(); ++i) panels.add(centres.row(i));
  return panels;
}

void assign_some(const RowVectors& vectors, const RowPanels& centres, std::int64_t begin, std::int64_t end,
                 Assignment& assignment) {
  float products[kRowsAtOnce * RowPanels::kWidth];
  for (std::int64_t first = begin; first < end; first += kRowsAtOnce) {
    const std::int64_t count = std::min(kRowsAtOnce, end - first);
    for (std::int64_t i = first; i < first + count; ++i)
      assignment.similarity[static_cast<std::size_t>(i)] = -std::numeric_limits<float>::infinity();
    for (std::int64_t p = 0; p < centres.num_panels(); ++p) {
      dot_products().with_panel(vectors.row(first), count, vectors.dimension, centres.panel(p), products);
      const std::int64_t lanes = std::min(RowPanels::kWidth, centres.num_rows() - p * RowPanels::kWidth);
      for (std::int64_t r = 0; r < count; ++r) {
        auto& best = assignment.similarity[static_cast<std::size_t>(first + r)];
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          if (products[r * RowPanels::kWidth + lane] <= best) continue;
          best = products[r * RowPanels::kWidth + lane];
          assignment.cluster_of[static_cast<std::size_t>(first + r)] =
              static_cast<std::int32_t>(p * RowPanels::kWidth + lane);
        }
      }
    }
  }
}

Assignment assign(const RowVectors& vectors, const RowVectors& centres, base::ThreadPool& pool) {
  const auto panels = panels_of(centres);
  const auto rows = static_cast<std::size_t>(vectors.count());
  Assignment assignment{.cluster_of = std::vector<std::int32_t>(rows, 0), .similarity = std::vector<float>(rows)};
  pool.parallel_for(vectors.count(), 16 * kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    assign_some(vectors, panels, begin, end, assignment);
  });
  return assignment;
}

/// Each centre is summed by one thread in the order of its rows, so that threads do not change it.
void move_centres(const RowVectors& vectors, const std::vector<std::vector<std::int64_t>>& members, RowVectors& centres,
                  base::ThreadPool& pool) {
  pool.parallel_for(centres.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sum(static_cast<std::size_t>(vectors.dimension));
    for (std::int64_t c = begin; c < end; ++c) {
      const auto& rows = members[static_cast<std::size_t>(c)];
      if (rows.empty()) continue;
      std::fill(sum.begin(), sum.end(), 0.0);
      for (const auto row : rows) {
        const float* const numbers = vectors.row(row);
        for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += static_cast<double>(numbers[k]);
      }
      const double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
      if (length < 1e-12) continue;  // rows that cancel out: the centre stays where it is
      for (std::size_t k = 0; k < sum.size(); ++k) centres.row(c)[k] = static_cast<float>(sum[k] / length);
    }
  });
}

std::vector<std::int64_t> sample_of(std::int64_t rows, std::int64_t wanted, std::uint64_t seed) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  base::RandomStream random(seed, "k-means sample");
  random.shuffle(std::span(all));
  all.resize(static_cast<std::size_t>(std::min(rows, wanted)));
  return all;
}

RowVectors rows_at(const RowVectors& vectors, std::span<const std::int64_t> rows) {
  RowVectors some{.dimension = vectors.dimension};
  some.values.reserve(rows.size() * static_cast<std::size_t>(vectors.dimension));
  for (const auto row : rows)
    some.values.insert(some.values.end(), vectors.row(row), vectors.row(row) + vectors.dimension);
  return some;
}

/// Rows of the sample's beginning, each drawn with a chance that grows with its distance to those before it (k-means++,
/// Arthur and Vassilvitskii 2007; the squared distance of unit vectors is 2 - 2 cos).
std::vector<std::int64_t> spread_out(const RowVectors& sample, std::int64_t clusters, std::uint64_t seed) {
  const auto rows = std::min(sample.count(), clusters * kRowsPerFirstCentre);
  RowPanels panels(sample.dimension);
  panels.reserve(rows);
  for (std::int64_t i = 0; i < rows; ++i) panels.add(sample.row(i));
  base::RandomStream random(seed, "k-means centres");
  std::vector<double> distances(static_cast<std::size_t>(rows), 2.0);
  std::vector<std::int64_t> centres;
  float products[RowPanels::kWidth];
  while (static_cast<std::int64_t>(centres.size()) < clusters) {
    double left = random.uniform() * std::accumulate(distances.begin(), distances.end(), 0.0);
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < distances.size(); ++i) {
      if (distances[i] <= 0.0) continue;
      chosen = i;
      left -= distances[i];
      if (left < 0.0) break;
    }
    centres.push_back(static_cast<std::int64_t>(chosen));
    for (std::int64_t p = 0; p < panels.num_panels(); ++p) {
      dot_products().with_panel(sample.row(centres.back()), 1, sample.dimension, panels.panel(p), products);
      for (std::int64_t lane = 0; lane < RowPanels::kWidth && p * RowPanels::kWidth + lane < rows; ++lane) {
        auto& distance = distances[static_cast<std::size_t>(p * RowPanels::kWidth + lane)];
        distance = std::min(distance, std::max(0.0, 1.0 - static_cast<double>(products[lane])));
      }
    }
    distances[chosen] = 0.0;
  }
  return centres;
}

/// Centres without rows begin anew at the rows that are farthest from theirs.
void restart_empty(const RowVectors& sample, const Assignment& assignment,
                   const std::vector<std::vector<std::int64_t>>& members, RowVectors& centres) {
  std::vector<std::int64_t> empty;
  for (std::size_t c = 0; c < members.size(); ++c) {
    if (members[c].empty()) empty.push_back(static_cast<std::int64_t>(c));
  }
  if (empty.empty()) return;
  std::vector<std::int64_t> far(static_cast<std::size_t>(sample.count()));
  std::iota(far.begin(), far.end(), 0);
  const auto closer = [&](std::int64_t a, std::int64_t b) {
    const float sa = assignment.similarity[static_cast<std::size_t>(a)],
                sb = assignment.similarity[static_cast<std::size_t>(b)];
    return sa < sb || (sa == sb && a < b);
  };
  std::partial_sort(far.begin(), far.begin() + static_cast<std::ptrdiff_t>(std::min(empty.size(), far.size())),
                    far.end(), closer);
  for (std::size_t i = 0; i < empty.size() && i < far.size(); ++i)
    std::copy_n(sample.row(far[i]), sample.dimension, centres.row(empty[i]));
}

}  // namespace

std::vector<std::vector<std::int64_t>> Clustering::members() const {
  std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(num_clusters));
  for (std::size_t i = 0; i < cluster_of.size(); ++i)
    rows[static_cast<std::size_t>(cluster_of[i])].push_back(static_cast<std::int64_t>(i));
  return rows;
}

Clustering spherical_kmeans(const RowVectors& vectors, const KMeansOptions& options, base::ThreadPool& pool,
                            const base::OnProgress& on_progress) {
  DROVER_CHECK(options.clusters > 0 && options.iterations >= 0 && options.rows_per_cluster > 0,
               "Options of k-means are out of range");
  const std::int64_t clusters = std::min(options.clusters, vectors.count());
  Clustering clustering{.cluster_of = std::vector<std::int32_t>(static_cast<std::size_t>(vectors.count()), 0),
                        .num_clusters = clusters};
  if (clusters <= 1) return clustering;
  const auto chosen = sample_of(vectors.count(), clusters * options.rows_per_cluster, options.seed);
  const auto sample = rows_at(vectors, chosen);
  auto& centres = clustering.centres;
  centres = rows_at(sample, spread_out(sample, clusters, options.seed));
  std::vector<std::int32_t> before;
  for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
    if (on_progress)
      on_progress({.what = "cluster", .done = iteration, .total = options.iterations, .unit = "iterations"});
    auto assignment = assign(sample, centres, pool);
    if (assignment.cluster_of == before) break;
    before = assignment.cluster_of;
    const auto members = Clustering{.cluster_of = assignment.cluster_of, .num_clusters = clusters}.members();
    move_centres(sample, members, centres, pool);
    restart_empty(sample, assignment, members, centres);
  }
  clustering.cluster_of = assign(vectors, centres, pool).cluster_of;
  return clustering;
}

}  // namespace drover::curate
