#include "engine/nfa.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"

namespace drover::engine {
namespace {

/// The most states that the sets of a subset construction may hold together: about a second's work.
constexpr std::size_t kMaxSubsetWork = 4'000'000;

using StateSet = std::vector<std::int32_t>;

StateSet& sort_unique(StateSet& states) {
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  return states;
}

}  // namespace

void throw_too_large(std::string_view place) {
  throw base::UserError("The text allowed at {} needs too many states: lower maxLength, maxItems or repeat counts, or use fewer alternatives",
                        place);
}

std::int32_t Nfa::add_state() {
  if (states_.size() >= 8 * kMaxRuleStates) throw_too_large(place_);
  states_.emplace_back();
  return static_cast<std::int32_t>(states_.size()) - 1;
}

void Nfa::add_edge(std::int32_t from, Symbol low, Symbol high, std::int32_t to) {
  if (low <= high) states_[static_cast<std::size_t>(from)].edges.push_back({low, high, to});
}
void Nfa::add_empty(std::int32_t from, std::int32_t to) { states_[static_cast<std::size_t>(from)].empty.push_back(to); }
void Nfa::add_call(std::int32_t from, RuleId rule, std::int32_t to) { states_[static_cast<std::size_t>(from)].calls.push_back({rule, to}); }

Nfa::Part Nfa::nothing() {
  const std::int32_t state = add_state();
  return {state, state};
}

Nfa::Part Nfa::never() { return {add_state(), add_state()}; }

Nfa::Part Nfa::bytes(std::string_view text) {
  Part part = nothing();
  for (const char c : text) {
    const std::int32_t next = add_state();
    add_edge(part.end, static_cast<unsigned char>(c), static_cast<unsigned char>(c), next);
    part.end = next;
  }
  return part;
}

Nfa::Part Nfa::range(Symbol low, Symbol high) {
  const Part part = never();
  add_edge(part.begin, low, high, part.end);
  return part;
}

Nfa::Part Nfa::call(RuleId rule) {
  const Part part = never();
  add_call(part.begin, rule, part.end);
  return part;
}

Nfa::Part Nfa::sequence(std::initializer_list<Part> parts) {
  const Part* previous = nullptr;
  for (const Part& part : parts) {
    if (previous != nullptr) add_empty(previous->end, part.begin);
    previous = &part;
  }
  return {parts.begin()->begin, previous->end};
}

Nfa::Part Nfa::any_of(const std::vector<Part>& parts) {
  const Part whole = never();
  for (const Part& part : parts) {
    add_empty(whole.begin, part.begin);
    add_empty(part.end, whole.end);
  }
  return whole;
}

Nfa::Part Nfa::optional(Part part) { return any_of({part, nothing()}); }

Nfa::Part Nfa::repeated(Part part) {
  const Part whole = never();
  add_empty(whole.begin, part.begin);
  add_empty(part.end, whole.begin);
  add_empty(whole.begin, whole.end);
  return whole;
}

Rule Nfa::determinised(Part whole) const {
  std::vector<bool> is_seen(states_.size());
  const auto close = [&](StateSet& states) {
    for (const std::int32_t state : states) is_seen[static_cast<std::size_t>(state)] = true;
    for (std::size_t i = 0; i < states.size(); ++i) {
      for (const std::int32_t next : states_[static_cast<std::size_t>(states[i])].empty) {
        if (is_seen[static_cast<std::size_t>(next)]) continue;
        is_seen[static_cast<std::size_t>(next)] = true;
        states.push_back(next);
      }
    }
    for (const std::int32_t state : states) is_seen[static_cast<std::size_t>(state)] = false;
    std::sort(states.begin(), states.end());
  };

  std::map<StateSet, std::int32_t> numbers;
  std::vector<const StateSet*> sets;
  std::size_t work = 0;
  const auto number = [&](StateSet states) {
    close(states);
    work += states.size();
    const auto [at, is_new] = numbers.try_emplace(std::move(states), static_cast<std::int32_t>(sets.size()));
    if (is_new) sets.push_back(&at->first);
    if (sets.size() > kMaxRuleStates || work > kMaxSubsetWork) throw_too_large(place_);
    return at->second;
  };

  Rule rule;
  number({whole.begin});
  for (std::size_t i = 0; i < sets.size(); ++i) {
    RuleState state;
    std::vector<RuleState::Edge> edges;
    std::map<RuleId, StateSet> calls;
    for (const std::int32_t member : *sets[i]) {
      const State& from = states_[static_cast<std::size_t>(member)];
      state.is_final |= member == whole.end;
      edges.insert(edges.end(), from.edges.begin(), from.edges.end());
      for (const RuleState::Call& call : from.calls) calls[call.rule].push_back(call.next);
    }
    // A sweep over the places where an edge begins or has just ended; between two of them the same edges apply.
    std::map<Symbol, std::vector<std::pair<bool, std::int32_t>>> changes;
    for (const RuleState::Edge& edge : edges) {
      changes[edge.low].emplace_back(true, edge.target);
      changes[edge.high + 1].emplace_back(false, edge.target);
    }
    std::multiset<std::int32_t> targets;
    for (auto change = changes.begin(); change != changes.end(); ++change) {
      for (const auto& [begins, target] : change->second) {
        if (begins) targets.insert(target);
      }
      for (const auto& [begins, target] : change->second) {
        if (!begins) targets.erase(targets.find(target));
      }
      if (targets.empty()) continue;
      StateSet next(targets.begin(), targets.end());
      const std::int32_t target = number(std::move(sort_unique(next)));
      const Symbol high = std::next(change)->first - 1;
      if (!state.edges.empty() && state.edges.back().target == target && state.edges.back().high + 1 == change->first) {
        state.edges.back().high = high;
      } else {
        state.edges.push_back({change->first, high, target});
      }
    }
    for (auto& [called, next] : calls) state.calls.push_back({called, number(std::move(sort_unique(next)))});
    rule.states.push_back(std::move(state));
  }
  return rule;
}

}  // namespace drover::engine
