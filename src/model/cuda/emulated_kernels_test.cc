// The kernels' sources once more, compiled for emulated blocks (emulated_block.h): emulated::kernels() for the tests of this program.
#include "model/cuda/attention_backward.cu"
#include "model/cuda/attention_forward.cu"
#include "model/cuda/decode_step.cu"
#include "model/cuda/device_kernels.cu"
