#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/decoder.h"
#include "model/trained/element.h"
#include "model/trained/trained_vector.h"

namespace drover::model {

/// A reward, steps or classes head that learns: `score.weight` [labels, hidden] and, for steps, `score.bias`. In float32, because a
/// bfloat16 product would leave three digits to compare rewards by.
template <typename Element>
class ScoreHead {
 public:
  ScoreHead(const Decoder& start, bool is_rounded) : labels_(start.config().head.num_labels), weight_("score.weight", start, is_rounded) {
    if (start.config().head.kind == HeadKind::kSteps) bias_.emplace("score.bias", start, is_rounded);
  }

  /// `hidden` [count, width], padded, must stay until `backward`. Writes [count, labels].
  void forward(const Element* hidden, std::int64_t count, float* scores) {
    hidden_ = hidden;
    count_ = count;
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t label = 0; label < labels_; ++label) {
        double sum = bias_ ? bias_->values()[label] : 0.0;
        for (std::int64_t j = 0; j < width(); ++j) sum += widened(hidden[i * width() + j]) * weight_.values()[label * width() + j];
        scores[i * labels_ + label] = static_cast<float>(sum);
      }
    }
  }

  /// From the derivatives with respect to each score: `hidden_gradients` [count, width] is written, the head's gradients added to.
  void backward(const float* gradients, float* hidden_gradients) {
    for (std::int64_t i = 0; i < count_; ++i) {
      float* to = hidden_gradients + i * width();
      std::fill_n(to, width(), 0.0F);
      for (std::int64_t label = 0; label < labels_; ++label) {
        const float gradient = gradients[i * labels_ + label];
        const float* weight = weight_.values() + label * width();
        float* weight_gradient = weight_.gradient() + label * width();
        if (bias_) bias_->gradient()[label] += gradient;
        for (std::int64_t j = 0; j < width(); ++j) {
          to[j] += gradient * weight[j];
          weight_gradient[j] += gradient * widened(hidden_[i * width() + j]);
        }
      }
    }
  }

  void for_each_vector(const std::function<void(TrainedVector&)>& visit) {
    visit(weight_);
    if (bias_) visit(*bias_);
  }

 private:
  std::int64_t width() const { return weight_.width(); }

  std::int64_t labels_;
  TrainedVector weight_;
  std::optional<TrainedVector> bias_;
  const Element* hidden_ = nullptr;
  std::int64_t count_ = 0;
};

}  // namespace drover::model
