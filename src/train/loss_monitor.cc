#include "train/loss_monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace drover::train {
namespace {

constexpr std::size_t kWindow = 64, kLeast = 8, kMean = 16;
constexpr double kEqualSteps = 20, kZeroSteps = 10, kTrendSteps = 256;
constexpr double kNoLoss = 1e-6;  // what is learned to the end has small gradients rightly

constexpr double kEndOfLosses = std::numeric_limits<double>::infinity();  // in a state; no loss is infinite

std::optional<double> z_score_among(const std::deque<double>& values, double value) {
  if (values.size() < kLeast) return std::nullopt;
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0.0;
  for (const double earlier : values) squares += (earlier - mean) * (earlier - mean);
  const double deviation = std::sqrt(squares / (count - 1.0));
  if (!(deviation > 0.0)) return std::nullopt;
  return (value - mean) / deviation;
}

}  // namespace

std::optional<double> LossMonitor::z_score(double loss) const { return z_score_among(losses_, loss); }

std::optional<double> LossMonitor::z_score_of_norm(double grad_norm) const { return z_score_among(norms_, grad_norm); }

double LossMonitor::recent_mean() const {
  return std::accumulate(losses_.end() - static_cast<std::ptrdiff_t>(kMean), losses_.end(), 0.0) / static_cast<double>(kMean);
}

void LossMonitor::add(double loss, double grad_norm) {
  num_equal_ = !losses_.empty() && losses_.back() == loss ? num_equal_ + 1 : 1;
  num_zero_ = grad_norm < 1e-12 ? num_zero_ + 1 : 0;
  num_seen_ += 1;
  if (num_seen_ <= static_cast<double>(kWindow)) {
    first_sum_ += loss;
    first_squares_ += loss * loss;
  }
  losses_.push_back(loss);
  if (losses_.size() > kWindow) losses_.pop_front();
  norms_.push_back(grad_norm);
  if (norms_.size() > kWindow) norms_.pop_front();
  if (losses_.size() < kMean) return;
  const double mean = recent_mean();
  lowest_mean_ = num_seen_ == static_cast<double>(kMean) ? mean : std::min(lowest_mean_, mean);
}

std::optional<std::string> LossMonitor::reason_to_stop() const {
  if (losses_.empty() || std::abs(losses_.back()) <= kNoLoss) return std::nullopt;
  if (num_equal_ >= kEqualSteps) return fmt::format("the loss does not move: it was {} in each of the last {} steps", losses_.back(), num_equal_);
  if (num_zero_ >= kZeroSteps) return fmt::format("the loss does not move: the gradient was zero in each of the last {} steps", num_zero_);
  if (losses_.size() < kMean) return std::nullopt;
  const double mean = recent_mean();
  if (mean > 4.0 * lowest_mean_ && mean > lowest_mean_ + 2.0) {
    return fmt::format("the loss explodes: {} steps have a mean of {:.4g}, and it was {:.4g} before", kMean, mean, lowest_mean_);
  }
  return std::nullopt;
}

std::optional<std::string> LossMonitor::reason_to_doubt() const {
  if (num_seen_ != kTrendSteps) return std::nullopt;
  constexpr auto kCount = static_cast<double>(kWindow);
  const auto variance_of = [](double mean, double squares) { return std::max(squares / kCount - mean * mean, 0.0) * kCount / (kCount - 1.0); };
  const double first = first_sum_ / kCount;
  const double last = std::accumulate(losses_.begin(), losses_.end(), 0.0) / kCount;
  if (std::abs(last) <= kNoLoss) return std::nullopt;
  const double squares = std::inner_product(losses_.begin(), losses_.end(), losses_.begin(), 0.0);
  const double error = std::sqrt((variance_of(first, first_squares_) + variance_of(last, squares)) / kCount);
  if (last < first - 2.0 * error) return std::nullopt;
  return fmt::format("the loss does not fall beyond its noise: its mean is {:.4g} over the last {} of {} steps and was {:.4g} over the first", last,
                     kWindow, kTrendSteps, first);
}

std::vector<double> LossMonitor::state() const {
  std::vector<double> state{lowest_mean_, first_sum_, first_squares_, num_seen_, num_equal_, num_zero_};
  state.insert(state.end(), losses_.begin(), losses_.end());
  state.push_back(kEndOfLosses);
  state.insert(state.end(), norms_.begin(), norms_.end());
  return state;
}

void LossMonitor::restore(const std::vector<double>& state) {
  constexpr std::size_t kNumbers = 6;
  if (state.size() < kNumbers || state.size() > kNumbers + 2 * kWindow + 1) return;
  lowest_mean_ = state[0];
  first_sum_ = state[1];
  first_squares_ = state[2];
  num_seen_ = state[3];
  num_equal_ = state[4];
  num_zero_ = state[5];
  const auto end = std::find(state.begin() + kNumbers, state.end(), kEndOfLosses);
  losses_.assign(state.begin() + kNumbers, end);
  norms_.assign(end == state.end() ? end : end + 1, state.end());  // none in states of earlier versions
}

}  // namespace drover::train
