// src/CMakeLists.txt says how this file is compiled.
#include "engine/exponentials.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#define DROVER_EXPONENTIALS_NAME "AVX2"
#include "engine/exponentials_body.h"

namespace drover::engine {

const Exponentials* exponentials_avx2() {
  return base::simd::is_supported() ? &kExponentials : nullptr;
}

}  // namespace drover::engine
#else
namespace drover::engine {

const Exponentials* exponentials_avx2() { return nullptr; }

}  // namespace drover::engine
#endif
