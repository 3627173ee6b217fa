#include "model/trained/language_head.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "model/threads.h"
#include "model/trained/element.h"
#include "model/trained/thread_scratch.h"

namespace drover::model {
namespace {

constexpr std::int64_t kLogitRows = 128;    // positions whose logits exist at once
constexpr std::int64_t kPanelsOfAPiece = 16;
constexpr std::int64_t kParts = 16;         // of the vocabulary, whose sums are added up in order
constexpr std::int64_t kPanelsOfABlock = 8; // transposed at once
constexpr float kNoLogit = -1e30F;

}  // namespace

template <typename Element>
std::int64_t LanguageHead<Element>::positions_kept() const {
  return std::max<std::int64_t>(1, most_kept_bytes_ / (width() * static_cast<std::int64_t>(sizeof(Element))) / kLogitRows) * kLogitRows;
}

template <typename Element>
std::int64_t LanguageHead<Element>::kept_bytes(std::int64_t count) const {
  const std::int64_t positions = std::min(count, positions_kept());
  return positions * width() * static_cast<std::int64_t>(sizeof(Element)) + std::min(count, kLogitRows) * width() * 4 +
         kParts * positions * matrix_->inputs() * 4;
}

template <typename Element>
void LanguageHead<Element>::forward(const Element* hidden, std::span<const std::int32_t> targets, float* log_probs) {
  hidden_ = hidden;
  targets_.assign(targets.begin(), targets.end());
  log_probs_.resize(targets.size());
  misses_.resize(targets.size());
  const auto count = static_cast<std::int64_t>(targets.size());
  kept_.reserve(static_cast<std::size_t>(std::min(count, positions_kept()) * width()) * sizeof(Element));
  logits_.reserve(static_cast<std::size_t>(std::min(count, kLogitRows) * width()) * sizeof(float));
  for (std::int64_t begin = 0; begin < count; begin += positions_kept()) {
    probabilities(begin, std::min(count, begin + positions_kept()));
  }
  std::copy(log_probs_.begin(), log_probs_.end(), log_probs);
}

// Positions begin .. end-1, which are kept together.
template <typename Element>
void LanguageHead<Element>::probabilities(std::int64_t begin, std::int64_t end) {
  const auto& kernels = training_kernels<Element>();
  const std::int64_t pieces = (matrix_->panels() + kPanelsOfAPiece - 1) / kPanelsOfAPiece;
  auto* kept = kept_.of<Element>(0);
  auto* logits = logits_.of<float>(0);
  for (std::int64_t first = begin; first < end; first += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, end - first);
    for_each_piece(pieces, [&](std::int64_t piece) {
      const std::int64_t panel = piece * kPanelsOfAPiece;
      kernels.multiply({.a = hidden_ + first * matrix_->inputs(), .a_row = matrix_->inputs(), .a_unit = kUnit<Element>, .rows = rows,
                        .b = matrix_->panel(panel), .b_panel = matrix_->inputs() * kPanelColumns, .b_unit = kPanelColumns * kUnit<Element>,
                        .panels = std::min(kPanelsOfAPiece, matrix_->panels() - panel), .units = matrix_->inputs() / kUnit<Element>,
                        .out = logits + panel * kPanelColumns, .out_row = width()});
    });
    for_each_piece(rows, [&](std::int64_t r) {
      float* row = logits + r * width();
      std::fill(row + vocab_size_, row + width(), kNoLogit);
      const float log_sum = kernels.log_sum_exp(row, vocab_size_);
      const auto at = static_cast<std::size_t>(first + r);
      log_probs_[at] = row[targets_[at]] - log_sum;
      misses_[at] = -std::expm1(log_probs_[at]);
      auto* kept_row = kept + (first - begin + r) * width();
      kernels.exponentials(row, log_sum, width(), kept_row);
      kept_row[targets_[at]] = Element{};
    });
  }
  kept_begin_ = begin;
}

