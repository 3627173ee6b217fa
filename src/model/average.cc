#include "model/average.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "model/decoder.h"

namespace drover::model {
namespace {

void check_weights(std::size_t num_models, std::span<const double> weights) {
  if (num_models == 0) throw base::UserError("There are no models to average.");
  if (weights.size() != num_models) {
    throw base::UserError("{} models were given with {} weights; give one weight a model.", num_models, weights.size());
  }
  double sum = 0.0;
  for (const double weight : weights) {
    if (!std::isfinite(weight)) throw base::UserError("The averaging weight {} is not a finite number.", weight);
    sum += weight;
  }
  if (std::abs(sum - 1.0) > 1e-6) throw base::UserError("The averaging weights sum to {}, but must sum to 1.", sum);
}

void check_alike(const Model& first, const Model& other, std::size_t index) {
  const NamedTensors& expected = first.decoder().parameters();
  const NamedTensors& given = other.decoder().parameters();
  for (std::size_t i = 0; i < std::max(expected.size(), given.size()); ++i) {
    if (i >= expected.size() || i >= given.size() || expected[i].first != given[i].first ||
        expected[i].second.sizes() != given[i].second.sizes()) {
      throw base::UserError("Model {} cannot be averaged with model 1: they differ at the tensor '{}' in name or shape.", index + 1,
                            i < expected.size() ? expected[i].first : given[i].first);
    }
  }
  DecoderConfig config = other.config();
  config.head.seed = first.config().head.seed;  // where a head began does not matter once it is trained
  if (!(config == first.config())) {
    throw base::UserError("Model {} cannot be averaged with model 1: their configurations differ (config.json).", index + 1);
  }
  if (first.tokenizer().hash() != other.tokenizer().hash()) {
    throw base::UserError("Model {} cannot be averaged with model 1: their tokenizers differ.", index + 1);
  }
}

}  // namespace

std::shared_ptr<const Model> average(std::span<const std::shared_ptr<const Model>> models, std::span<const double> weights) {
  check_weights(models.size(), weights);
  for (std::size_t m = 1; m < models.size(); ++m) check_alike(*models[0], *models[m], m);
  const c10::NoGradGuard no_gradients;
  const Decoder& first = models[0]->decoder();
  NamedTensors mean;
  for (std::size_t i = 0; i < first.parameters().size(); ++i) {
    at::Tensor sum = at::zeros(first.parameters()[i].second.sizes(), at::kDouble).to(first.device());
    for (std::size_t m = 0; m < models.size(); ++m) {
      const at::Tensor& value = models[m]->decoder().parameters()[i].second;
      sum.add_(value.to(first.device(), at::kDouble), weights[m]);
    }
    mean.emplace_back(first.parameters()[i].first, sum.to(first.dtype()));
  }
  return models[0]->with_decoder(std::make_shared<const Decoder>(first.config(), std::move(mean)));
}

std::shared_ptr<const Model> average(std::span<const std::shared_ptr<const Model>> models) {
  const std::vector<double> weights(models.size(), models.empty() ? 0.0 : 1.0 / static_cast<double>(models.size()));
  return average(models, weights);
}

}  // namespace drover::model
