#include "model/log_probs.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "model/decoder.h"
#include "model/heads.h"

namespace drover::model {

std::vector<float> log_probs(const Model& model, const TokenRow& row) {
  if (model.config().head.kind != HeadKind::kLanguage) {
    throw base::UserError("The model has a {} head, so it gives no probabilities of tokens; take a language model.",
                          name_of(model.config().head.kind));
  }
  const c10::NoGradGuard no_gradients;
  const at::Tensor values = model.decoder().log_probs(row).cpu();
  const auto* begin = values.const_data_ptr<float>();
  return {begin, begin + values.numel()};
}

std::vector<std::vector<float>> log_probs(const Model& model, std::span<const TokenRow> rows) {
  std::vector<std::vector<float>> all;
  for (const TokenRow& row : rows) all.push_back(log_probs(model, row));
  return all;
}

TokenRow score_all(std::span<const text::TokenId> tokens) {
  TokenRow row = single_sequence(tokens);
  for (std::size_t i = 1; i < tokens.size(); ++i) row.learned.push_back({.position = static_cast<std::int64_t>(i) - 1, .target = tokens[i]});
  return row;
}

}  // namespace drover::model
