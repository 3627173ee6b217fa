#pragma once

#include <memory>
#include <span>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"
#include "engine/engine.h"
#include "model/model.h"
#include "model/packed/weight_form.h"
#include "text/token_id.h"

namespace drover::generate {

/// Scores text with a model in this process, on an engine like the one that samples: whatever was computed before, above all a prompt
/// that many replies share, is not computed again, and a score does not depend on what else is scored. Use one from one thread at a time.
class Scorer {
 public:
  /// `format` may be empty: then only tokens can be scored.
  Scorer(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format, const engine::EngineOptions& options = {},
         model::WeightForm weights = model::WeightForm::kAsGiven);
  ~Scorer();

  /// The rewards that a reward model gives replies to one prompt. A reply's reward stands at its last token: its terminator, or the last
  /// token of a reply that was cut. Replies are rendered in the model's own format, so they may come from a model with another tokenizer.
  /// Throws UserError when the model has no reward head or a reply has no tokens.
  std::vector<float> rewards(const chat::Dialog& prompt, std::span<const std::vector<chat::Message>> replies);

  /// The same for tokens.
  std::vector<float> rewards(std::span<const text::TokenId> prompt, std::span<const std::vector<text::TokenId>> replies);

  /// The outputs of a reward, steps or classes head at each token of a reply: [replies][tokens][num_labels].
  std::vector<std::vector<std::vector<float>>> outputs(std::span<const text::TokenId> prompt, std::span<const std::vector<text::TokenId>> replies);

  /// The natural-log probability of each token of each reply. Throws UserError when the model has no language head or the prompt is empty.
  std::vector<std::vector<float>> log_probs(std::span<const text::TokenId> prompt, std::span<const std::vector<text::TokenId>> replies);

 private:
  class Collector;
  void run(std::span<const std::shared_ptr<Collector>> collectors, std::vector<engine::OutputRequest> requests);
  void give_up(std::span<const engine::RequestId> ids) noexcept;
  void require_head(model::HeadKind kind) const;

  std::shared_ptr<const model::Model> model_;
  std::shared_ptr<const chat::ChatFormat> format_;
  engine::Engine engine_;
};

}  // namespace drover::generate
