#include "train/adamw.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "base/error.h"

namespace drover::train {

AdamW::AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options) : options_(options), parameters_(std::move(parameters)) {
  options_.validate();
  for (const auto& parameter : parameters_) {
    DROVER_CHECK(parameter.scalar_type() == at::kFloat, "Master weights are float32");
    first_.push_back(at::zeros_like(parameter));
    second_.push_back(at::zeros_like(parameter));
  }
}

void AdamW::step(const std::vector<at::Tensor>& gradients, double learning_rate, double scale) {
  DROVER_CHECK_EQ(gradients.size(), parameters_.size(), "Every parameter has a gradient");
  const at::NoGradGuard no_grad;
  ++num_steps_;
  const auto steps = static_cast<double>(num_steps_);
  const double first_correction = 1.0 - std::pow(options_.beta1, steps);
  const double second_correction = std::sqrt(1.0 - std::pow(options_.beta2, steps));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto parameter = parameters_[i];
    const auto gradient = scale == 1.0 ? gradients[i] : gradients[i] * scale;
    if (options_.weight_decay != 0.0 && parameter.dim() > 1) parameter.mul_(1.0 - learning_rate * options_.weight_decay);
    first_[i].lerp_(gradient, 1.0 - options_.beta1);
    second_[i].mul_(options_.beta2).addcmul_(gradient, gradient, 1.0 - options_.beta2);
    const auto denominator = (second_[i].sqrt() / second_correction).add_(options_.epsilon);
    parameter.addcdiv_(first_[i], denominator, -learning_rate / first_correction);
  }
}

void AdamW::free_moments() {
  first_.clear();
  second_.clear();
}

double global_norm(const std::vector<at::Tensor>& gradients) {
  double squares = 0.0;
  for (const auto& gradient : gradients) {
    const double norm = at::linalg_vector_norm(gradient, 2, at::OptionalIntArrayRef(), false, at::kDouble).item<double>();
    squares += norm * norm;
  }
  return std::sqrt(squares);
}

double clipping_scale(double norm, double clip_norm) { return clip_norm == 0.0 || norm <= clip_norm ? 1.0 : clip_norm / norm; }

}  // namespace drover::train
