// The kernels of training for AVX2; src/CMakeLists.txt says how this file is compiled.
#include "model/packed/training_kernels.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#define DROVER_KERNELS_NAME "AVX2"
#include "model/packed/training_kernels_body.h"

namespace drover::model {
template <>
const TrainingKernels<BFloat16>* training_kernels_avx2<BFloat16>() {
  return base::simd::is_supported() ? &kTrainingKernels<BFloat16> : nullptr;
}
template <>
const TrainingKernels<float>* training_kernels_avx2<float>() {
  return base::simd::is_supported() ? &kTrainingKernels<float> : nullptr;
}

}  // namespace drover::model
#else
namespace drover::model {

template <>
const TrainingKernels<BFloat16>* training_kernels_avx2<BFloat16>() {
  return nullptr;
}
template <>
const TrainingKernels<float>* training_kernels_avx2<float>() {
  return nullptr;
}

}  // namespace drover::model
#endif
