#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/vocabulary_trie.h"

namespace drover::engine {

/// Names a rule of a grammar.
enum class RuleId : std::int32_t {};

/// One state of a rule: where symbols lead, and which rules may stand here.
struct RuleState {
  struct Edge {
    Symbol low;   ///< all symbols from low to high lead to target
    Symbol high;
    std::int32_t target;
  };
  struct Call {
    RuleId rule;        ///< a text of this rule leads to `next`
    std::int32_t next;
  };
  std::vector<Edge> edges{};  ///< sorted and disjoint
  std::vector<Call> calls{};
  bool is_final = false;
  std::int32_t twin = -1;  ///< an earlier state that no single token can tell from this one, or -1
};

/// A deterministic automaton over symbols, whose states may also call other rules. State 0 begins; a rule without states has no texts.
struct Rule {
  std::vector<RuleState> states{};
};

/// The texts that both rules hold. Neither may call others. Throws UserError, naming `place`, when the result gets too large.
Rule intersection(const Rule& left, const Rule& right, std::string_view place);

/// The texts of `left` that `right` does not hold; as intersection().
Rule difference(const Rule& left, const Rule& right, std::string_view place);

}  // namespace drover::engine
