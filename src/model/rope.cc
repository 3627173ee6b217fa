#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace drover::model {
namespace {

// Float32 in the order of transformers, because the small difference in a frequency grows with the position it is multiplied by.
std::vector<float> plain_frequencies(const DecoderConfig& config) {
  std::vector<float> frequencies(static_cast<std::size_t>(config.head_dim / 2));
  const auto theta = static_cast<float>(config.rope_theta);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    frequencies[i] = 1.0F / std::pow(theta, exponent);
  }
  return frequencies;
}

float llama3_frequency(float frequency, const RopeScaling& scaling) {
  const double original = static_cast<double>(scaling.original_max_positions);
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < original / scaling.high_freq_factor) return frequency;
  if (wavelength > original / scaling.low_freq_factor) return static_cast<float>(frequency / scaling.factor);
  const double smooth =
      (original / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return static_cast<float>((1.0 - smooth) * frequency / scaling.factor + smooth * frequency);
}

// The dimension whose wavelength makes `rotations` turns over the original context.
double yarn_dimension(double rotations, const DecoderConfig& config) {
  const double original = static_cast<double>(config.rope_scaling.original_max_positions);
  return static_cast<double>(config.head_dim) * std::log(original / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(config.rope_theta));
}

void stretch_yarn(const DecoderConfig& config, std::vector<float>& frequencies) {
  const RopeScaling& scaling = config.rope_scaling;
  double low = yarn_dimension(scaling.beta_fast, config);
  double high = yarn_dimension(scaling.beta_slow, config);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(config.head_dim - 1));
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] = static_cast<float>(frequencies[i] / scaling.factor * ramp + frequencies[i] * (1.0 - ramp));
  }
}

double yarn_magnitude(const RopeScaling& scaling) {
  if (scaling.attention_factor > 0.0) return scaling.attention_factor;
  return scaling.factor <= 1.0 ? 1.0 : 0.1 * std::log(scaling.factor) + 1.0;
}

}  // namespace

RopeTable rope_table(const DecoderConfig& config) {
  RopeTable table;
  table.inverse_frequencies = plain_frequencies(config);
  const RopeScaling& scaling = config.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
      break;
    case RopeScaling::Kind::kLinear:
      for (float& frequency : table.inverse_frequencies) frequency /= static_cast<float>(scaling.factor);
      break;
    case RopeScaling::Kind::kLlama3:
      for (float& frequency : table.inverse_frequencies) frequency = llama3_frequency(frequency, scaling);
      break;
    case RopeScaling::Kind::kYarn:
      stretch_yarn(config, table.inverse_frequencies);
      table.magnitude = yarn_magnitude(scaling);
      break;
  }
  return table;
}

std::vector<float> llama3_divisors(const DecoderConfig& config) {
  std::vector<float> divisors = plain_frequencies(config);
  for (float& value : divisors) value /= llama3_frequency(value, config.rope_scaling);
  return divisors;
}

}  // namespace drover::model
