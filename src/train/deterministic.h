#pragma once

namespace drover::train {

/// While it lives, and when `on`, LibTorch takes only operators whose results repeat bit for bit, and one without such a form throws
/// (`is_about_determinism`). The hand-written passes on the CPU always repeat; this is for CUDA, where cuBLAS must be told by an environment
/// variable, which is set for the process unless it is there, before its first product.
class DeterministicAlgorithms {
 public:
  explicit DeterministicAlgorithms(bool on);
  DeterministicAlgorithms(const DeterministicAlgorithms&) = delete;
  DeterministicAlgorithms& operator=(const DeterministicAlgorithms&) = delete;
  ~DeterministicAlgorithms();

 private:
  bool was_on_, warned_only_, filled_;
};

/// Whether LibTorch's exception says that an operator has no deterministic form.
bool is_about_determinism(const char* message);

}  // namespace drover::train
