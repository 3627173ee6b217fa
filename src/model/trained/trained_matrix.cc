#include "model/trained/trained_matrix.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "model/threads.h"
#include "model/trained/element.h"

namespace drover::model {
namespace {

using at::Tensor;

}  // namespace

template <typename Element>
TrainedMatrix<Element>::TrainedMatrix(std::vector<std::string> names, const Decoder& start, Places rows, Places columns, const Adapter* adapter)
    : names_(std::move(names)), rows_(std::move(rows)), columns_(std::move(columns)), is_frozen_(adapter != nullptr) {
  NamedTensors values;
  for (const auto& name : names_) {
    const Tensor& value = start.parameter(name);
    heights_.push_back(value.size(0));
    source_columns_ = value.size(1);
    values.emplace_back(name, value);
  }
  panels_ = static_cast<std::int64_t>(rows_.size()) / kPanelColumns;
  inputs_ = static_cast<std::int64_t>(columns_.size());
  if (is_frozen_) low_rank_width_ = LowRank<Element>::width_of(names_, *adapter);
  const std::int64_t count = panels_ * kPanelColumns * product_inputs();
  weights_ = memory_[0].of<Element>(count);
  if (!is_frozen_) {
    if constexpr (!std::is_same_v<Element, float>) low_ = memory_[1].of<std::int16_t>(count);
    float** numbers[] = {&gradient_, &first_, &second_};
    for (std::size_t i = 0; i < 3; ++i) *numbers[i] = static_cast<float*>(memory_[2 + i].reserve_zeros(static_cast<std::size_t>(count) * sizeof(float), true));
  }
  write(Kept::kMaster, values);
  if (low_rank_width_ == 0) return;
  low_rank_.emplace(names_, *adapter, rows_, columns_, heights_, source_columns_);
  publish_low_rank();
}

template <typename Element>
void TrainedMatrix<Element>::publish_low_rank() {
  for_each_piece(panels_, [&](std::int64_t p) {
    std::vector<float> numbers(static_cast<std::size_t>(low_rank_width_ * kPanelColumns));
    std::vector<std::int16_t> low(numbers.size());
    low_rank_->read_b(p, numbers.data());
    training_kernels<Element>().split_master(numbers.data(), low_rank_width_ / kUnit<Element>,
                                             weights_ + (p * product_inputs() + inputs_) * kPanelColumns, kUnit<Element> == 2 ? low.data() : nullptr);
  });
}

template <typename Element>
void TrainedMatrix<Element>::update_low_rank(const AdamWStep& step) {
  low_rank_->update(step);
  publish_low_rank();
}

template <typename Element>
void TrainedMatrix<Element>::read_row(std::int64_t row, float* out) const {
  const Element* from = panel(row / kPanelColumns) + row % kPanelColumns * kUnit<Element>;
  for (std::int64_t i = 0; i < inputs_; i += kUnit<Element>, from += kPanelColumns * kUnit<Element>) {
    for (std::int64_t j = 0; j < kUnit<Element>; ++j) out[i + j] = widened(from[j]);
  }
}

template <typename Element>
void TrainedMatrix<Element>::write_low_rank(Kept what, const NamedTensors& values) {
  low_rank_->write(what, values);
  publish_low_rank();
}

template <typename Element>
void TrainedMatrix<Element>::transpose(std::int64_t begin, std::int64_t end, Element* out) const {
  const auto& kernels = training_kernels<Element>();
  for (std::int64_t p = begin; p < end; ++p) {
    const Element* from = p < panels_ ? panel(p) : low_rank_->panel(p - panels_);
    const std::int64_t width = p < panels_ ? product_inputs() : inputs_;
    for (std::int64_t block = 0; block < width / kPanelColumns; ++block) {
      kernels.transpose_block(from, block, out + (block * product_outputs() + p * kPanelColumns) * kPanelColumns);
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
void TrainedMatrix<Element>::free_gradient_and_moments() {
  gradient_ = first_ = second_ = nullptr;
  for (std::size_t i = 2; i < 5; ++i) memory_[i].free();
}

template <typename Element>
void TrainedMatrix<Element>::read_panel(Kept what, std::int64_t p, float* to) const {
  const std::int64_t at = p * product_inputs() * kPanelColumns;
  if (what == Kept::kMaster || what == Kept::kWeights) {
    const bool has_none = what == Kept::kWeights || is_frozen_;
    const std::vector<std::int16_t> nothing(has_none ? static_cast<std::size_t>(inputs_ * kPanelColumns) : 0, 0);
    const std::int16_t* low = has_none ? nothing.data() : low_ == nullptr ? nullptr : low_ + at;
    training_kernels<Element>().join_master(weights_ + at, low, inputs_ / kUnit<Element>, to);
    return;
  }
  const float* from = what == Kept::kGradient ? gradient_ : what == Kept::kFirstMoment ? first_ : second_;
  std::memcpy(to, from + at, static_cast<std::size_t>(inputs_ * kPanelColumns) * sizeof(float));
}

// Panel by panel, so that no second copy of the matrix exists.
template <typename Element>
NamedTensors TrainedMatrix<Element>::read(Kept what) const {
  const bool as_it_computes = what == Kept::kWeights && kUnit<Element> == 2;
  NamedTensors named;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    named.emplace_back(names_[i], at::empty({heights_[i], source_columns_}, as_it_computes ? at::kBFloat16 : at::kFloat));
  }
  parallel_for(panels_, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> panel(static_cast<std::size_t>(inputs_ * kPanelColumns));
    for (std::int64_t p = begin; p < end; ++p) {
      read_panel(what, p, panel.data());
      for (std::int64_t column = 0; column < kPanelColumns; ++column) {
        const std::int64_t place = rows_[static_cast<std::size_t>(p * kPanelColumns + column)];
        if (place < 0) continue;
        const auto [part, row] = part_of(place, heights_);
        void* to = named[part].second.data_ptr();
        for (std::int64_t i = 0; i < inputs_; ++i) {
          if (columns_[static_cast<std::size_t>(i)] < 0) continue;
          const std::int64_t at = row * source_columns_ + columns_[static_cast<std::size_t>(i)];
          const float value = panel[static_cast<std::size_t>(i * kPanelColumns + column)];
          if (as_it_computes) {
            static_cast<at::BFloat16*>(to)[at] = at::BFloat16(value);
          } else {
            static_cast<float*>(to)[at] = value;
          }
        }
      }
    }
  });
  return named;
}

template <typename Element>
void TrainedMatrix<Element>::write(Kept what, const NamedTensors& values) {
  DROVER_CHECK(what != Kept::kGradient && what != Kept::kWeights, "Only masters and moments are restored");
  DROVER_CHECK(what == Kept::kMaster || !is_frozen_, "Frozen weights have no moments");
  std::vector<Tensor> parts;
  for (const auto& name : names_) {
    for (const auto& [given, value] : values) {
      if (given == name) parts.push_back(value.to(at::kFloat).contiguous());
    }
  }
  DROVER_CHECK_EQ(parts.size(), names_.size(), "Every parameter has a value");
  parallel_for(panels_, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> panel(static_cast<std::size_t>(inputs_ * kPanelColumns));
    std::vector<std::int16_t> thrown_away(is_frozen_ ? panel.size() : 0);
    for (std::int64_t p = begin; p < end; ++p) {
      std::fill(panel.begin(), panel.end(), 0.0F);
      for (std::int64_t column = 0; column < kPanelColumns; ++column) {
        const std::int64_t place = rows_[static_cast<std::size_t>(p * kPanelColumns + column)];
        if (place < 0) continue;
        const auto [part, row] = part_of(place, heights_);
        const float* from = parts[part].const_data_ptr<float>() + row * source_columns_;
        for (std::int64_t i = 0; i < inputs_; ++i) {
          const std::int64_t source = columns_[static_cast<std::size_t>(i)];
          if (source >= 0) panel[static_cast<std::size_t>(i * kPanelColumns + column)] = from[source];
        }
      }
      const std::int64_t at = p * product_inputs() * kPanelColumns;
      if (what == Kept::kMaster) {
        auto* low = low_ != nullptr ? low_ + at : is_frozen_ && kUnit<Element> == 2 ? thrown_away.data() : nullptr;
        training_kernels<Element>().split_master(panel.data(), inputs_ / kUnit<Element>, weights_ + at, low);
      } else {
        std::memcpy((what == Kept::kFirstMoment ? first_ : second_) + at, panel.data(), panel.size() * sizeof(float));
      }
    }
  });
}

template class TrainedMatrix<float>;
template class TrainedMatrix<BFloat16>;

}  // namespace drover::model
