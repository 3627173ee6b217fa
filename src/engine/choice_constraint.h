#pragma once

#include <memory>
#include <span>
#include <string>

#include "engine/token_constraint.h"
#include "engine/vocabulary_trie.h"

namespace drover::engine {

/// A reply that is exactly one of the choices ("A", "B", "tie"), in any tokens that spell it. Throws UserError when there is no choice,
/// or one that is empty, not UTF-8, or not in the vocabulary's bytes.
std::shared_ptr<const TokenConstraint> compile_choices(std::span<const std::string> choices,
                                                       std::shared_ptr<const VocabularyTrie> vocabulary);

}  // namespace drover::engine
