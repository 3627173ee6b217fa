#pragma once

#include <memory>

#include "engine/token_mask.h"
#include "text/token_id.h"

namespace drover::engine {

/// What a reply may go on with: the state of one reply inside a language (a JSON schema, a list of choices). A compiled constraint is
/// the state before the first token; each sample takes a copy of it.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  virtual std::unique_ptr<TokenConstraint> copy() const = 0;

  /// Inserts into `mask`, which is empty, every token that may come next. Stop ids are not among them: see may_end(). At least one
  /// token is inserted, or may_end() holds.
  virtual void insert_allowed(TokenMask& mask) const = 0;

  /// Whether the reply may end here, with any of its stop ids.
  virtual bool may_end() const = 0;

  /// Moves on by a token that was allowed (checked).
  virtual void accept(text::TokenId id) = 0;
};

}  // namespace drover::engine
