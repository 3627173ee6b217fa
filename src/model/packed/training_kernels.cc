#include "model/packed/training_kernels.h"

namespace drover::model {
namespace {

template <typename Element>
const TrainingKernels<Element>& best() {
  if (const auto* found = training_kernels_avx512<Element>()) return *found;
  if (const auto* found = training_kernels_avx2<Element>()) return *found;
  return *training_kernels_portable<Element>();
}

}  // namespace

template <>
const TrainingKernels<BFloat16>& training_kernels<BFloat16>() {
  static const TrainingKernels<BFloat16>& chosen = best<BFloat16>();
  return chosen;
}

template <>
const TrainingKernels<float>& training_kernels<float>() {
  static const TrainingKernels<float>& chosen = best<float>();
  return chosen;
}

}  // namespace drover::model
