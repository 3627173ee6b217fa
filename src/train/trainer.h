#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/token_tree.h"
#include "train/labelled_rows.h"
#include "train/learned_rows.h"
#include "train/reward_facts.h"
#include "train/step_report.h"
#include "train/train_options.h"

namespace drover::train {

// Each function trains a copy of `start` and returns it; `start` does not change. Given the last pointer to it, its weights go once
// they are copied. With `TrainOptions::on_adapter` they return null: what was trained went there. The rows come from learned_rows.h, rendered in the
// format of `start`'s tokenizer. They throw UserError when options are out of range, there are no rows, a token is outside the
// vocabulary, the head does not fit, a seed is given for a head that the start model has, or the loss or a gradient is no longer finite (then with the step).

/// Supervised fine-tuning: cross entropy, the sum over what is learned divided by its exact count over the whole step.
std::shared_ptr<const model::Model> train_sft(std::shared_ptr<const model::Model> start, std::span<const model::TokenRow> rows,
                                              const TrainOptions& options, const OnStep& on_step = {});

/// Next-token training on plain documents (`document_rows`); the same loss.
std::shared_ptr<const model::Model> train_lm(std::shared_ptr<const model::Model> start, std::span<const model::TokenRow> rows,
                                             const TrainOptions& options, const OnStep& on_step = {});

struct RewardOptions {
  TrainOptions train = {};
  double centring = 0.0;        ///< weight of the squared sum of a pair's rewards, which keeps rewards near 0; 0 turns it off
  std::optional<std::uint64_t> head_seed = {};  ///< what a new reward head is drawn from; not given: 0
  /// Of each row, for the metrics accuracy_LEVEL, accuracy_longer, accuracy_alike and accuracy_shorter (the better response has more
  /// than 1.25 times the tokens of the worse one, between that and its inverse, or fewer). Empty: no such metrics.
  std::vector<RewardFacts> facts = {};
  /// Pairs whose own level is below it do not count, in rows with facts; ties never do.
  chat::PreferenceLevel lowest_level = chat::PreferenceLevel::kMarginal;

  void validate() const;
};

/// A reward model: -log sigmoid(better - worse) over all ordered pairs of a row that count, averaged in the row, then over rows, without a margin
/// (Llama 3 report, 4.1.2). A start model with a language head gets a new reward head; one with a reward head keeps it.
std::shared_ptr<const model::Model> train_reward(std::shared_ptr<const model::Model> start, std::span<const model::TokenRow> rows,
                                                 const RewardOptions& options, const OnStep& on_step = {});

struct HeadOptions {
  TrainOptions train = {};
  std::optional<std::uint64_t> head_seed = {};  ///< what a new head is drawn from; not given: 0
};

/// An outcome reward model: binary cross entropy at the last token of each reply. It has a reward head, whose output is the logit that
/// the reply is right, so it ranks replies like any reward model.
std::shared_ptr<const model::Model> train_outcome(std::shared_ptr<const model::Model> start, std::span<const LabelledRow> rows,
                                                  const HeadOptions& options, const OnStep& on_step = {});

/// A stepwise reward model: binary cross entropy at the end of each step, every step of the batch counted alike. It has a steps head.
std::shared_ptr<const model::Model> train_steps(std::shared_ptr<const model::Model> start, std::span<const LabelledRow> rows,
                                                const HeadOptions& options, const OnStep& on_step = {});

/// A classifier: cross entropy at the end of each dialog. `names`: the classes that labels count; they are saved with the head.
std::shared_ptr<const model::Model> train_classify(std::shared_ptr<const model::Model> start, std::span<const LabelledRow> rows,
                                                   const std::vector<std::string>& names, const HeadOptions& options,
                                                   const OnStep& on_step = {});

/// How the likelihood term averages over chosen responses of different lengths.
enum class NllAverage {
  kPerSequence,  ///< mean over a response's tokens, then over responses (Pang et al. 2024, arXiv:2404.19733)
  kPerToken      ///< one mean over all chosen tokens of the step (TRL 1.x)
};

/// The loss of a pair, given the difference of its log ratios.
enum class DpoLoss {
  kSigmoid,  ///< -log sigmoid(beta x difference) (Rafailov et al. 2023)
  kIpo       ///< (difference - 1 / (2 beta))^2 (Azar et al. 2023, arXiv:2310.12036, eq. 17); TRL's divides log ratios by lengths as well
};

struct DpoOptions {
  TrainOptions train = {};
  double beta = 0.1;             ///< pull towards the reference policy; > 0 (Llama 3 report, 4.1.4)
  double nll_weight = 0.2;       ///< weight of the likelihood term on chosen responses; >= 0, 0 turns it off (same)
  NllAverage nll_average = NllAverage::kPerSequence;
  double label_smoothing = 0.0;  ///< in [0, 0.5): share of pairs taken to be labelled the wrong way round
  double positive_weight = 0.0;  ///< DPOP's lambda (Pal et al. 2024, arXiv:2402.13228): punishes a falling chosen log-probability; 0 is off
  bool length_normalised = false;  ///< compares mean instead of summed log-probabilities
  DpoLoss loss = DpoLoss::kSigmoid;
  std::filesystem::path reference_cache = {};  ///< folder where the reference's log-probabilities are kept; empty: nowhere

  void validate() const;
};

/// Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290) with a likelihood term. The reference is `start` itself; its
/// log-probabilities are computed once, before the first step.
std::shared_ptr<const model::Model> train_dpo(std::shared_ptr<const model::Model> start, std::span<const DpoRow> rows,
                                              const DpoOptions& options, const OnStep& on_step = {});

}  // namespace drover::train
