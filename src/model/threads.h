#pragma once

namespace drover::model {

/// How many threads LibTorch's CPU kernels use from now on, in this process; 0 leaves its own choice (all cores, or OMP_NUM_THREADS).
/// Small models are faster with one: their kernels are shorter than the threads' meeting.
void use_threads(int count);

}  // namespace drover::model
