// src/CMakeLists.txt says how this file is compiled.
#include "engine/exponentials.h"

#if defined(__AVX512F__)
#define DROVER_EXPONENTIALS_NAME "AVX-512"
#include "engine/exponentials_body.h"

namespace drover::engine {

const Exponentials* exponentials_avx512() {
  // All that the compiler was told it may use.
  const bool is_supported = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                            __builtin_cpu_supports("avx512dq");
  return is_supported ? &kExponentials : nullptr;
}

}  // namespace drover::engine
#else
namespace drover::engine {

const Exponentials* exponentials_avx512() { return nullptr; }

}  // namespace drover::engine
#endif
