#pragma once

#include <cstdint>
#include <functional>

namespace drover::model {

/// How many threads LibTorch's CPU kernels and parallel_for use from now on, in this process; 0 leaves its own choice (all cores, or
/// OMP_NUM_THREADS). Small models are faster with one: their kernels are shorter than the threads' meeting.
void use_threads(int count);

/// Runs work(begin, end) over 0 .. count-1, cut into one range for each of LibTorch's own threads, none shorter than `grain` but the
/// last; returns when all are done and rethrows the first exception. From inside other parallel work it runs on the calling thread.
///
/// at::parallel_for is a template that only runs in parallel where the caller is compiled with OpenMP, and then with the compiler's
/// own OpenMP library: a second set of threads that competes with LibTorch's. This one asks the library that LibTorch has loaded.
void parallel_for(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t begin, std::int64_t end)>& work);

/// Runs work(i) for each i < count; threads take the next one when they are done with one, for work of unequal sizes.
void for_each_piece(std::int64_t count, const std::function<void(std::int64_t)>& work);

}  // namespace drover::model
