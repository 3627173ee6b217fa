#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "curate/decision.h"
#include "curate/row_vectors.h"

namespace drover::curate {

/// Which rows a row is compared with. In a chain A~B~C where A and C are not alike, all earlier ones leave A, kept ones
/// A and C.
enum class Against {
  kAllEarlier,  ///< every one before it in the order, also those that were dropped (SemDeDup; the Llama 3 report taken
                ///< literally)
  kKept,        ///< those that were kept (Deita)
};

struct NearDuplicateOptions {
  double threshold =
      0.95;  ///< a row goes when its largest cosine is at least this; in (0, 1]. The report (4.2.3) states none
  Against against = Against::kAllEarlier;
  /// Rows are compared inside clusters only, of about this many; 4,096 rows take a tenth of a second. Fewer rows are
  /// one cluster: exact.
  std::int64_t rows_per_cluster = 4096;
  std::int64_t clusters = 0;     ///< their number; 0: by rows_per_cluster
  std::int64_t iterations = 10;  ///< of k-means
  std::uint64_t seed = 1;
  void validate() const;  ///< throws UserError naming the field, its value and its range
};

struct NearDuplicates {
  std::vector<Decision>
      decisions;  ///< of a row that goes, `other` is the first row in the order that it is too similar to
  std::int64_t num_clusters = 0;
};

/// Semantic deduplication (Llama 3 report, 4.2.3): rows are clustered by their vectors; inside a cluster they are taken
/// in the order of `worth` (quality times difficulty; the larger one first, of equal ones the earlier row) and kept
/// only if they are unlike those before. `vectors` may have any length; they are normalised. `worth` has a finite
/// number a row. Memory beside the vectors: a copy of the clusters at hand and a few numbers a row.
NearDuplicates find_near_duplicates(RowVectors vectors, std::span<const double> worth,
                                    const NearDuplicateOptions& options, base::ThreadPool& pool,
                                    const base::OnProgress& on_progress = {});

}  // namespace drover::curate
