#include <vector>

#include "base/error.h"
#include "train/losses.h"
#include "train/objective.h"

namespace drover::train {
namespace {

class SftObjective final : public Objective {
 public:
  explicit SftObjective(std::span<const model::TokenRow> rows) : rows_(rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (weight_of(rows[i]) <= 0.0) throw base::UserError("Row {} has nothing to learn.", i + 1);
    }
  }

  std::int64_t num_trees() const override { return static_cast<std::int64_t>(rows_.size()); }
  const model::TokenRow& tree(std::int64_t index) const override { return rows_[static_cast<std::size_t>(index)]; }
  void add_to_key(base::FieldHasher& key) const override { key.add("sft"); }

  void begin_step(std::span<const std::int64_t> trees) override {
    total_weight_ = 0.0;
    learned_tokens_ = 0;
    loss_ = 0.0;
    for (const auto index : trees) {
      total_weight_ += weight_of(tree(index));
      learned_tokens_ += tree(index).learned.size();
    }
  }

  at::Tensor loss(const at::Tensor& log_probs, const model::TokenRow& packed, std::span<const std::int64_t>) override {
    std::vector<float> weights;
    for (const auto& entry : packed.learned) weights.push_back(entry.weight);
    auto loss = sft_loss(log_probs, at::tensor(weights, at::kFloat).to(log_probs.device()), total_weight_);
    loss_ += loss.item<double>();
    return loss;
  }

  std::map<std::string, double> metrics() const override {
    return {{"nll", loss_}, {"learned_tokens", static_cast<double>(learned_tokens_)}};
  }

 private:
  static double weight_of(const model::TokenRow& row) {
    double sum = 0.0;
    for (const auto& entry : row.learned) sum += entry.weight;
    return sum;
  }

  std::span<const model::TokenRow> rows_;
  double total_weight_ = 0.0;
  double loss_ = 0.0;
  std::size_t learned_tokens_ = 0;
};

}  // namespace

std::unique_ptr<Objective> make_sft_objective(std::span<const model::TokenRow> rows) { return std::make_unique<SftObjective>(rows); }

}  // namespace drover::train
