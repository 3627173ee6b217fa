#include "model/heads.h"

#include "base/error.h"
#include "base/random_stream.h"
#include "model/decoder.h"
#include "model/random_tensor.h"

namespace drover::model {

std::string_view name_of(HeadKind kind) {
  switch (kind) {
    case HeadKind::kLanguage:
      return "language";
    case HeadKind::kReward:
      return "reward";
    case HeadKind::kSteps:
      return "steps";
    case HeadKind::kClasses:
      return "classes";
  }
  DROVER_CHECK(false, "Head kind {}", static_cast<int>(kind));
}

std::shared_ptr<const Decoder> with_head(const Decoder& decoder, const Head& head) {
  if (head.kind == HeadKind::kLanguage) throw base::UserError("A language head is part of a pre-trained model and cannot be made anew.");
  DecoderConfig config = decoder.config();
  config.head = head;
  config.validate();
  NamedTensors parameters;
  for (const auto& [name, tensor] : decoder.parameters()) {
    if (name != "lm_head.weight" && !name.starts_with("score.")) parameters.emplace_back(name, tensor);
  }
  for (const auto& [name, shape] : parameter_shapes(config)) {
    if (!name.starts_with("score.")) continue;
    const at::Tensor values = name == "score.weight" ? normal_tensor(shape, 0.02, base::RandomStream(head.seed, "head")) : at::zeros(shape);
    parameters.emplace_back(name, values.to(decoder.device(), decoder.dtype()));
  }
  return std::make_shared<const Decoder>(std::move(config), std::move(parameters));
}

}  // namespace drover::model
