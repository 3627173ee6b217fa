// The kernels of training for any processor; src/CMakeLists.txt says how this file is compiled.
#define DROVER_KERNELS_NAME "portable"
#include "model/packed/training_kernels_body.h"

namespace drover::model {

template <>
const TrainingKernels<BFloat16>* training_kernels_portable<BFloat16>() {
  return &kTrainingKernels<BFloat16>;
}
template <>
const TrainingKernels<float>* training_kernels_portable<float>() {
  return &kTrainingKernels<float>;
}

}  // namespace drover::model
