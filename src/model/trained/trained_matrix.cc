#include "model/trained/trained_matrix.h"

#include <cstring>
#include <type_traits>

#include "base/error.h"
#include "model/trained/element.h"

namespace drover::model {
namespace {

using at::Tensor;

Tensor index_of(const Places& places, std::int64_t padding) {
  Tensor index = at::empty({static_cast<std::int64_t>(places.size())}, at::kLong);
  auto* to = index.mutable_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < places.size(); ++i) to[i] = places[i] < 0 ? padding : places[i];
  return index;
}

// Where each source row or column went.
Places inverse(const Places& places, std::int64_t count) {
  Places found(static_cast<std::size_t>(count), -1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= 0) found[static_cast<std::size_t>(places[i])] = static_cast<std::int64_t>(i);
  }
  for (const std::int64_t place : found) DROVER_CHECK(place >= 0, "A row or column is laid out nowhere");
  return found;
}

}  // namespace

template <typename Element>
TrainedMatrix<Element>::TrainedMatrix(std::vector<std::string> names, const Decoder& start, Places rows, Places columns)
    : names_(std::move(names)), rows_(std::move(rows)), columns_(std::move(columns)) {
  NamedTensors values;
  for (const auto& name : names_) {
    const Tensor& value = start.parameter(name);
    heights_.push_back(value.size(0));
    source_columns_ = value.size(1);
    values.emplace_back(name, value.to(at::kFloat));
  }
  panels_ = static_cast<std::int64_t>(rows_.size()) / kPanelColumns;
  inputs_ = static_cast<std::int64_t>(columns_.size());
  const std::int64_t count = panels_ * kPanelColumns * inputs_;
  weights_ = memory_[0].of<Element>(count);
  if constexpr (!std::is_same_v<Element, float>) low_ = memory_[1].of<std::int16_t>(count);
  gradient_ = memory_[2].of<float>(count);
  first_ = memory_[3].of<float>(count);
  second_ = memory_[4].of<float>(count);
  std::memset(gradient_, 0, static_cast<std::size_t>(count) * sizeof(float));
  std::memset(first_, 0, static_cast<std::size_t>(count) * sizeof(float));
  std::memset(second_, 0, static_cast<std::size_t>(count) * sizeof(float));
  write(Kept::kMaster, values);
}

template <typename Element>
void TrainedMatrix<Element>::read_row(std::int64_t row, float* out) const {
  const Element* from = panel(row / kPanelColumns) + row % kPanelColumns * kUnit<Element>;
  for (std::int64_t i = 0; i < inputs_; i += kUnit<Element>, from += kPanelColumns * kUnit<Element>) {
    for (std::int64_t j = 0; j < kUnit<Element>; ++j) out[i + j] = widened(from[j]);
  }
}

template <typename Element>
void TrainedMatrix<Element>::transpose(std::int64_t begin, std::int64_t end, Element* out) const {
  const auto& kernels = training_kernels<Element>();
  for (std::int64_t p = begin; p < end; ++p) {
    for (std::int64_t block = 0; block < inputs_ / kPanelColumns; ++block) {
      kernels.transpose_block(panel(p), block, out + (block * outputs() + p * kPanelColumns) * kPanelColumns);
    }
  }
}

template <typename Element>
void TrainedMatrix<Element>::clear_gradient(std::int64_t begin, std::int64_t end) {
  std::memset(gradient_panel(begin), 0, static_cast<std::size_t>((end - begin) * inputs_ * kPanelColumns) * sizeof(float));
}

template <typename Element>
double TrainedMatrix<Element>::gradient_squares(std::int64_t begin, std::int64_t end) const {
  return training_kernels<Element>().sum_of_squares(gradient_ + begin * inputs_ * kPanelColumns, (end - begin) * inputs_ * kPanelColumns);
}

template <typename Element>
void TrainedMatrix<Element>::update(const AdamWStep& step, std::int64_t begin, std::int64_t end) {
  const std::int64_t at = begin * inputs_ * kPanelColumns;
  training_kernels<Element>().adamw(step, (end - begin) * inputs_ / kUnit<Element>, weights_ + at, low_ == nullptr ? nullptr : low_ + at,
                                    gradient_ + at, first_ + at, second_ + at);
}

template <typename Element>
Tensor TrainedMatrix<Element>::laid_out(Kept what) const {
  Tensor values = at::empty({panels_, inputs_, kPanelColumns}, at::kFloat);
  auto* to = values.mutable_data_ptr<float>();
  const std::int64_t count = values.numel();
  if (what == Kept::kMaster) {
    training_kernels<Element>().join_master(weights_, low_, count / kPanelColumns / kUnit<Element>, to);
  } else if (what == Kept::kWeights) {
    const std::vector<std::int16_t> nothing(static_cast<std::size_t>(low_ == nullptr ? 0 : inputs_ * kPanelColumns), 0);
    for (std::int64_t p = 0; p < panels_; ++p) {
      training_kernels<Element>().join_master(panel(p), nothing.data(), inputs_ / kUnit<Element>, to + p * inputs_ * kPanelColumns);
    }
  } else {
    const float* from = what == Kept::kGradient ? gradient_ : what == Kept::kFirstMoment ? first_ : second_;
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  }
  return values;
}

template <typename Element>
NamedTensors TrainedMatrix<Element>::read(Kept what) const {
  std::int64_t total = 0;
  for (const std::int64_t height : heights_) total += height;
  const Tensor rows = laid_out(what).permute({0, 2, 1}).reshape({panels_ * kPanelColumns, inputs_});
  const Tensor source = rows.index_select(0, index_of(inverse(rows_, total), 0)).index_select(1, index_of(inverse(columns_, source_columns_), 0));
  NamedTensors named;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    named.emplace_back(names_[i], source.slice(0, begin, begin + heights_[i]).clone());
    begin += heights_[i];
  }
  return named;
}

template <typename Element>
void TrainedMatrix<Element>::write(Kept what, const NamedTensors& values) {
  std::vector<Tensor> parts;
  for (const auto& name : names_) {
    for (const auto& [given, value] : values) {
      if (given == name) parts.push_back(value.to(at::kFloat));
    }
  }
  DROVER_CHECK_EQ(parts.size(), names_.size(), "Every parameter has a value");
  Tensor source = parts.size() == 1 ? parts.front() : at::cat(parts, 0);
  source = at::constant_pad_nd(source, {0, 1, 0, 1});  // padding is taken from the zeros behind the end
  const Tensor rows = source.index_select(0, index_of(rows_, source.size(0) - 1)).index_select(1, index_of(columns_, source_columns_));
  const Tensor panels = rows.reshape({panels_, kPanelColumns, inputs_}).permute({0, 2, 1}).contiguous();
  const auto* from = panels.const_data_ptr<float>();
  if (what == Kept::kMaster) {
    training_kernels<Element>().split_master(from, panels_ * inputs_ / kUnit<Element>, weights_, low_);
    return;
  }
  DROVER_CHECK(what == Kept::kFirstMoment || what == Kept::kSecondMoment, "Only masters and moments are restored");
  std::memcpy(what == Kept::kFirstMoment ? first_ : second_, from, static_cast<std::size_t>(panels.numel()) * sizeof(float));
}

template class TrainedMatrix<float>;
template class TrainedMatrix<BFloat16>;

}  // namespace drover::model
