#include <cmath>
#include <utility>

#include "base/error.h"
#include "model/trained/trained_decoder.h"
#include "train/learner.h"

namespace drover::train {
namespace {

using model::Kept;

/// The hand-written passes of model/trained, on the CPU.
class PackedLearner final : public Learner {
 public:
  PackedLearner(const model::Decoder& start, const model::TrainedDecoderOptions& options, const AdamWOptions& adamw, std::optional<model::Adapter> adapter)
      : adamw_(adamw), decoder_(model::TrainedDecoder::make(start, options, adapter ? &*adapter : nullptr)), adapter_(std::move(adapter)),
        learned_shapes_(adapter_ ? shapes_of(*adapter_) : model::parameter_shapes(start.config())) {
    adamw_.validate();
  }

  at::Tensor forward(const model::TokenRow& row) override {
    shape_ = decoder_->forward(row);
    return shape_.clone();
  }

  void backward(const at::Tensor& output_gradients) override {
    DROVER_CHECK(output_gradients.sizes() == shape_.sizes(), "Gradients have the shape of what forward gave");
    decoder_->backward(output_gradients);
  }

  at::Tensor outputs(const model::TokenRow& row) const override { return decoder_->outputs(row); }

  void clear_gradients() override { decoder_->clear_gradients(); }
  double gradient_norm() const override { return decoder_->gradient_norm(); }

  void update(double learning_rate, double gradient_scale) override {
    ++num_steps_;
    const auto steps = static_cast<double>(num_steps_);
    decoder_->update({.beta1 = static_cast<float>(adamw_.beta1),
                      .beta2 = static_cast<float>(adamw_.beta2),
                      .epsilon = static_cast<float>(adamw_.epsilon),
                      .decay = static_cast<float>(1.0 - learning_rate * adamw_.weight_decay),
                      .rate = static_cast<float>(learning_rate / (1.0 - std::pow(adamw_.beta1, steps))),
                      .root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(adamw_.beta2, steps))),
                      .gradient_scale = static_cast<float>(gradient_scale)});
  }

  std::int64_t num_steps() const override { return num_steps_; }

  const model::DecoderConfig& config() const override { return decoder_->config(); }
  const model::NamedShapes& learned_shapes() const override { return learned_shapes_; }

  at::Tensor part(Part part, std::size_t index) const override {
    const auto kept = part == Part::kMaster ? Kept::kMaster : part == Part::kFirstMoment ? Kept::kFirstMoment : Kept::kSecondMoment;
    return decoder_->read_one(kept, learned_shapes_[index].first);
  }

  void restore(const State& state) override {
    decoder_->write(Kept::kMaster, state.masters);
    decoder_->write(Kept::kFirstMoment, state.first_moments);
    decoder_->write(Kept::kSecondMoment, state.second_moments);
    num_steps_ = state.num_steps;
  }

  model::NamedTensors gradients() const override { return decoder_->read(Kept::kGradient); }

  std::int64_t predicted_peak_bytes(std::int64_t packed_tokens, std::int64_t learned) const override {
    return decoder_->parameter_bytes() + decoder_->pass_bytes(packed_tokens, learned);
  }

  std::optional<model::Adapter> adapter() const override {
    if (!adapter_) return std::nullopt;
    return model::with_tensors(*adapter_, decoder_->read(Kept::kMaster));
  }

  std::shared_ptr<const model::Decoder> finished() override {
    decoder_->free_all_but_weights();  // the copy comes in their place
    auto plain = std::make_shared<const model::Decoder>(decoder_->config(), decoder_->read(Kept::kWeights));
    return adapter_ ? model::merged(*plain, *adapter()) : plain;
  }

 private:
  AdamWOptions adamw_;
  std::unique_ptr<model::TrainedDecoder> decoder_;
  std::optional<model::Adapter> adapter_;  // as it began: what it changes, and how
  model::NamedShapes learned_shapes_;
  at::Tensor shape_;  // what the last forward gave
  std::int64_t num_steps_ = 0;
};

}  // namespace

std::unique_ptr<Learner> make_packed_learner(const model::Decoder& start, const model::TrainedDecoderOptions& options, const AdamWOptions& adamw,
                                             std::optional<model::Adapter> adapter) {
  return std::make_unique<PackedLearner>(start, options, adamw, std::move(adapter));
}

}  // namespace drover::train
