#include "engine/rule.h"

#include <map>
#include <utility>

#include "base/error.h"
#include "engine/nfa.h"

namespace drover::engine {
namespace {

constexpr std::int32_t kNone = -1;

/// The part of `edge` that begins at `from`, cut where `other`'s edges begin or end; where `other` then goes, or kNone.
std::pair<Symbol, std::int32_t> next_cut(Symbol from, Symbol high, const RuleState* other) {
  if (other == nullptr) return {high, kNone};
  for (const RuleState::Edge& edge : other->edges) {
    if (edge.high < from) continue;
    if (edge.low > from) return {std::min<Symbol>(high, edge.low - 1), kNone};
    return {std::min<Symbol>(high, edge.high), edge.target};
  }
  return {high, kNone};
}

/// Pairs of states; a pair without a right state means that the right rule has failed.
Rule product(const Rule& left, const Rule& right, bool keep_in_right, std::string_view place) {
  Rule result;
  if (left.states.empty() || (right.states.empty() && keep_in_right)) return result;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> numbers;
  std::vector<std::pair<std::int32_t, std::int32_t>> pairs;
  const auto number = [&](std::int32_t a, std::int32_t b) {
    const auto [at, is_new] = numbers.try_emplace({a, b}, static_cast<std::int32_t>(pairs.size()));
    if (is_new) pairs.emplace_back(a, b);
    return at->second;
  };
  number(0, right.states.empty() ? kNone : 0);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > kMaxRuleStates) throw_too_large(place);
    const auto [a, b] = pairs[i];
    const RuleState& from = left.states[static_cast<std::size_t>(a)];
    const RuleState* const other = b == kNone ? nullptr : &right.states[static_cast<std::size_t>(b)];
    DROVER_CHECK(from.calls.empty() && (other == nullptr || other->calls.empty()), "Rules with calls have no product");
    RuleState state;
    const bool in_right = other != nullptr && other->is_final;
    state.is_final = from.is_final && in_right == keep_in_right;
    for (const RuleState::Edge& edge : from.edges) {
      for (Symbol low = edge.low; low <= edge.high;) {
        const auto [high, target] = next_cut(low, edge.high, other);
        if (target != kNone || !keep_in_right) state.edges.push_back({low, high, number(edge.target, target)});
        low = high + 1;
      }
    }
    result.states.push_back(std::move(state));
  }
  return result;
}

}  // namespace

Rule intersection(const Rule& left, const Rule& right, std::string_view place) { return product(left, right, true, place); }
Rule difference(const Rule& left, const Rule& right, std::string_view place) { return product(left, right, false, place); }

}  // namespace drover::engine
