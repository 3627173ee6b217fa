#pragma once

#include <string>
#include <vector>

namespace drover::cluster {

/// What the LibTorch in this program offers on this machine.
struct LibtorchFacts {
  std::string version;      ///< "2.13.0"
  bool has_cuda = false;    ///< built for CUDA; accelerators may still be missing
  std::string cpu_kernels;  ///< the instruction set that its CPU kernels use here: "AVX512", "AVX2", "DEFAULT"
  int num_threads = 1;      ///< that its CPU kernels use
  std::vector<std::string> accelerators;  ///< "cuda:0", ...: what `--device` takes beside "cpu"
};

LibtorchFacts libtorch_facts();

}  // namespace drover::cluster
