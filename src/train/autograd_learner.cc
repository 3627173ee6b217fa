#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "train/adamw.h"
#include "train/learner.h"

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

std::vector<at::Tensor> tensors_of(const model::NamedTensors& named) {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : named) tensors.push_back(tensor.detach());
  return tensors;
}

model::NamedTensors with_names_of(const model::NamedTensors& named, const std::vector<at::Tensor>& tensors) {
  model::NamedTensors result;
  for (std::size_t i = 0; i < named.size(); ++i) result.emplace_back(named[i].first, tensors[i]);
  return result;
}

/// What learns of a decoder, float32.
model::NamedTensors learned_tensors(const model::Decoder& start, const std::optional<model::Adapter>& adapter) {
  return copies(adapter ? model::tensors_of(*adapter) : start.parameters(), at::kFloat);
}

/// The decoder that computes: `leaves` in place of what learns, all else as it is in `start`.
std::unique_ptr<model::Decoder> decoder_over(const model::NamedTensors& leaves, const model::Decoder& start, const std::optional<model::Adapter>& adapter,
                                             at::ScalarType type) {
  if (!adapter) return std::make_unique<model::Decoder>(start.config(), leaves);
  const auto learning = model::with_tensors(*adapter, leaves);
  model::NamedTensors parameters;
  for (const auto& [name, tensor] : start.parameters()) {
    const auto is_same = [&, &own = name](const auto& whole) { return whole.first == own; };
    const auto found = std::find_if(learning.whole.begin(), learning.whole.end(), is_same);
    // A copy unless the type fits already: then the start model stays, over its file where it lies over one.
    parameters.emplace_back(name, found == learning.whole.end() ? tensor.detach().to(type) : found->second);
  }
  return std::make_unique<model::Decoder>(start.config(), std::move(parameters), learning.pairs);
}

/// Gradients of a row arrive on the leaves that compute and are then added up in float32.
class AutogradLearner final : public Learner {
 public:
  AutogradLearner(const model::Decoder& start, model::ComputeType type, const AdamWOptions& adamw, std::optional<model::Adapter> adapter)
      : adapter_(std::move(adapter)), masters_(learned_tensors(start, adapter_)), optimizer_(tensors_of(masters_), adamw) {
    const auto computing = scalar_type_of(type);
    leaves_ = computing == at::kFloat ? masters_ : copies(masters_, computing);
    for (auto& [name, leaf] : leaves_) leaf.set_requires_grad(true);
    working_ = decoder_over(leaves_, start, adapter_, computing);
    for (const auto& [name, master] : masters_) {
      gradients_.push_back(at::zeros(master.sizes(), master.options().requires_grad(false)));
      learned_shapes_.emplace_back(name, master.sizes().vec());
    }
  }

  at::Tensor forward(const model::TokenRow& row) override {
    const at::AutoGradMode with_gradients(true);
    outputs_ = compute(row);
    return outputs_.detach();
  }

