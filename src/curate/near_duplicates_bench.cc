// Semantic deduplication of ready vectors as wide as MiniLM's; the goal is 100,000 in 10 s on two cores.
#include <benchmark/benchmark.h>

#include "curate/near_duplicates.h"
#include "curate/random_vectors_test.h"

namespace drover::curate {
namespace {

void deduplicate_rows_of_384_numbers(benchmark::State& state) {
  const std::int64_t rows = state.range(0);
  auto vectors = random_vectors(rows, 384, 1000, 1.0, 1);
  for (std::int64_t i = 0; i < rows / 10; ++i) std::copy_n(vectors.row(i), 384, vectors.row(rows - 1 - i));
  const std::vector<double> worth(static_cast<std::size_t>(rows), 1.0);
  base::ThreadPool pool;
  for (auto _ : state) {
    const auto found = find_near_duplicates(vectors, worth, {.threshold = 0.95, .clusters = state.range(1)}, pool);
    const auto dropped = rows - static_cast<std::int64_t>(kept_rows(found.decisions).size());
    if (dropped != rows / 10) state.SkipWithError("not exactly the planted copies were dropped");
    state.counters["clusters"] = static_cast<double>(found.num_clusters);
  }
  state.counters["rows"] = benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(deduplicate_rows_of_384_numbers)
    ->Args({25'000, 0})
    ->Args({50'000, 0})
    ->Args({100'000, 0})
    ->Args({100'000, 1})  // exact: all pairs
    ->Unit(benchmark::kSecond)
    ->UseRealTime()
    ->Iterations(1);

}  // namespace
}  // namespace drover::curate
