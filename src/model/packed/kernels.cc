#include "model/packed/kernels.h"

namespace drover::model {
namespace {

template <typename Element>
const Kernels<Element>& best() {
  if (const auto* found = kernels_avx512<Element>()) return *found;
  if (const auto* found = kernels_avx2<Element>()) return *found;
  return *kernels_portable<Element>();
}

}  // namespace

template <>
const Kernels<BFloat16>& kernels<BFloat16>() {
  static const Kernels<BFloat16>& chosen = best<BFloat16>();
  return chosen;
}

template <>
const Kernels<float>& kernels<float>() {
  static const Kernels<float>& chosen = best<float>();
  return chosen;
}

}  // namespace drover::model
