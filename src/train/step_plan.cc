#include "train/step_plan.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random_stream.h"

namespace drover::train {
namespace {

/// The plan is kept in memory.
constexpr std::int64_t kMaxPlannedRows = 100'000'000;

[[noreturn]] void refuse_length() {
  throw base::UserError("The steps would take rows more than {} times in all. Lower steps, epochs or the size of a step.", kMaxPlannedRows);
}

/// The rows in the order they are learned in, pass after pass.
class RowOrder {
 public:
  RowOrder(std::size_t num_rows, std::uint64_t seed) : seed_(seed), order_(num_rows) {}

  std::int64_t next() {
    if (place_ == 0) begin_pass();
    const auto row = order_[place_];
    place_ = (place_ + 1) % order_.size();
    return row;
  }

 private:
  void begin_pass() {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    base::RandomStream(seed_, "order of rows", pass_++).shuffle(std::span(order_));
  }

  std::uint64_t seed_;
  std::uint64_t pass_ = 0;
  std::size_t place_ = 0;
  std::vector<std::int64_t> order_;
};

}  // namespace

std::vector<std::vector<std::int64_t>> plan_steps(std::span<const std::int64_t> sizes, const TrainOptions& options) {
  DROVER_CHECK(!sizes.empty(), "There are no rows to plan with");
  const bool counts_steps = options.steps > 0;
  const auto all = std::ceil(options.epochs * static_cast<double>(sizes.size()));
  const auto least_rows = options.tokens_per_step > 0 ? 1 : options.rows_per_step;  // of a step
  if (counts_steps ? options.steps > kMaxPlannedRows / least_rows : all > kMaxPlannedRows) refuse_length();
  std::int64_t rows_left = counts_steps ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(all);

  RowOrder order(sizes.size(), options.seed);
  std::int64_t planned = 0;
  std::vector<std::vector<std::int64_t>> plan;
  while (counts_steps ? static_cast<std::int64_t>(plan.size()) < options.steps : rows_left > 0) {
    auto& step = plan.emplace_back();
    std::int64_t tokens = 0;
    const auto is_full = [&] {
      return options.tokens_per_step > 0 ? tokens >= options.tokens_per_step
                                         : static_cast<std::int64_t>(step.size()) >= options.rows_per_step;
    };
    while (rows_left > 0 && !is_full()) {
      step.push_back(order.next());
      if (++planned > kMaxPlannedRows) refuse_length();
      tokens += sizes[static_cast<std::size_t>(step.back())];
      --rows_left;
    }
  }
  return plan;
}

}  // namespace drover::train
