#include "model/trained/trained_embedding.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "model/threads.h"
#include "model/trained/element.h"

namespace drover::model {

TrainedEmbedding::TrainedEmbedding(std::string name, const Decoder& start, bool is_rounded) : names_{std::move(name)}, is_rounded_(is_rounded) {
  const at::Tensor& value = start.parameter(names_[0]);
  rows_ = value.size(0);
  given_width_ = value.size(1);
  width_ = whole_panels(given_width_);
  is_touched_.assign(static_cast<std::size_t>(rows_), 0);
  float** numbers[] = {&master_, &gradient_, &first_, &second_};
  for (std::size_t i = 0; i < 4; ++i) *numbers[i] = static_cast<float*>(memory_[i].reserve_zeros(static_cast<std::size_t>(rows_ * width_) * sizeof(float), false));
  write(Kept::kMaster, {{names_[0], value}});
}

void TrainedEmbedding::read_row(std::int64_t token, float* out) const {
  const float* from = master_ + token * width_;
  for (std::int64_t i = 0; i < width_; ++i) out[i] = is_rounded_ ? rounded_to_bfloat16(from[i]) : from[i];
}

void TrainedEmbedding::touch(std::int64_t token) {
  auto& touched = is_touched_[static_cast<std::size_t>(token)];
  constexpr std::uint8_t kEver = 1, kThisStep = 2;
  if ((touched & kThisStep) == 0) has_gradient_.push_back(token);
  touched = kEver | kThisStep;
}

void TrainedEmbedding::clear_gradient() {
  for (const std::int64_t row : has_gradient_) {
    std::memset(gradient_row(row), 0, static_cast<std::size_t>(width_) * sizeof(float));
    is_touched_[static_cast<std::size_t>(row)] = 1;
  }
  has_gradient_.clear();
}

double TrainedEmbedding::gradient_squares() const {
  double squares = 0.0;
  for (std::int64_t row = 0; row < rows_; ++row) {
    if (is_touched_[static_cast<std::size_t>(row)] > 1) squares += training_kernels<float>().sum_of_squares(gradient_ + row * width_, width_);
  }
  return squares;
}

void TrainedEmbedding::update(const AdamWStep& step) {
  parallel_for(rows_, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * width_;
      if (is_touched_[static_cast<std::size_t>(row)] != 0) {
        training_kernels<float>().adamw(step, width_ / kPanelColumns, master_ + at, nullptr, gradient_ + at, first_ + at, second_ + at);
      } else if (step.decay != 1.0F) {
        for (std::int64_t i = at; i < at + width_; ++i) master_[i] *= step.decay;
      }
    }
  });
}

void TrainedEmbedding::free_gradient_and_moments() {
  gradient_ = first_ = second_ = nullptr;
  for (std::size_t i = 1; i < 4; ++i) memory_[i].free();
}

NamedTensors TrainedEmbedding::read(Kept what) const {
  const bool as_it_computes = what == Kept::kWeights && is_rounded_;
  const at::Tensor values = at::empty({rows_, given_width_}, as_it_computes ? at::kBFloat16 : at::kFloat);
  const float* from = what == Kept::kGradient ? gradient_ : what == Kept::kFirstMoment ? first_ : what == Kept::kSecondMoment ? second_ : master_;
  void* to = values.data_ptr();
  parallel_for(rows_, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = 0; i < given_width_; ++i) {
        const float value = from[row * width_ + i];
        if (as_it_computes) {
          static_cast<at::BFloat16*>(to)[row * given_width_ + i] = at::BFloat16(rounded_to_bfloat16(value));
        } else {
          static_cast<float*>(to)[row * given_width_ + i] = value;
        }
      }
    }
  });
  return {{names_[0], values}};
}

void TrainedEmbedding::write(Kept what, const NamedTensors& values) {
  DROVER_CHECK(what != Kept::kGradient && what != Kept::kWeights, "Only masters and moments are restored");
  const auto found = std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == names_[0]; });
  DROVER_CHECK(found != values.end(), "Parameter {} has a value", names_[0]);
  const at::Tensor given = found->second.to(at::kFloat).contiguous();
  float* to = what == Kept::kMaster ? master_ : what == Kept::kFirstMoment ? first_ : second_;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const float* from = given.const_data_ptr<float>() + row * given_width_;
    if (what != Kept::kMaster) {
      const bool is_zero = std::all_of(from, from + given_width_, [](float value) { return value == 0.0F; });
      auto& touched = is_touched_[static_cast<std::size_t>(row)];
      if (is_zero && touched == 0) continue;  // stays a zero that takes no memory
      touched = std::max<std::uint8_t>(touched, 1);
    }
    std::copy_n(from, given_width_, to + row * width_);
  }
}

}  // namespace drover::model
