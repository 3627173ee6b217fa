#include "model/trained/training_log_probs.h"

#include "base/error.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/log_probs.h"
#include "model/trained/trained_decoder.h"

namespace drover::model {

TrainingLogProbs::TrainingLogProbs(std::shared_ptr<const Model> model) : model_(std::move(model)) {
  if (model_->config().head.kind != HeadKind::kLanguage) {
    throw base::UserError("The model has a {} head, so it gives no probabilities of tokens; take a language model.",
                          name_of(model_->config().head.kind));
  }
  if (model_->decoder().device().is_cpu()) trained_ = TrainedDecoder::make(model_->decoder(), {.compute_type = model_->compute_type()});
}

TrainingLogProbs::~TrainingLogProbs() = default;

std::vector<float> TrainingLogProbs::operator()(const TokenRow& row) {
  if (trained_ == nullptr) return log_probs(*model_, row);
  const at::Tensor values = trained_->outputs(row);
  const auto* begin = values.const_data_ptr<float>();
  return {begin, begin + values.numel()};
}

}  // namespace drover::model
