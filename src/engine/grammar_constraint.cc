#include "engine/grammar_constraint.h"

#include "base/error.h"

namespace drover::engine {
namespace {

/// How deep JSON may nest beyond what its schema demands. Readers of JSON take at least this.
constexpr std::int32_t kExtraDepth = 64;

}  // namespace

GrammarConstraint::GrammarConstraint(std::shared_ptr<const MaskMemory> memory)
    : memory_(std::move(memory)), standings_{{.state = memory_->grammar().begin()}} {}

std::unique_ptr<TokenConstraint> GrammarConstraint::copy() const { return std::make_unique<GrammarConstraint>(*this); }

void GrammarConstraint::insert_allowed(TokenMask& mask) const { memory_->insert_allowed(standings_, mask); }

bool GrammarConstraint::may_end() const {
  GrammarWalk walk(memory_->grammar());
  for (const Standing& standing : standings_) walk.add(standing);
  return walk.any_may_end(0, walk.size());
}

void GrammarConstraint::accept(text::TokenId id) {
  std::vector<Standing> standings;
  const auto read_as = [&](std::span<const Symbol> symbols) {
    GrammarWalk walk(memory_->grammar());
    for (const Standing& standing : standings_) walk.add(standing);
    std::size_t begin = 0;
    for (const Symbol symbol : symbols) {
      const std::size_t end = walk.size();
      walk.step(begin, end, symbol);
      begin = end;
    }
    for (std::size_t i = begin; i < walk.size() && !symbols.empty(); ++i) standings.push_back(walk.standing(i));
  };
  read_as(memory_->vocabulary().spelling(id));
  // Qwen's "<tool_call>" is no control token, so it is also the text that it spells.
  if (const auto whole = memory_->vocabulary().whole_symbol(id)) read_as({&*whole, 1});
  DROVER_CHECK(!standings.empty(), "The constraint does not allow token {} here", text::to_int(id));
  standings_ = std::move(standings);
}

std::shared_ptr<const TokenConstraint> constrain_to(std::span<const Rule> rules, RuleId start,
                                                    std::shared_ptr<const VocabularyTrie> vocabulary, std::string_view what,
                                                    std::vector<text::TokenId> banned) {
  const auto is_usable = [&](Symbol symbol) { return symbol >= kFirstTokenSymbol || vocabulary->spells_byte(symbol); };
  std::shared_ptr<const Grammar> grammar = Grammar::link(rules, start, kExtraDepth, is_usable);
  if (grammar == nullptr) throw base::UserError("{} cannot be met: no text that the vocabulary spells satisfies it", what);
  auto memory = std::make_shared<const MaskMemory>(std::move(grammar), std::move(vocabulary), std::move(banned));
  return std::make_shared<GrammarConstraint>(std::move(memory));
}

}  // namespace drover::engine
