#include "cluster/libtorch_facts.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/headeronly/version.h>

namespace drover::cluster {

LibtorchFacts libtorch_facts() {
  LibtorchFacts facts;
  facts.version = TORCH_VERSION;
  facts.has_cuda = at::globalContext().hasCUDA();
  facts.cpu_kernels = at::get_cpu_capability();
  facts.num_threads = at::get_num_threads();
  if (facts.has_cuda) {
    const auto count = at::detail::getCUDAHooks().deviceCount();
    for (int i = 0; i < count; ++i) facts.accelerators.push_back("cuda:" + std::to_string(i));
  }
  return facts;
}

}  // namespace drover::cluster
