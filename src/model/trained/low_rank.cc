#include "model/trained/low_rank.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "model/threads.h"
#include "model/trained/element.h"

namespace drover::model {
namespace {

const LowRankPair* pair_of(const Adapter& adapter, const std::string& weight) {
  const auto found = std::find_if(adapter.pairs.begin(), adapter.pairs.end(), [&](const auto& pair) { return pair.weight == weight; });
  return found == adapter.pairs.end() ? nullptr : &*found;
}

}  // namespace

template <typename Element>
std::int64_t LowRank<Element>::width_of(const std::vector<std::string>& weights, const Adapter& adapter) {
  std::int64_t ranks = 0;
  for (const auto& weight : weights) {
    if (const auto* pair = pair_of(adapter, weight)) ranks += pair->a.size(0);
  }
  return whole_panels(ranks);
}

template <typename Element>
LowRank<Element>::LowRank(const std::vector<std::string>& weights, const Adapter& start, Places rows, Places columns, std::vector<std::int64_t> heights,
                          std::int64_t source_columns)
    : rows_(std::move(rows)), columns_(std::move(columns)), heights_(std::move(heights)), source_columns_(source_columns), width_(width_of(weights, start)) {
  Adapter own;
  std::int64_t numbers = 0, ranks = 0;
  parts_.reserve(weights.size());  // others point into it
  for (std::size_t i = 0; i < weights.size(); ++i) {
    of_weight_.push_back(nullptr);
    const auto* pair = pair_of(start, weights[i]);
    if (pair == nullptr) continue;
    const std::int64_t rank = pair->a.size(0);
    parts_.push_back({.weight = i, .first = ranks, .rank = rank, .a = numbers, .b = numbers + pair->a.numel(), .scale = static_cast<float>(pair->scale)});
    of_weight_.back() = &parts_.back();
    ranks += rank;
    numbers += pair->a.numel() + pair->b.numel();
    own.pairs.push_back(*pair);
  }
  const auto tensors = tensors_of(own);
  for (const auto& [name, tensor] : tensors) names_.push_back(name);
  for (auto* all : {&master_, &gradient_, &first_, &second_}) all->assign(static_cast<std::size_t>(whole_panels(numbers)), 0.0F);
  a_ = memory_.of<Element>(width_ * inputs());
  write(Kept::kMaster, tensors);
}

template <typename Element>
const typename LowRank<Element>::Part* LowRank<Element>::part_of_row(std::int64_t row) const {
  for (const auto& part : parts_) {
    if (row >= part.first && row < part.first + part.rank) return &part;
  }
  return nullptr;
}

template <typename Element>
void LowRank<Element>::publish() {
  for_each_piece(width_ / kPanelColumns, [&](std::int64_t p) {
    std::vector<float> numbers(static_cast<std::size_t>(inputs() * kPanelColumns), 0.0F);
    std::vector<std::int16_t> low(numbers.size());
    for (std::int64_t column = 0; column < kPanelColumns; ++column) {
      const std::int64_t row = p * kPanelColumns + column;
      const auto* part = part_of_row(row);
      if (part == nullptr) continue;
      const float* from = master_.data() + part->a + (row - part->first) * source_columns_;
      for (std::int64_t i = 0; i < inputs(); ++i) {
        const std::int64_t source = columns_[static_cast<std::size_t>(i)];
        if (source >= 0) numbers[static_cast<std::size_t>(i * kPanelColumns + column)] = from[source];
      }
    }
    training_kernels<Element>().split_master(numbers.data(), inputs() / kUnit<Element>, a_ + p * inputs() * kPanelColumns,
                                             kUnit<Element> == 2 ? low.data() : nullptr);
  });
}

template <typename Element>
void LowRank<Element>::read_b(std::int64_t panel, float* to) const {
  std::memset(to, 0, static_cast<std::size_t>(width_ * kPanelColumns) * sizeof(float));
  for (std::int64_t column = 0; column < kPanelColumns; ++column) {
    const std::int64_t place = rows_[static_cast<std::size_t>(panel * kPanelColumns + column)];
    if (place < 0) continue;
    const auto [weight, row] = part_of(place, heights_);
    const auto* part = of_weight_[weight];
    if (part == nullptr) continue;
    const float* from = master_.data() + part->b + row * part->rank;
    for (std::int64_t k = 0; k < part->rank; ++k) to[(part->first + k) * kPanelColumns + column] = part->scale * from[k];
  }
}

template <typename Element>
void LowRank<Element>::add_a_gradient(std::int64_t panel, std::int64_t block, const float* tile) {
  for (std::int64_t column = 0; column < kPanelColumns; ++column) {
    const std::int64_t row = panel * kPanelColumns + column;
    const auto* part = part_of_row(row);
    if (part == nullptr) continue;
    float* to = gradient_.data() + part->a + (row - part->first) * source_columns_;
    for (std::int64_t i = 0; i < kPanelColumns; ++i) {
      const std::int64_t source = columns_[static_cast<std::size_t>(block * kPanelColumns + i)];
      if (source >= 0) to[source] += tile[i * kPanelColumns + column];
    }
  }
}

template <typename Element>
void LowRank<Element>::add_b_gradient(std::int64_t panel, std::int64_t block, const float* tile) {
  for (std::int64_t column = 0; column < kPanelColumns; ++column) {
    const std::int64_t place = rows_[static_cast<std::size_t>(panel * kPanelColumns + column)];
    if (place < 0) continue;
    const auto [weight, row] = part_of(place, heights_);
    const auto* part = of_weight_[weight];
    if (part == nullptr) continue;
    float* to = gradient_.data() + part->b + row * part->rank;
    const std::int64_t begin = std::max(part->first, block * kPanelColumns);
    const std::int64_t end = std::min(part->first + part->rank, (block + 1) * kPanelColumns);
    for (std::int64_t k = begin; k < end; ++k) to[k - part->first] += part->scale * tile[(k - block * kPanelColumns) * kPanelColumns + column];
  }
}

template <typename Element>
void LowRank<Element>::clear_gradient() {
  std::fill(gradient_.begin(), gradient_.end(), 0.0F);
}

template <typename Element>
double LowRank<Element>::gradient_squares() const {
  return training_kernels<float>().sum_of_squares(gradient_.data(), std::ssize(gradient_));
}

template <typename Element>
void LowRank<Element>::update(const AdamWStep& step) {
  training_kernels<float>().adamw(step, std::ssize(master_) / kPanelColumns, master_.data(), nullptr, gradient_.data(), first_.data(), second_.data());
  publish();
}

template <typename Element>
std::vector<float>& LowRank<Element>::kept(Kept what) {
  switch (what) {
    case Kept::kGradient: return gradient_;
    case Kept::kFirstMoment: return first_;
    case Kept::kSecondMoment: return second_;
    case Kept::kMaster:
    case Kept::kWeights: break;
  }
  return master_;
}

template <typename Element>
NamedTensors LowRank<Element>::read(Kept what) const {
  const auto& from = const_cast<LowRank&>(*this).kept(what);  // only read
  NamedTensors named;
  for (const auto& part : parts_) {
    const std::int64_t out = heights_[part.weight];
    named.emplace_back(names_[named.size()], at::empty({part.rank, source_columns_}, at::kFloat));
    std::copy_n(from.data() + part.a, part.rank * source_columns_, named.back().second.template mutable_data_ptr<float>());
    named.emplace_back(names_[named.size()], at::empty({out, part.rank}, at::kFloat));
    std::copy_n(from.data() + part.b, out * part.rank, named.back().second.template mutable_data_ptr<float>());
  }
  return named;
}

template <typename Element>
void LowRank<Element>::write(Kept what, const NamedTensors& values) {
  DROVER_CHECK(what != Kept::kGradient && what != Kept::kWeights, "Only masters and moments are restored");
  auto& to = kept(what);
  std::size_t next = 0;
  for (const auto& part : parts_) {
    for (const std::int64_t at : {part.a, part.b}) {
      const auto& name = names_[next++];
      const auto found = std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == name; });
      DROVER_CHECK(found != values.end(), "Parameter {} has a value", name);
      const at::Tensor given = found->second.to(at::kFloat).contiguous();
      DROVER_CHECK_EQ(given.numel(), part.rank * (at == part.a ? source_columns_ : heights_[part.weight]), "{} has its size", name);
      std::copy_n(given.template const_data_ptr<float>(), given.numel(), to.data() + at);
    }
  }
  if (what == Kept::kMaster) publish();
}

template <typename Element>
std::int64_t LowRank<Element>::bytes() const {
  return 4 * std::ssize(master_) * static_cast<std::int64_t>(sizeof(float)) + width_ * inputs() * static_cast<std::int64_t>(sizeof(Element));
}

template class LowRank<float>;
template class LowRank<BFloat16>;

}  // namespace drover::model
