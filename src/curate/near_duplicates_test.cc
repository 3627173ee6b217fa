#include "curate/near_duplicates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "curate/random_vectors_test.h"
#include "curate/spherical_kmeans.h"

namespace drover::curate {
namespace {

/// Rows at these angles (in degrees) on a circle: their cosines are those of the differences.
RowVectors at_angles(std::initializer_list<double> degrees) {
  RowVectors vectors{.dimension = 2};
  for (const double angle : degrees) {
    vectors.values.push_back(static_cast<float>(3.0 * std::cos(angle * M_PI / 180)));
    vectors.values.push_back(static_cast<float>(3.0 * std::sin(angle * M_PI / 180)));
  }
  return vectors;
}

std::vector<std::size_t> kept(const RowVectors& vectors, std::vector<double> worth, const NearDuplicateOptions& options,
                              int threads = 1) {
  base::ThreadPool pool(threads);
  return kept_rows(find_near_duplicates(vectors, worth, options, pool).decisions);
}

double cosine(const RowVectors& vectors, std::int64_t a, std::int64_t b) {
  double product = 0, aa = 0, bb = 0;
  for (std::int64_t k = 0; k < vectors.dimension; ++k) {
    const double x = vectors.row(a)[k], y = vectors.row(b)[k];
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return product / std::sqrt(aa * bb);
}

/// What the rule says, compared pair by pair in double precision.
std::vector<std::size_t> kept_by_comparing_all(const RowVectors& vectors, const std::vector<double>& worth,
                                               double threshold, Against against) {
  std::vector<std::int64_t> order(worth.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return worth[static_cast<std::size_t>(a)] > worth[static_cast<std::size_t>(b)];
  });
  std::vector<std::int64_t> seen;
  std::vector<std::size_t> result;
  for (const auto row : order) {
    const bool is_new =
        std::none_of(seen.begin(), seen.end(), [&](auto other) { return cosine(vectors, row, other) >= threshold; });
    if (is_new) result.push_back(static_cast<std::size_t>(row));
    if (is_new || against == Against::kAllEarlier) seen.push_back(row);
  }
  std::sort(result.begin(), result.end());
  return result;
}

TEST(NearDuplicates, InAChainTheRulesPart) {
  // A~B and B~C are 20 degrees apart (cosine 0.94), A and C 40 (0.77).
  const auto chain = at_angles({0, 20, 40});
  EXPECT_EQ(kept(chain, {3, 2, 1}, {.threshold = 0.9, .against = Against::kAllEarlier}), (std::vector<std::size_t>{0}));
  EXPECT_EQ(kept(chain, {3, 2, 1}, {.threshold = 0.9, .against = Against::kKept}), (std::vector<std::size_t>{0, 2}));
}

TEST(NearDuplicates, TheWorthierRowStays) {
  EXPECT_EQ(kept(at_angles({0, 1}), {1, 2}, {.threshold = 0.9}), (std::vector<std::size_t>{1}));
  EXPECT_EQ(kept(at_angles({0, 1}), {1, 1}, {.threshold = 0.9}), (std::vector<std::size_t>{0}))
      << "of equal ones the earlier";
}

TEST(NearDuplicates, TheReasonNamesTheRowAndItsCosine) {
  base::ThreadPool pool(1);
  const auto found =
      find_near_duplicates(at_angles({90, 0, 1}), std::vector<double>{1, 2, 3}, {.threshold = 0.9}, pool);
  EXPECT_TRUE(found.decisions[0].kept);
  EXPECT_EQ(found.decisions[0].rule, "distinct");
  EXPECT_EQ(found.decisions[1].rule, "near duplicate");
  EXPECT_EQ(found.decisions[1].reason, "its cosine with a row of more worth is 0.9998, not below 0.9");
  EXPECT_EQ(found.decisions[1].other, 2U);
}

TEST(NearDuplicates, OneClusterEqualsTheComparisonOfAllPairs) {
  for (const Against against : {Against::kAllEarlier, Against::kKept}) {
    for (const std::int64_t count : {1, 63, 64, 65, 500}) {
      const auto vectors = random_vectors(count, 24, 40, 0.35, static_cast<std::uint64_t>(count));
      std::vector<double> worth;
      for (std::int64_t i = 0; i < count; ++i) worth.push_back(static_cast<double>(i * 7919 % 13));
      for (const double threshold : {0.5, 0.85, 0.95}) {
        EXPECT_EQ(kept(vectors, worth, {.threshold = threshold, .against = against}),
                  kept_by_comparing_all(vectors, worth, threshold, against))
            << count << " rows, threshold " << threshold;
      }
    }
  }
}

TEST(NearDuplicates, ThreadsDoNotChangeWhatIsKept) {
  const auto vectors = random_vectors(20000, 8, 300, 0.3, 5);
  const std::vector<double> worth(20000, 1.0);
  for (const Against against : {Against::kAllEarlier, Against::kKept}) {
    // One large cluster, which all threads work on, and many small ones.
    for (const std::int64_t clusters : {1, 30}) {
      const NearDuplicateOptions options{.threshold = 0.99, .against = against, .clusters = clusters};
      EXPECT_EQ(kept(vectors, worth, options, 1), kept(vectors, worth, options, 3));
    }
  }
}

TEST(NearDuplicates, PlantedCopiesAreFoundInClustersToo) {
  auto vectors = random_vectors(3000, 32, 50, 0.5, 9);
  for (std::int64_t i = 0; i < 1000; ++i) {  // the last thousand are the first, all but equal
    for (std::int64_t k = 0; k < 32; ++k) vectors.row(2000 + i)[k] = vectors.row(i)[k] * 1.001F + 0.001F;
  }
  const auto rows = kept(vectors, std::vector<double>(3000, 1.0), {.threshold = 0.9999, .clusters = 20});
  const auto copies = std::count_if(rows.begin(), rows.end(), [](auto row) { return row >= 2000; });
  EXPECT_LE(copies, 10) << "copies lie in one cluster but for rows on its edge";
  EXPECT_EQ(static_cast<std::int64_t>(rows.size()) - copies, 2000);
}

TEST(NearDuplicates, WithoutAVectorARowIsLikeNone) {
  RowVectors vectors{.dimension = 2, .values = {0, 0, 0, 0, 1, 0}};
  EXPECT_EQ(kept(vectors, {1, 1, 1}, {.threshold = 0.5}).size(), 3U);
  vectors.values[0] = std::nanf("");
  EXPECT_THROW(kept(vectors, {1, 1, 1}, {}), base::UserError);
  EXPECT_TRUE(kept({.dimension = 2}, {}, {}).empty()) << "no rows";
  EXPECT_THROW(kept(at_angles({0}), {1}, {.threshold = 0}), base::UserError);
}

TEST(SphericalKMeans, RowsFindTheirTopic) {
  // Five directions far apart: rows of one cluster are rows of one topic.
  RowVectors vectors{.dimension = 5};
  base::RandomStream random(1, "noise");
  for (int i = 0; i < 500; ++i) {
    for (int k = 0; k < 5; ++k)
      vectors.values.push_back((k == i % 5 ? 1.0F : 0.0F) + static_cast<float>(0.02 * random.normal()));
  }
  vectors.normalise();
  base::ThreadPool pool(2);
  const auto clustering = spherical_kmeans(vectors, {.clusters = 5, .iterations = 50}, pool);
  for (const auto& rows : clustering.members()) {
    ASSERT_FALSE(rows.empty());
    for (const auto row : rows) EXPECT_EQ(row % 5, rows.front() % 5);
  }
}

TEST(SphericalKMeans, EveryRowBelongsToItsNearestCentre) {
  auto vectors = random_vectors(1000, 16, 20, 0.6, 4);
  vectors.normalise();
  base::ThreadPool pool(2);
  const auto clustering = spherical_kmeans(vectors, {.clusters = 21, .rows_per_cluster = 10}, pool);
  ASSERT_EQ(clustering.centres.count(), 21);
  for (std::int64_t i = 0; i < 1000; ++i) {
    double own = 0, best = -2;
    for (std::int64_t c = 0; c < 21; ++c) {
      double product = 0;
      for (std::int64_t k = 0; k < 16; ++k)
        product += static_cast<double>(vectors.row(i)[k]) * static_cast<double>(clustering.centres.row(c)[k]);
      best = std::max(best, product);
      if (c == clustering.cluster_of[static_cast<std::size_t>(i)]) own = product;
    }
    EXPECT_NEAR(own, best, 1e-6);
  }
}

TEST(SphericalKMeans, MoreClustersThanRowsAreNotMade) {
  base::ThreadPool pool(1);
  EXPECT_EQ(spherical_kmeans(at_angles({0, 90}), {.clusters = 9}, pool).num_clusters, 2);
}

}  // namespace
}  // namespace drover::curate
