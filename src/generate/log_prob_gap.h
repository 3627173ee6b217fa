#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generate/generator.h"
#include "model/trained/training_log_probs.h"

namespace drover::generate {

/// How far the log-probabilities that a sampler recorded lie from those that training computes for the same tokens.
struct LogProbGap {
  std::int64_t tokens = 0;
  double mean = 0.0;           ///< of |difference|, nats
  double mean_signed = 0.0;    ///< sampler minus training
  double percentile_99 = 0.0;
  double percentile_99_9 = 0.0;
  double largest = 0.0;
};

/// Adds to `gaps` sampler minus training for each sampled token of one request; the prompt is computed once for all replies.
void add_log_prob_gaps(model::TrainingLogProbs& training, const GenerationResult& result, std::vector<double>& gaps);

LogProbGap log_prob_gap(std::span<const double> gaps);

}  // namespace drover::generate
