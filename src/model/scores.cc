#include "model/scores.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "model/decoder.h"

namespace drover::model {

std::vector<std::vector<float>> scores(const Model& model, const TokenRow& row, std::span<const std::int64_t> positions) {
  if (model.config().head.kind == HeadKind::kLanguage) {
    throw base::UserError("The model has a language head and gives no scores; take a reward model (drover train reward makes one).");
  }
  const c10::NoGradGuard no_gradients;
  const at::Tensor values = model.decoder().scores(row, positions).cpu().contiguous();
  const auto* data = values.const_data_ptr<float>();
  std::vector<std::vector<float>> all;
  for (std::int64_t i = 0; i < values.size(0); ++i) all.emplace_back(data + i * values.size(1), data + (i + 1) * values.size(1));
  return all;
}

std::vector<float> rewards(const Model& model, std::span<const text::TokenId> prompt,
                           std::span<const std::vector<text::TokenId>> responses) {
  if (model.config().head.kind != HeadKind::kReward) {
    throw base::UserError("The model has no reward head; take a reward model (drover train reward makes one).");
  }
  TokenRow row;
  const std::int32_t root = row.add_segment(-1, prompt);
  std::vector<std::int64_t> ends;
  for (const std::vector<text::TokenId>& response : responses) {
    DROVER_CHECK(!response.empty(), "Response {} has no tokens", ends.size());
    row.add_segment(root, response);
    ends.push_back(row.num_tokens() - 1);
  }
  std::vector<float> values;
  for (const std::vector<float>& one : scores(model, row, ends)) values.push_back(one.front());
  return values;
}

}  // namespace drover::model
