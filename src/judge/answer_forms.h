#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "chat/dialog.h"
#include "engine/token_constraint.h"
#include "text/tokenizer.h"

namespace drover::judge {

/// What makes a judge's answer valid by construction. Both are empty for a model that cannot be constrained, such as one
/// behind a server: its answers are then read strictly, and may be invalid.
struct AnswerForms {
  std::function<std::shared_ptr<const engine::TokenConstraint>(std::span<const std::string> choices)> one_of;
  std::function<std::shared_ptr<const engine::TokenConstraint>(const chat::Json& schema)> json;
};

/// For a model of this process with this tokenizer; the compiled vocabulary is shared by all that is made of it.
AnswerForms answer_forms(const text::Tokenizer& tokenizer);

}  // namespace drover::judge
