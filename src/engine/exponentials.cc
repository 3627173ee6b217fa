#include "engine/exponentials.h"

namespace drover::engine {
namespace {

const Exponentials& best() {
  if (const auto* found = exponentials_avx512()) return *found;
  if (const auto* found = exponentials_avx2()) return *found;
  return *exponentials_portable();
}

}  // namespace

const Exponentials& exponentials() {
  static const Exponentials& chosen = best();
  return chosen;
}

}  // namespace drover::engine
