#include <iterator>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "train/losses.h"
#include "train/objective.h"

namespace drover::train {
namespace {

class RewardObjective final : public Objective {
 public:
  RewardObjective(std::span<const model::TokenRow> rows, const RewardOptions& options) : rows_(rows), options_(options) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].learned.size() < 2) throw base::UserError("Row {} has {} responses; a comparison needs two.", i + 1, rows[i].learned.size());
    }
    DROVER_CHECK(options.facts.empty() || options.facts.size() == rows.size(), "Facts stand for each of the {} rows", rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto responses = std::ssize(rows[i].learned);
      pairs_.push_back({responses, options.facts.empty() ? all_pairs(responses) : clear_pairs(options.facts[i].levels, options.lowest_level)});
      if (pairs_.back().pairs.empty()) throw base::UserError("Row {} has no comparison of level {} or above.", i + 1, chat::name_of(options.lowest_level));
    }
  }

  std::int64_t num_trees() const override { return static_cast<std::int64_t>(rows_.size()); }
  const model::TokenRow& tree(std::int64_t index) const override { return rows_[static_cast<std::size_t>(index)]; }
  void add_to_key(base::FieldHasher& key) const override {
    key.add("reward").add(fmt::format("{}", options_.centring)).add(static_cast<std::int64_t>(options_.head_seed.value_or(0)));
    for (const auto& row : pairs_) {
      key.add(row.responses);
      for (const auto& pair : row.pairs) key.add(pair.better).add(pair.worse);
    }
  }

  void begin_step(std::span<const std::int64_t> trees) override {
    num_rows_ = static_cast<std::int64_t>(trees.size());
    sums_ = {};
    groups_.clear();
  }

  at::Tensor loss(const at::Tensor& outputs, const model::TokenRow&, std::span<const std::int64_t> trees) override {
    std::vector<RowPairs> pairs;
    for (const auto index : trees) pairs.push_back(pairs_[static_cast<std::size_t>(index)]);
    const auto rewards = outputs.select(1, 0);
    measure(rewards.detach().to(at::kCPU).contiguous(), trees);
    return reward_loss(rewards, pairs, num_rows_, options_.centring);
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics{
        {"accuracy", sums_.right / sums_.pairs}, {"margin", sums_.margin / sums_.pairs}, {"reward", sums_.reward / sums_.responses}};
    for (const auto& [name, group] : groups_) metrics["accuracy_" + name] = group.right / group.pairs;
    return metrics;
  }

 private:
  struct Sums {
    double pairs = 0, right = 0, margin = 0, responses = 0, reward = 0;
  };

  struct Group {
    double pairs = 0, right = 0;
  };

  void measure(const at::Tensor& rewards, std::span<const std::int64_t> trees) {
    const float* reward = rewards.const_data_ptr<float>();
    for (const auto index : trees) {
      const auto& row = pairs_[static_cast<std::size_t>(index)];
      for (const auto& pair : row.pairs) {
        const bool is_right = reward[pair.better] > reward[pair.worse];
        sums_.pairs += 1;
        sums_.right += is_right ? 1 : 0;
        sums_.margin += reward[pair.better] - reward[pair.worse];
        if (!options_.facts.empty()) {
          count(options_.facts[static_cast<std::size_t>(index)], static_cast<std::size_t>(pair.better), static_cast<std::size_t>(pair.worse), is_right);
        }
      }
      for (std::int64_t i = 0; i < row.responses; ++i) sums_.reward += reward[i];
      sums_.responses += static_cast<double>(row.responses);
      reward += row.responses;
    }
  }

  /// Counts the pair in the groups that it belongs to.
  void count(const RewardFacts& facts, std::size_t better, std::size_t worse, bool is_right) {
    const auto level = level_between(facts.levels, better, worse);
    const double ratio = static_cast<double>(facts.lengths[better]) / static_cast<double>(facts.lengths[worse]);
    for (const auto name : {chat::name_of(level), std::string_view(ratio > 1.25 ? "longer" : ratio < 0.8 ? "shorter" : "alike")}) {
      auto& group = groups_[std::string(name)];
      group.pairs += 1;
      group.right += is_right ? 1 : 0;
    }
  }

  std::span<const model::TokenRow> rows_;
  const RewardOptions& options_;
  std::vector<RowPairs> pairs_;  // of each row
  std::int64_t num_rows_ = 0;
  Sums sums_;
  std::map<std::string, Group> groups_;  // by level and by length
};

}  // namespace

std::unique_ptr<Objective> make_reward_objective(std::span<const model::TokenRow> rows, const RewardOptions& options) {
  return std::make_unique<RewardObjective>(rows, options);
}

}  // namespace drover::train
