// src/CMakeLists.txt says how this file is compiled.
#include "curate/dot_products.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#define DROVER_DOT_PRODUCTS_NAME "AVX2"
#define DROVER_DOT_ROWS 6
#include "curate/dot_products_body.h"

namespace drover::curate {

const DotProducts* dot_products_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kDotProducts : nullptr;
}

}  // namespace drover::curate
#else
namespace drover::curate {

const DotProducts* dot_products_avx2() { return nullptr; }

}  // namespace drover::curate
#endif
