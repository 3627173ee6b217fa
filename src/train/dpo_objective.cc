#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "train/losses.h"
#include "train/objective.h"
#include "train/packing_choice.h"
#include "train/reference_cache.h"

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
  DpoObjective(std::span<const DpoRow> rows, const DpoOptions& options, std::string reference)
      : rows_(rows), options_(options), reference_name_(std::move(reference)) {
    for (std::size_t i = 0; i < rows.size(); ++i) check(rows[i], i + 1);
  }

  std::int64_t num_trees() const override { return static_cast<std::int64_t>(rows_.size()); }
  const model::TokenRow& tree(std::int64_t index) const override { return row(index).row; }

  void add_to_key(base::FieldHasher& key) const override {
    key.add("dpo").add(fmt::format("{} {} {} {} {} {} {}", options_.beta, options_.nll_weight, options_.nll_average == NllAverage::kPerToken,
                                   options_.label_smoothing, options_.positive_weight, options_.length_normalised, options_.loss == DpoLoss::kIpo));
    for (const auto& made : rows_) {
      key.add(base::content_hash(std::as_bytes(std::span(made.preference)))).add(base::content_hash(std::as_bytes(std::span(made.likelihood))));
    }
  }

  std::int64_t tokens_to_prepare() override {
    look_up();
    std::int64_t tokens = 0;
    for (const auto index : unknown_) tokens += tree(index).num_tokens();
    return tokens;
  }

  void prepare(const Learner& start) override {
    look_up();
    try {
      ask(start, unknown_);
    } catch (...) {  // an interruption: what is known is kept
      save_cache();
      throw;
    }
    save_cache();
    cache_.reset();
  }

  at::Tensor state() const override {
    std::vector<float> values;
    for (const auto& [chosen, rejected] : reference_) values.insert(values.end(), {chosen, rejected});
    return at::tensor(values, at::kFloat);
  }

  void restore(const at::Tensor& state) override {
    if (state.numel() != 2 * num_trees()) throw base::UserError("The checkpoint holds reference log-probabilities of other pairs. Remove it to begin anew.");
    reference_.clear();
    const float* values = state.const_data_ptr<float>();
    for (std::size_t i = 0; i < rows_.size(); ++i) reference_.push_back({values[2 * i], values[2 * i + 1]});
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
    measure(policy, reference, dpo_margins(policy, reference, lengths, options_), nll);
    return options_.nll_weight == 0.0 ? loss : loss + options_.nll_weight * nll;
  }

  std::map<std::string, double> metrics() const override {
    return {{"chosen_log_prob", sums_.chosen / num_pairs_},
            {"rejected_log_prob", sums_.rejected / num_pairs_},
            {"margin", sums_.margin / num_pairs_},
            {"accuracy", sums_.right / num_pairs_},
            {"nll", sums_.nll},
            {"kl", sums_.kl / (2.0 * num_pairs_)}};
  }

 private:
  struct Sums {
    double chosen = 0, rejected = 0, margin = 0, right = 0, nll = 0, kl = 0;
  };

  /// Takes what the cache knows, once.
  void look_up() {
    if (!reference_.empty()) return;
    reference_.assign(rows_.size(), {});
    if (!options_.reference_cache.empty()) {
      try_with_cache([&] { cache_.emplace(options_.reference_cache, reference_name_); });
    }
    for (std::int64_t index = 0; index < num_trees(); ++index) {
      const auto known = cache_ ? cache_->find(name_of(row(index))) : std::nullopt;
      if (known) {
        reference_[static_cast<std::size_t>(index)] = *known;
      } else {
        unknown_.push_back(index);
      }
    }
  }

  void save_cache() {
    if (cache_ && !unknown_.empty()) try_with_cache([&] { cache_->save(); });
  }

  /// A cache that cannot be made or written costs time alone: it is complained of, and the run does without.
  void try_with_cache(const std::function<void()>& work) {
    try {
      work();
    } catch (const base::Error& error) {
      cache_.reset();
      if (options_.train.on_warning) options_.train.on_warning(fmt::format("{} The reference's log-probabilities are not kept.", error.what()));
    }
  }

  /// Fills in what the reference says of these pairs, packed like those of a step, a few hundred at a time. The cache is written whole each
  /// time, so how often that happens must not grow with it.
  void ask(const Learner& start, const std::vector<std::int64_t>& pairs) {
    constexpr std::size_t kAtOnce = 256;
    constexpr std::chrono::seconds kBetweenSaves{30};
    auto saved = std::chrono::steady_clock::now();
    for (std::size_t begin = 0; begin < pairs.size(); begin += kAtOnce) {
      const auto some = std::span(pairs).subspan(begin, std::min(kAtOnce, pairs.size() - begin));
      std::vector<model::TokenRow> trees;
      for (const auto index : some) trees.push_back(tree(index));
      const auto packed = model::pack(trees, packed_tokens_for(trees));
      std::size_t done = begin;
      for (std::size_t r = 0; r < packed.rows.size(); ++r) {
        std::vector<std::int64_t> members;
        for (const auto place : packed.origin[r]) members.push_back(some[static_cast<std::size_t>(place)]);
        const auto count = static_cast<std::int64_t>(members.size());
        const auto log_probs = start.outputs(packed.rows[r]);
        const auto preferred = float_tensor(masks_of(members).preference, log_probs);
        const auto sums = sum_by_response(log_probs * preferred, packed.rows[r], count).to(at::kCPU).contiguous();
        const float* sum = sums.const_data_ptr<float>();
        for (std::size_t i = 0; i < members.size(); ++i) {
          const ReferenceLogProbs values{sum[2 * i], sum[2 * i + 1]};
          reference_[static_cast<std::size_t>(members[i])] = values;
          if (cache_) cache_->add(name_of(row(members[i])), values);
        }
        done += members.size();
        if (options_.train.on_progress) {
          options_.train.on_progress({.what = "reference", .done = static_cast<std::int64_t>(done),
                                      .total = static_cast<std::int64_t>(pairs.size()), .unit = "pairs"});
        }
      }
      if (const auto now = std::chrono::steady_clock::now(); now - saved >= kBetweenSaves) {
        save_cache();
        saved = now;
      }
    }
  }

  std::int64_t packed_tokens_for(std::span<const model::TokenRow> trees) const {
    if (options_.train.packed_tokens > 0) return options_.train.packed_tokens;
    std::vector<std::int64_t> sizes;
    std::vector<std::vector<std::int64_t>> steps(1);  // one that takes all
    for (const auto& tree : trees) {
      steps[0].push_back(std::ssize(sizes));
      sizes.push_back(tree.num_tokens());
    }
    return chosen_packed_tokens(sizes, steps);
  }

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

  void measure(const PairValues& policy, const PairValues& reference, const at::Tensor& margins, const at::Tensor& nll) {
    sums_.chosen += policy.chosen.sum().item<double>();
    sums_.rejected += policy.rejected.sum().item<double>();
    sums_.margin += margins.sum().item<double>();
    sums_.right += margins.gt(0).sum().item<double>();
    sums_.nll += nll.item<double>();
    sums_.kl += ((reference.chosen - policy.chosen).sum() + (reference.rejected - policy.rejected).sum()).item<double>();
  }

  std::span<const DpoRow> rows_;
  const DpoOptions& options_;
  std::string reference_name_;
  std::optional<ReferenceCache> cache_;  // until the reference was asked
  std::vector<ReferenceLogProbs> reference_;
  std::vector<std::int64_t> unknown_;  // pairs that the cache does not hold
  double num_pairs_ = 0.0;
  double chosen_tokens_ = 0.0;
  Sums sums_;
};

}  // namespace

std::unique_ptr<Objective> make_dpo_objective(std::span<const DpoRow> rows, const DpoOptions& options, std::string reference) {
  return std::make_unique<DpoObjective>(rows, options, std::move(reference));
}

}  // namespace drover::train
