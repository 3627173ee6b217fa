#include "train/trainable_weights.h"

#include <ATen/core/grad_mode.h>

#include <utility>

namespace drover::train {
namespace {

at::ScalarType scalar_type_of(model::ComputeType type) { return type == model::ComputeType::kBFloat16 ? at::kBFloat16 : at::kFloat; }

model::NamedTensors copies(const model::NamedTensors& tensors, at::ScalarType type) {
  model::NamedTensors copied;
  for (const auto& [name, tensor] : tensors) {
    copied.emplace_back(name, tensor.detach().to(tensor.options().dtype(type), false, /*copy=*/true, at::MemoryFormat::Contiguous));
  }
  return copied;
}

}  // namespace

// Gradients of a row arrive on the leaves that compute and are then added up in float32.
TrainableWeights::TrainableWeights(const model::Decoder& start, model::ComputeType type) : masters_(copies(start.parameters(), at::kFloat)) {
  const auto computing = scalar_type_of(type);
  auto leaves = computing == at::kFloat ? masters_ : copies(masters_, computing);
  for (auto& [name, leaf] : leaves) leaf.set_requires_grad(true);
  working_ = std::make_unique<model::Decoder>(start.config(), std::move(leaves));
  for (const auto& [name, master] : masters_) gradients_.push_back(at::zeros(master.sizes(), master.options().requires_grad(false)));
}

std::vector<at::Tensor> TrainableWeights::master_tensors() const {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : masters_) tensors.push_back(tensor);
  return tensors;
}

void TrainableWeights::backward(const at::Tensor& loss) {
  loss.backward();
  const at::NoGradGuard no_grad;
  const auto& leaves = working_->parameters();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    auto& gradient = leaves[i].second.mutable_grad();
    if (!gradient.defined()) continue;
    gradients_[i].add_(gradient);
    gradient.reset();
  }
}

void TrainableWeights::clear_gradients() {
  for (auto& gradient : gradients_) gradient.zero_();
}

void TrainableWeights::publish() {
  const at::NoGradGuard no_grad;
  const auto& leaves = working_->parameters();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    auto leaf = leaves[i].second;
    if (!leaf.is_same(masters_[i].second)) leaf.copy_(masters_[i].second);
  }
}

std::shared_ptr<const model::Decoder> TrainableWeights::finished() const {
  return std::make_shared<const model::Decoder>(working_->config(), copies(masters_, working_->dtype()));
}

}  // namespace drover::train
