#include "engine/sampling_options.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace drover::engine {
namespace {

/// Float32 logits that are shifted by sums of these, and divided by the smallest repetition penalty, stay numbers.
constexpr double kLargestShift = 1e30;
constexpr double kLargestRepetitionPenalty = 1e6;

bool is_shift(double value) { return std::abs(value) <= kLargestShift; }

}  // namespace

void SamplingOptions::validate() const {
  using base::UserError;
  // Written so that NaN fails too.
  if (!(temperature >= 0.0) || !std::isfinite(temperature)) {
    throw UserError("temperature = {} is not possible: it must be 0 (greedy) or a positive number.", temperature);
  }
  if (top_k < 0) throw UserError("top_k = {} is not possible: it must be 0 (off) or a number of tokens.", top_k);
  if (!(top_p > 0.0 && top_p <= 1.0)) {
    throw UserError("top_p = {} is not possible: it must be above 0 and at most 1 (off).", top_p);
  }
  if (!(min_p >= 0.0 && min_p <= 1.0)) throw UserError("min_p = {} is not possible: it must be from 0 (off) to 1.", min_p);
  if (!(repetition_penalty >= 1.0 / kLargestRepetitionPenalty && repetition_penalty <= kLargestRepetitionPenalty)) {
    throw UserError("repetition_penalty = {} is not possible: it must be from {} to {}; 1 is off.", repetition_penalty,
                    1.0 / kLargestRepetitionPenalty, kLargestRepetitionPenalty);
  }
  if (!is_shift(presence_penalty)) {
    throw UserError("presence_penalty = {} is not possible: it must be a number of at most {}; 0 is off.", presence_penalty, kLargestShift);
  }
  if (!is_shift(frequency_penalty)) {
    throw UserError("frequency_penalty = {} is not possible: it must be a number of at most {}; 0 is off.", frequency_penalty, kLargestShift);
  }
  for (const auto& [id, bias] : logit_bias) {
    if (text::to_int(id) < 0) throw UserError("logit_bias names token {}: ids start at 0.", text::to_int(id));
    if (!is_shift(bias) && bias != -std::numeric_limits<double>::infinity()) {
      throw UserError("logit_bias = {} of token {} is not possible: it must be a number of at most {}, or -inf to forbid the token.", bias,
                      text::to_int(id), kLargestShift);
    }
  }
  if (max_tokens < 1) throw UserError("max_tokens = {} is not possible: a reply has at least 1 token.", max_tokens);
  if (min_tokens < 0 || min_tokens > max_tokens) {
    throw UserError("min_tokens = {} is not possible: it must be from 0 to max_tokens = {}.", min_tokens, max_tokens);
  }
  for (const auto& stop : stop_strings) {
    if (stop.empty()) throw UserError("A stop string is empty: every reply would end at once.");
  }
}

std::string SamplingOptions::describe() const {
  nlohmann::ordered_json json{{"temperature", temperature},
                              {"top_k", top_k},
                              {"top_p", top_p},
                              {"min_p", min_p},
                              {"repetition_penalty", repetition_penalty},
                              {"presence_penalty", presence_penalty},
                              {"frequency_penalty", frequency_penalty},
                              {"logit_bias", nlohmann::ordered_json::array()},
                              {"max_tokens", max_tokens},
                              {"min_tokens", min_tokens},
                              {"stop_ids", nlohmann::ordered_json::array()},
                              {"stop_strings", stop_strings},
                              {"seed", seed}};
  for (const auto& [id, bias] : logit_bias) json["logit_bias"].push_back({text::to_int(id), bias});
  for (const auto id : stop_ids) json["stop_ids"].push_back(text::to_int(id));
  return json.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace drover::engine