  void backward(const at::Tensor& output_gradients) override {
    DROVER_CHECK(outputs_.defined(), "backward follows forward");
    DROVER_CHECK(output_gradients.sizes() == outputs_.sizes(), "Gradients have the shape of what forward gave");
    std::exchange(outputs_, {}).backward(output_gradients);
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      auto& gradient = leaves_[i].second.mutable_grad();
      if (!gradient.defined()) continue;
      gradients_[i].add_(gradient);
      gradient.reset();
    }
  }

  at::Tensor outputs(const model::TokenRow& row) const override {
    const at::NoGradGuard no_grad;
    return compute(row);
  }

  void clear_gradients() override {
    for (auto& gradient : gradients_) gradient.zero_();
  }

  double gradient_norm() const override { return global_norm(gradients_); }

  void update(double learning_rate, double gradient_scale) override {
    optimizer_.step(gradients_, learning_rate, gradient_scale);
    publish();
  }

  std::int64_t num_steps() const override { return optimizer_.num_steps(); }

  const model::DecoderConfig& config() const override { return working_->config(); }
  const model::NamedShapes& learned_shapes() const override { return learned_shapes_; }

  at::Tensor part(Part part, std::size_t index) const override {
    switch (part) {
      case Part::kMaster: return masters_[index].second.detach();
      case Part::kFirstMoment: return optimizer_.first_moments()[index];
      case Part::kSecondMoment: break;
    }
    return optimizer_.second_moments()[index];
  }

  void restore(const State& state) override {
    const at::NoGradGuard no_grad;
    copy(state.masters, tensors_of(masters_));
    copy(state.first_moments, optimizer_.first_moments());
    copy(state.second_moments, optimizer_.second_moments());
    optimizer_.set_num_steps(state.num_steps);
    publish();
  }

  model::NamedTensors gradients() const override { return with_names_of(masters_, gradients_); }

  std::int64_t predicted_peak_bytes(std::int64_t packed_tokens, std::int64_t learned) const override {
    const auto& config = working_->config();
    const std::int64_t size = working_->dtype() == at::kFloat ? 4 : 2;
    std::int64_t parameters = 0, largest = 0;
    for (const auto& [name, master] : masters_) {
      parameters += master.numel();
      largest = std::max(largest, master.numel());
    }
    // Masters, both moments and gradients; a copy that computes unless the masters do; each row's gradients on the leaves.
    std::int64_t weights = parameters * (16 + (size == 4 ? 0 : size) + size);
    if (adapter_) weights += working_->num_parameters() * size;  // frozen
    const std::int64_t heads = config.num_heads * config.head_dim;
    const std::int64_t keys = config.num_kv_heads * config.head_dim;
    // What autograd keeps of a layer: norms and rotations in float32 and in the computing type, the gated MLP's three products.
    const std::int64_t layer = config.hidden_size * (4 * 4 + 4 * size) + (heads + keys) * (3 * 4 + 2 * size) + 2 * keys * size +
                               2 * heads * size + config.intermediate_size * 4 * size;
    const std::int64_t head = learned * config.hidden_size * 2 * size;
    return weights + 2 * 4 * largest + packed_tokens * layer * config.num_layers + head;
  }

  std::optional<model::Adapter> adapter() const override {
    if (!adapter_) return std::nullopt;
    return model::with_tensors(*adapter_, copies(masters_, at::kFloat));
  }

  std::shared_ptr<const model::Decoder> finished() override {
    gradients_.clear();
    optimizer_.free_moments();
    if (adapter_) return model::merged(model::Decoder(working_->config(), copies(working_->parameters(), working_->dtype())), *adapter());
    return std::make_shared<const model::Decoder>(working_->config(), copies(masters_, working_->dtype()));
  }

 private:
  at::Tensor compute(const model::TokenRow& row) const {
    if (working_->config().head.kind == model::HeadKind::kLanguage) return working_->log_probs(row);
    std::vector<std::int64_t> positions;
    for (const auto& entry : row.learned) positions.push_back(entry.position);
    return working_->scores(row, positions);
  }

  static void copy(const model::NamedTensors& from, const std::vector<at::Tensor>& to) {
    DROVER_CHECK_EQ(from.size(), to.size(), "The state is of a learner of the same shape");
    for (std::size_t i = 0; i < to.size(); ++i) {
      DROVER_CHECK(from[i].second.sizes() == to[i].sizes(), "{} has the learner's shape", from[i].first);
      to[i].copy_(from[i].second);
    }
  }

  /// Makes what computes follow the masters, after they changed.
  void publish() {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      auto leaf = leaves_[i].second;
      if (!leaf.is_same(masters_[i].second)) leaf.copy_(masters_[i].second);
    }
  }

  std::optional<model::Adapter> adapter_;  // as it began: what it changes, and how
  model::NamedTensors masters_;
  model::NamedShapes learned_shapes_;
  AdamW optimizer_;
  model::NamedTensors leaves_;  // the masters in the type that computes
  std::unique_ptr<model::Decoder> working_;
  std::vector<at::Tensor> gradients_;
  at::Tensor outputs_;  // of the last forward, until its backward
};

}  // namespace

std::unique_ptr<Learner> make_autograd_learner(const model::Decoder& start, model::ComputeType type, const AdamWOptions& adamw,
                                               std::optional<model::Adapter> adapter) {
  return std::make_unique<AutogradLearner>(start, type, adamw, std::move(adapter));
}

}  // namespace drover::train
