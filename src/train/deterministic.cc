#include "train/deterministic.h"

#include <ATen/Context.h>

#include <cstdlib>
#include <string_view>

namespace drover::train {

DeterministicAlgorithms::DeterministicAlgorithms(bool on)
    : was_on_(at::globalContext().deterministicAlgorithms()), warned_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
      filled_(at::globalContext().deterministicFillUninitializedMemory()) {
  if (!on) return;
  if (at::hasCUDA()) ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);  // nothing reads such memory, and filling takes time
}

DeterministicAlgorithms::~DeterministicAlgorithms() {
  at::globalContext().setDeterministicAlgorithms(was_on_, warned_only_);
  at::globalContext().setDeterministicFillUninitializedMemory(filled_);
}

bool is_about_determinism(const char* message) {
  const std::string_view text(message);
  return text.find("deterministic implementation") != std::string_view::npos || text.find("Deterministic behavior was enabled") != std::string_view::npos;
}

}  // namespace drover::train
