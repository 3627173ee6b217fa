#include <vector>

#include "base/error.h"
#include "train/losses.h"
#include "train/objective.h"

namespace drover::train {
namespace {

/// Where one packed row's learned entries count: parallel to `packed.learned`.
struct TermMasks {
  std::vector<float> preference;
  std::vector<float> likelihood;
};

at::Tensor float_tensor(const std::vector<float>& values, const at::Tensor& like) { return at::tensor(values, at::kFloat).to(like.device()); }

/// The sum of `values` over each response of the row: [pairs, 2].
at::Tensor sum_by_response(const at::Tensor& values, const model::TokenRow& row, std::int64_t pairs) {
  std::vector<std::int64_t> responses;
  for (const auto& entry : row.learned) responses.push_back(entry.response);
  const auto index = at::tensor(responses, at::kLong).to(values.device());
  return at::zeros({2 * pairs}, values.options()).index_add(0, index, values).view({pairs, 2});
}

PairValues as_pairs(const at::Tensor& by_response) { return {by_response.select(1, 0), by_response.select(1, 1)}; }

class DpoObjective final : public Objective {
 public:
  DpoObjective(std::span<const DpoRow> rows, const DpoOptions& options) : rows_(rows), options_(options) {
    for (std::size_t i = 0; i < rows.size(); ++i) check(rows[i], i + 1);
  }

  std::int64_t num_trees() const override { return static_cast<std::int64_t>(rows_.size()); }
  const model::TokenRow& tree(std::int64_t index) const override { return row(index).row; }

  void add_to_key(base::FieldHasher& key) const override {
    key.add("dpo").add(fmt::format("{} {} {} {} {} {}", options_.beta, options_.nll_weight, options_.nll_average == NllAverage::kPerToken,
                                   options_.label_smoothing, options_.positive_weight, options_.length_normalised));
    for (const auto& made : rows_) {
      key.add(base::content_hash(std::as_bytes(std::span(made.preference)))).add(base::content_hash(std::as_bytes(std::span(made.likelihood))));
    }
  }

  // Pair by pair, so that what the reference says does not depend on how the rows are packed later.
  void prepare(const Learner& start) override {
    for (std::int64_t index = 0; index < num_trees(); ++index) {
      const auto masks = masks_of({&index, 1});
      const auto log_probs = start.outputs(tree(index));
      const auto sums = sum_by_response(log_probs * float_tensor(masks.preference, log_probs), tree(index), 1).to(at::kCPU);
      reference_.push_back({sums[0][0].item<float>(), sums[0][1].item<float>()});
    }
  }

  void begin_step(std::span<const std::int64_t> trees) override {
    num_pairs_ = static_cast<double>(trees.size());
    chosen_tokens_ = 0.0;
    for (const auto index : trees) {
      for (const auto counts : row(index).likelihood) chosen_tokens_ += counts;
    }
    sums_ = {};
  }

  at::Tensor loss(const at::Tensor& log_probs, const model::TokenRow& packed, std::span<const std::int64_t> trees) override {
    const auto pairs = static_cast<std::int64_t>(trees.size());
    const auto masks = masks_of(trees);
    const auto preferred = float_tensor(masks.preference, log_probs);
    const auto policy = as_pairs(sum_by_response(log_probs * preferred, packed, pairs));
    const auto lengths = as_pairs(sum_by_response(preferred, packed, pairs));
    const auto reference = reference_of(trees, log_probs);
    auto loss = dpo_losses(policy, reference, lengths, options_).sum() / num_pairs_;
    const auto nll = likelihood_loss(log_probs, float_tensor(masks.likelihood, log_probs), packed, pairs);
    measure(policy, dpo_margins(policy, reference, lengths, options_), nll);
    return options_.nll_weight == 0.0 ? loss : loss + options_.nll_weight * nll;
  }

  std::map<std::string, double> metrics() const override {
    return {{"chosen_log_prob", sums_.chosen / num_pairs_},
            {"rejected_log_prob", sums_.rejected / num_pairs_},
            {"margin", sums_.margin / num_pairs_},
            {"accuracy", sums_.right / num_pairs_},
            {"nll", sums_.nll}};
  }

 private:
  struct Sums {
    double chosen = 0, rejected = 0, margin = 0, right = 0, nll = 0;
  };
  struct Reference {
    float chosen = 0, rejected = 0;
  };

  static void check(const DpoRow& made, std::size_t number) {
    DROVER_CHECK(made.preference.size() == made.row.learned.size() && made.likelihood.size() == made.row.learned.size(),
                 "Row {} says of every learned token in which term it counts", number);
    std::int64_t counted[2] = {0, 0};
    std::int64_t likely = 0;
    for (std::size_t i = 0; i < made.row.learned.size(); ++i) {
      const auto response = made.row.learned[i].response;
      DROVER_CHECK(response == 0 || response == 1, "Row {} has response {}", number, response);
      counted[response] += made.preference[i];
      likely += made.likelihood[i];
      DROVER_CHECK(response == 0 || made.likelihood[i] == 0, "Row {} would learn to say its rejected response", number);
    }
    if (counted[0] == 0 || counted[1] == 0 || likely == 0) throw base::UserError("Row {} has a response with nothing to learn.", number);
  }

  const DpoRow& row(std::int64_t index) const { return rows_[static_cast<std::size_t>(index)]; }

  TermMasks masks_of(std::span<const std::int64_t> trees) const {
    TermMasks masks;
    for (const auto index : trees) {
      masks.preference.insert(masks.preference.end(), row(index).preference.begin(), row(index).preference.end());
      masks.likelihood.insert(masks.likelihood.end(), row(index).likelihood.begin(), row(index).likelihood.end());
    }
    return masks;
  }

  PairValues reference_of(std::span<const std::int64_t> trees, const at::Tensor& like) const {
    DROVER_CHECK_EQ(reference_.size(), rows_.size(), "The reference was asked about every pair");
    std::vector<float> chosen, rejected;
    for (const auto index : trees) {
      chosen.push_back(reference_[static_cast<std::size_t>(index)].chosen);
      rejected.push_back(reference_[static_cast<std::size_t>(index)].rejected);
    }
    return {float_tensor(chosen, like), float_tensor(rejected, like)};
  }

  /// This row's part of the step's negative log-likelihood of chosen responses.
  at::Tensor likelihood_loss(const at::Tensor& log_probs, const at::Tensor& mask, const model::TokenRow& packed, std::int64_t pairs) const {
    const auto masked = log_probs * mask;
    if (options_.nll_average == NllAverage::kPerToken) return -masked.sum() / chosen_tokens_;
    const auto sums = sum_by_response(masked, packed, pairs).select(1, 0);
    const auto counts = sum_by_response(mask, packed, pairs).select(1, 0);
    return -(sums / counts).sum() / num_pairs_;
  }

  void measure(const PairValues& policy, const at::Tensor& margins, const at::Tensor& nll) {
    sums_.chosen += policy.chosen.sum().item<double>();
    sums_.rejected += policy.rejected.sum().item<double>();
    sums_.margin += margins.sum().item<double>();
    sums_.right += margins.gt(0).sum().item<double>();
    sums_.nll += nll.item<double>();
  }

  std::span<const DpoRow> rows_;
  const DpoOptions& options_;
  std::vector<Reference> reference_;
  double num_pairs_ = 0.0;
  double chosen_tokens_ = 0.0;
  Sums sums_;
};

}  // namespace

std::unique_ptr<Objective> make_dpo_objective(std::span<const DpoRow> rows, const DpoOptions& options) {
  return std::make_unique<DpoObjective>(rows, options);
}

}  // namespace drover::train
