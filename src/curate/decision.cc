#include "curate/decision.h"

namespace drover::curate {

std::vector<std::size_t> kept_rows(std::span<const Decision> decisions) {
  std::vector<std::size_t> kept;
  for (const auto& decision : decisions) {
    if (decision.kept) kept.push_back(decision.index);
  }
  return kept;
}

}  // namespace drover::curate
