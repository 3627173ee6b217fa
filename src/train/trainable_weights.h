#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "model/decoder.h"
#include "model/model.h"

namespace drover::train {

/// A decoder that can be trained: float32 master weights, the weights that compute (the masters themselves, or a bfloat16 copy), and
/// float32 gradients.
class TrainableWeights {
 public:
  /// Copies the decoder's parameters.
  TrainableWeights(const model::Decoder& start, model::ComputeType type);

  /// What computes; differentiable.
  const model::Decoder& decoder() const { return *working_; }

  const model::NamedTensors& masters() const { return masters_; }
  std::vector<at::Tensor> master_tensors() const;

  /// Runs the backward pass of `loss` and adds to the gradients.
  void backward(const at::Tensor& loss);
  /// One a parameter, in order; the sum since `clear_gradients`. A parameter that no loss reached has zeros.
  const std::vector<at::Tensor>& gradients() const { return gradients_; }
  void clear_gradients();

  /// Makes what computes follow the masters, after they changed.
  void publish();

  /// A copy to keep, in the type that computes.
  std::shared_ptr<const model::Decoder> finished() const;

 private:
  model::NamedTensors masters_;
  std::unique_ptr<model::Decoder> working_;
  std::vector<at::Tensor> gradients_;
};

}  // namespace drover::train
