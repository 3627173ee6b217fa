// The kernels for any processor; src/CMakeLists.txt says how this file is compiled.
#define DROVER_KERNELS_NAME "portable"
#include "model/packed/kernels_body.h"

namespace drover::model {

template <>
const Kernels<BFloat16>* kernels_portable<BFloat16>() {
  return &kKernels<BFloat16>;
}
template <>
const Kernels<float>* kernels_portable<float>() {
  return &kKernels<float>;
}

}  // namespace drover::model
