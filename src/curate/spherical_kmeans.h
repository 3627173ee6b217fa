#pragma once

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "curate/row_vectors.h"

namespace drover::curate {

struct KMeansOptions {
  std::int64_t clusters = 1;     ///< > 0; fewer when there are fewer rows
  std::int64_t iterations = 10;  ///< at most; it ends earlier when no row moves
  std::int64_t rows_per_cluster =
      256;  ///< of the sample that centres are learned from; all rows are assigned in the end
  std::uint64_t seed = 1;
};

/// Which cluster each row belongs to.
struct Clustering {
  std::vector<std::int32_t> cluster_of;  ///< [rows]
  std::int64_t num_clusters = 0;
  RowVectors centres = {};  ///< of length 1

  /// The rows of each cluster, ascending.
  std::vector<std::vector<std::int64_t>> members() const;
};

/// k-means by cosine (Dhillon and Modha 2001): centres are normalised sums, a row belongs to the centre with the
/// largest dot product (the first of equal ones). `vectors` have length 1. Centres begin as different rows of the
/// sample; one that loses all its rows begins anew at the row that is farthest from its own. The result depends on
/// vectors and options, not on the number of threads; memory beside the vectors is that of the sample, and a number a
/// row.
Clustering spherical_kmeans(const RowVectors& vectors, const KMeansOptions& options, base::ThreadPool& pool,
                            const base::OnProgress& on_progress = {});

}  // namespace drover::curate
