#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/mask_memory.h"
#include "engine/token_constraint.h"

namespace drover::engine {

/// A reply that must be a text of a grammar, from its first byte to its last. A copy shares everything but its standing.
class GrammarConstraint final : public TokenConstraint {
 public:
  explicit GrammarConstraint(std::shared_ptr<const MaskMemory> memory);

  std::unique_ptr<TokenConstraint> copy() const override;
  void insert_allowed(TokenMask& mask) const override;
  bool may_end() const override;
  void accept(text::TokenId id) override;

 private:
  std::shared_ptr<const MaskMemory> memory_;
  std::vector<Standing> standings_;  // all readings of the text so far
};

/// The constraint of a grammar's texts, `start` among `rules`, over a vocabulary. Bytes that no single token spells are left out of the
/// language: so every allowed beginning can be finished. `what` names the language in the UserError thrown when it holds no text.
std::shared_ptr<const TokenConstraint> constrain_to(std::span<const Rule> rules, RuleId start,
                                                    std::shared_ptr<const VocabularyTrie> vocabulary, std::string_view what,
                                                    std::vector<text::TokenId> banned = {});

}  // namespace drover::engine
