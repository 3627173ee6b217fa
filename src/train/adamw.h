#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "train/train_options.h"

namespace drover::train {

/// Adam with decoupled weight decay and bias correction over float32 parameters, as torch.optim.AdamW computes it. Tensors of one
/// dimension (norms, biases) are not decayed.
class AdamW {
 public:
  /// Updates these tensors in place at each step; moments begin at zero.
  AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options);

  /// One step along `scale` times `gradients`, one of each parameter's shape, in order.
  void step(const std::vector<at::Tensor>& gradients, double learning_rate, double scale = 1.0);

  /// Its whole state, for checkpoints: first and second moments in the parameters' order, and the number of steps.
  const std::vector<at::Tensor>& first_moments() const { return first_; }
  const std::vector<at::Tensor>& second_moments() const { return second_; }
  std::int64_t num_steps() const { return num_steps_; }
  void set_num_steps(std::int64_t steps) { num_steps_ = steps; }
  /// Gives the moments back; there is no step after it.
  void free_moments();

 private:
  AdamWOptions options_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  std::int64_t num_steps_ = 0;
};

/// The Euclidean norm of all gradients together, summed in double.
double global_norm(const std::vector<at::Tensor>& gradients);

/// What gradients of this global norm are scaled with, so that it becomes at most `clip_norm`; 1 when that is 0 (off).
double clipping_scale(double norm, double clip_norm);

}  // namespace drover::train
