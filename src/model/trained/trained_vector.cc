#include "model/trained/trained_vector.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "model/trained/element.h"

namespace drover::model {

TrainedVector::TrainedVector(const std::string& name, const Decoder& start, bool is_rounded) : names_{name}, is_rounded_(is_rounded) {
  const at::Tensor& value = start.parameter(name);
  const std::int64_t rows = value.dim() == 1 ? 1 : value.size(0);
  const std::int64_t given = value.size(-1);
  width_ = whole_panels(given);
  if (width_ != given) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < width_; ++i) places_.push_back(i < given ? row * given + i : -1);
    }
  }
  is_decayed_ = value.dim() > 1;
  allocate(start, rows * width_);
}

TrainedVector::TrainedVector(std::vector<std::string> names, const Decoder& start, bool is_rounded, Places places)
    : names_(std::move(names)), places_(std::move(places)), is_rounded_(is_rounded) {
  width_ = static_cast<std::int64_t>(places_.size());
  DROVER_CHECK(width_ % kPanelColumns == 0, "A vector of {} numbers", width_);
  allocate(start, width_);
}

void TrainedVector::allocate(const Decoder& start, std::int64_t size) {
  NamedTensors values;
  for (const auto& name : names_) {
    shapes_.push_back(start.parameter(name).sizes().vec());
    values.emplace_back(name, start.parameter(name));
  }
  for (auto* numbers : {&master_, &working_, &gradient_, &first_, &second_}) numbers->assign(static_cast<std::size_t>(size), 0.0F);
  write(Kept::kMaster, values);
}

void TrainedVector::publish() {
  for (std::size_t i = 0; i < master_.size(); ++i) working_[i] = is_rounded_ ? rounded_to_bfloat16(master_[i]) : master_[i];
}

void TrainedVector::clear_gradient() { std::fill(gradient_.begin(), gradient_.end(), 0.0F); }

double TrainedVector::gradient_squares() const { return training_kernels<float>().sum_of_squares(gradient_.data(), size()); }

void TrainedVector::update(AdamWStep step) {
  if (!is_decayed_) step.decay = 1.0F;
  training_kernels<float>().adamw(step, size() / kPanelColumns, master_.data(), nullptr, gradient_.data(), first_.data(), second_.data());
  publish();
}

const std::vector<float>& TrainedVector::kept(Kept what) const {
  switch (what) {
    case Kept::kMaster: return master_;
    case Kept::kGradient: return gradient_;
    case Kept::kFirstMoment: return first_;
    case Kept::kSecondMoment: return second_;
    case Kept::kWeights: break;
  }
  return working_;
}

NamedTensors TrainedVector::read(Kept what) const {
  const auto& from = kept(what);
  NamedTensors named;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    named.emplace_back(names_[i], at::empty(shapes_[i], at::kFloat));
    total += named.back().second.numel();
  }
  std::vector<float> source(static_cast<std::size_t>(total));
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::int64_t place = places_.empty() ? static_cast<std::int64_t>(i) : places_[i];
    if (place >= 0) source[static_cast<std::size_t>(place)] = from[i];
  }
  const float* next = source.data();
  for (auto& [name, tensor] : named) {
    std::copy_n(next, tensor.numel(), tensor.mutable_data_ptr<float>());
    next += tensor.numel();
    if (what == Kept::kWeights && is_rounded_) tensor = tensor.to(at::kBFloat16);  // exact
  }
  return named;
}

void TrainedVector::write(Kept what, const NamedTensors& values) {
  std::vector<float> all;
  for (const auto& name : names_) {
    const auto before = all.size();
    for (const auto& [given, value] : values) {
      if (given != name) continue;
      const at::Tensor flat = value.to(at::kFloat).contiguous();
      all.insert(all.end(), flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel());
    }
    DROVER_CHECK(all.size() > before, "Parameter {} has a value", name);
  }
  DROVER_CHECK(what != Kept::kGradient && what != Kept::kWeights, "Only masters and moments are restored");
  auto& to = what == Kept::kMaster ? master_ : what == Kept::kFirstMoment ? first_ : second_;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::int64_t place = places_.empty() ? static_cast<std::int64_t>(i) : places_[i];
    to[i] = place < 0 ? 0.0F : all[static_cast<std::size_t>(place)];
  }
  if (what == Kept::kMaster) publish();
}

}  // namespace drover::model
