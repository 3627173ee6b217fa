// src/CMakeLists.txt says how this file is compiled.
#include "curate/dot_products.h"

#if defined(__AVX512F__)
#define DROVER_DOT_PRODUCTS_NAME "AVX-512"
#define DROVER_DOT_ROWS 16
#include "curate/dot_products_body.h"

namespace drover::curate {

const DotProducts* dot_products_avx512() {
  // All that the compiler was told it may use.
  const bool is_supported = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return is_supported ? &kDotProducts : nullptr;
}

}  // namespace drover::curate
#else
namespace drover::curate {

const DotProducts* dot_products_avx512() { return nullptr; }

}  // namespace drover::curate
#endif