// d log_prob = onehot - p: the target's 1 - p, and for the others what p gives, summed over parts of the vocabulary in order.
template <typename Element>
void LanguageHead<Element>::add_hidden_gradients(const float* gradients, std::int64_t begin, std::int64_t end, float* out) {
  const auto& kernels = training_kernels<Element>();
  const std::int64_t rows = end - begin;
  const std::int64_t inputs = matrix_->inputs();
  auto* sums = parts_.of<float>(kParts * rows * inputs);
  const auto* kept = kept_.of<Element>(0);
  for_each_piece(kParts, [&](std::int64_t part) {
    float* sum = sums + part * rows * inputs;
    std::memset(sum, 0, static_cast<std::size_t>(rows * inputs) * sizeof(float));
    ThreadScratch scratch;
    auto* turned = scratch.of<Element>(kPanelsOfABlock * kPanelColumns * inputs);
    const std::int64_t last = (part + 1) * matrix_->panels() / kParts;
    for (std::int64_t panel = part * matrix_->panels() / kParts; panel < last; panel += kPanelsOfABlock) {
      const std::int64_t panels = std::min(kPanelsOfABlock, last - panel);
      for (std::int64_t p = 0; p < panels; ++p) {
        for (std::int64_t block = 0; block < inputs / kPanelColumns; ++block) {
          kernels.transpose_block(matrix_->panel(panel + p), block, turned + (block * panels + p) * kPanelColumns * kPanelColumns);
        }
      }
      kernels.multiply({.a = kept + panel * kPanelColumns, .a_row = width(), .a_unit = kUnit<Element>, .rows = rows, .b = turned,
                        .b_panel = panels * kPanelColumns * kPanelColumns, .b_unit = kPanelColumns * kUnit<Element>,
                        .panels = inputs / kPanelColumns, .units = panels * kPanelColumns / kUnit<Element>, .end = TileEnd::kAdd,
                        .out = sum, .out_row = inputs});
    }
  });
  for_each_piece(rows, [&](std::int64_t r) {
    const std::int64_t at = begin + r;
    float* to = out + at * inputs;
    matrix_->read_row(targets_[static_cast<std::size_t>(at)], to);
    for (std::int64_t i = 0; i < inputs; ++i) to[i] *= misses_[static_cast<std::size_t>(at)];
    for (std::int64_t part = 0; part < kParts; ++part) kernels.add_scaled(sums + (part * rows + r) * inputs, -1.0F, inputs, to);
    for (std::int64_t i = 0; i < inputs; ++i) to[i] *= gradients[at];
  });
}

template <typename Element>
void LanguageHead<Element>::add_weight_gradients(const float* gradients, std::int64_t begin, std::int64_t end) {
  const auto& kernels = training_kernels<Element>();
  const std::int64_t rows = end - begin;
  const std::int64_t units = (rows + kUnit<Element> - 1) / kUnit<Element>;
  const std::int64_t inputs = matrix_->inputs();
  const auto* kept = kept_.of<Element>(0);
  std::vector<float> factors(static_cast<std::size_t>(rows));
  std::vector<std::vector<std::int64_t>> aims(static_cast<std::size_t>(matrix_->panels()));  // positions by the panel of their target
  for (std::int64_t r = 0; r < rows; ++r) {
    factors[static_cast<std::size_t>(r)] = -gradients[begin + r];
    aims[static_cast<std::size_t>(targets_[static_cast<std::size_t>(begin + r)] / kPanelColumns)].push_back(begin + r);
  }
  auto* pairs = pairs_.of<Element>(units * kUnit<Element> * inputs);
  kernels.pair_rows(hidden_ + begin * inputs, inputs, rows, inputs, pairs, units * kPanelColumns * kUnit<Element>,
                    kPanelColumns * kUnit<Element>);
  for_each_piece(matrix_->panels(), [&](std::int64_t panel) {
    ThreadScratch scratch;
    auto* columns = scratch.of<Element>(units * kPanelColumns * kUnit<Element>);
    kernels.scaled_pairs(kept + panel * kPanelColumns, width(), rows, factors.data(), columns);
    float* gradient = matrix_->gradient_panel(panel);
    for (std::int64_t block = 0; block < inputs / kPanelColumns; ++block) {
      kernels.multiply({.a = pairs + block * units * kPanelColumns * kUnit<Element>, .a_row = kUnit<Element>,
                        .a_unit = kPanelColumns * kUnit<Element>, .rows = kPanelColumns, .b = columns,
                        .b_unit = kPanelColumns * kUnit<Element>, .panels = 1, .units = units, .end = TileEnd::kAdd,
                        .out = gradient + block * kPanelColumns * kPanelColumns, .out_row = kPanelColumns});
    }
    for (const std::int64_t at : aims[static_cast<std::size_t>(panel)]) {
      const std::int64_t column = targets_[static_cast<std::size_t>(at)] % kPanelColumns;
      const float factor = gradients[at] * misses_[static_cast<std::size_t>(at)];
      for (std::int64_t i = 0; i < inputs; ++i) gradient[i * kPanelColumns + column] += factor * widened(hidden_[at * inputs + i]);
    }
  });
}

template <typename Element>
void LanguageHead<Element>::backward(const float* gradients, float* hidden_gradients) {
  const auto count = static_cast<std::int64_t>(targets_.size());
  if (count == 0) return;
  // From the last positions on, whose probabilities are still kept.
  for (std::int64_t begin = (count - 1) / positions_kept() * positions_kept(); begin >= 0; begin -= positions_kept()) {
    const std::int64_t end = std::min(count, begin + positions_kept());
    if (kept_begin_ != begin) probabilities(begin, end);
    add_hidden_gradients(gradients, begin, end, hidden_gradients);
    if (!matrix_->is_frozen()) add_weight_gradients(gradients, begin, end);
  }
}

template class LanguageHead<float>;
template class LanguageHead<BFloat16>;

}  // namespace drover::model
