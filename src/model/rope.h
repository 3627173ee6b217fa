#pragma once

#include <vector>

#include "model/config.h"

namespace drover::model {

/// What turns positions into rotary angles.
struct RopeTable {
  std::vector<float> inverse_frequencies;  ///< [head_dim / 2]; the angle of pair i at position p is p * inverse_frequencies[i]
  double magnitude = 1.0;                  ///< cosines and sines are multiplied with it (yarn's attention factor)
};

/// Plain rotary frequencies theta^(-2i/d), stretched as the configuration says: linear (all divided by the factor), llama3 (Llama 3.1
/// model card: long wavelengths divided, a ramp between), yarn (Peng et al. 2023, arXiv:2309.00071).
RopeTable rope_table(const DecoderConfig& config);

/// What llama3 scaling divides the plain frequencies by: GGUF's tensor `rope_freqs`, [head_dim / 2].
std::vector<float> llama3_divisors(const DecoderConfig& config);

}  // namespace drover::model
