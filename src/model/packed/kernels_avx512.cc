// The kernels for AVX-512 with bfloat16; src/CMakeLists.txt says how this file is compiled.
#include "model/packed/kernels.h"

#if defined(__AVX512BF16__)
#define DROVER_KERNELS_NAME "AVX-512 with bfloat16"
#include "model/packed/kernels_body.h"

namespace drover::model {
template <>
const Kernels<BFloat16>* kernels_avx512<BFloat16>() {
  return base::simd::is_supported() ? &kKernels<BFloat16> : nullptr;
}
template <>
const Kernels<float>* kernels_avx512<float>() {
  return base::simd::is_supported() ? &kKernels<float> : nullptr;
}

}  // namespace drover::model
#else
namespace drover::model {

template <>
const Kernels<BFloat16>* kernels_avx512<BFloat16>() {
  return nullptr;
}
template <>
const Kernels<float>* kernels_avx512<float>() {
  return nullptr;
}

}  // namespace drover::model
#endif
