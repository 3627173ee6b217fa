#include "engine/grammar.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "base/error.h"

namespace drover::engine {
namespace {

constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMostTables = 4096;
constexpr std::uint32_t kEdgesWorthATable = 4;

/// For each state the least number of further calls that must be open at once until its rule ends, kNever where it cannot end.
/// Dijkstra's algorithm, from the final states backwards.
class NeededDepths {
 public:
  NeededDepths(std::span<const Rule> rules, std::span<const std::int32_t> begins, std::size_t num_states)
      : needed_(num_states, kNever), sources_(num_states) {
    for (std::size_t r = 0; r < rules.size(); ++r) {
      for (std::size_t s = 0; s < rules[r].states.size(); ++s) {
        const RuleState& state = rules[r].states[s];
        const std::int32_t here = begins[r] + static_cast<std::int32_t>(s);
        for (const auto& edge : state.edges) source(begins[r] + edge.target).push_back({here, -1, 0});
        for (const auto& call : state.calls) {
          const auto called = static_cast<std::size_t>(call.rule);
          if (rules[called].states.empty()) continue;
          source(begins[r] + call.next).push_back({here, begins[called], 1});
          source(begins[called]).push_back({here, begins[r] + call.next, 0});
        }
        if (state.is_final) offer(here, 0);
      }
    }
    while (!queue_.empty()) {
      const auto [depth, state] = queue_.top();
      queue_.pop();
      if (depth == at(state)) pass_on(state);
    }
  }

  std::int32_t at(std::int32_t state) const { return needed_[static_cast<std::size_t>(state)]; }

 private:
  /// A state that reaches the one at hand, once `other` (if any) can end too; `calls_other`: the other one is the called rule.
  struct Source {
    std::int32_t state;
    std::int32_t other;
    int calls_other;
  };

  std::vector<Source>& source(std::int32_t state) { return sources_[static_cast<std::size_t>(state)]; }

  void offer(std::int32_t state, std::int32_t depth) {
    if (depth >= at(state)) return;
    needed_[static_cast<std::size_t>(state)] = depth;
    queue_.emplace(depth, state);
  }

  void pass_on(std::int32_t state) {
    for (const Source& source : sources_[static_cast<std::size_t>(state)]) {
      if (source.other < 0) {
        offer(source.state, at(state));
      } else if (at(source.other) != kNever) {
        const std::int32_t called = source.calls_other ? source.other : state;
        const std::int32_t next = source.calls_other ? state : source.other;
        offer(source.state, std::max(at(called) + 1, at(next)));
      }
    }
  }

  using Entry = std::pair<std::int32_t, std::int32_t>;
  std::vector<std::int32_t> needed_;
  std::vector<std::vector<Source>> sources_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

/// Adds the parts of an edge whose symbols are usable.
void add_usable(const RuleState::Edge& edge, std::int32_t target, const std::function<bool(Symbol)>& is_usable,
                std::vector<RuleState::Edge>& out) {
  const std::size_t first = out.size();
  for (Symbol symbol = edge.low; symbol <= edge.high; ++symbol) {
    if (!is_usable(symbol)) continue;
    if (out.size() > first && out.back().high + 1 == symbol) {
      out.back().high = symbol;
    } else {
      out.push_back({symbol, symbol, target});
    }
  }
}

}  // namespace

std::shared_ptr<const Grammar> Grammar::link(std::span<const Rule> given, RuleId start, std::int32_t extra_depth,
                                             const std::function<bool(Symbol)>& is_usable) {
  std::vector<Rule> rules(given.begin(), given.end());
  std::vector<std::int32_t> begins;
  std::size_t num_states = 0;
  for (Rule& rule : rules) {
    begins.push_back(static_cast<std::int32_t>(num_states));
    num_states += rule.states.size();
    for (RuleState& state : rule.states) {
      std::vector<RuleState::Edge> usable;
      for (const auto& edge : state.edges) add_usable(edge, edge.target, is_usable, usable);
      state.edges = std::move(usable);
    }
  }
  const NeededDepths needed(rules, begins, num_states);
  const Rule& first = rules[static_cast<std::size_t>(start)];
  const std::int32_t first_state = begins[static_cast<std::size_t>(start)];
  if (first.states.empty() || needed.at(first_state) == kNever) return nullptr;

  auto grammar = std::make_shared<Grammar>();
  grammar->begin_ = first_state;
  grammar->depth_limit_ = extra_depth + needed.at(first_state);
  for (std::size_t r = 0; r < rules.size(); ++r) {
    for (std::size_t s = 0; s < rules[r].states.size(); ++s) {
      const RuleState& from = rules[r].states[s];
      const std::int32_t here = begins[r] + static_cast<std::int32_t>(s);
      State state;
      state.first_edge = static_cast<std::uint32_t>(grammar->edges_.size());
      state.first_call = static_cast<std::uint32_t>(grammar->calls_.size());
      for (const auto& edge : from.edges) {
        const std::int32_t target = begins[r] + edge.target;
        if (needed.at(target) != kNever) grammar->edges_.push_back({edge.low, edge.high, target});
      }
      for (const auto& call : from.calls) {
        const auto called = static_cast<std::size_t>(call.rule);
        const std::int32_t next = begins[r] + call.next;
        if (rules[called].states.empty() || needed.at(begins[called]) == kNever || needed.at(next) == kNever) continue;
        DROVER_CHECK(!rules[called].states.front().is_final, "A called rule must not hold the empty text");
        grammar->calls_.push_back({begins[called], next});
      }
      state.end_edge = static_cast<std::uint32_t>(grammar->edges_.size());
      state.end_call = static_cast<std::uint32_t>(grammar->calls_.size());
      state.is_final = from.is_final;
      state.needed_depth = needed.at(here);
      state.twin = from.twin < 0 ? here : begins[r] + from.twin;
      if (state.needed_depth != kNever) grammar->most_needed_depth_ = std::max(grammar->most_needed_depth_, state.needed_depth);
      grammar->states_.push_back(state);
    }
  }
  grammar->find_first_symbols(begins);
  grammar->add_tables();
  return grammar;
}

void Grammar::find_first_symbols(std::span<const std::int32_t> rule_begins) {
  first_symbols_.emplace_back().set();
  std::vector<std::int32_t> begins;
  for (const std::int32_t begin : rule_begins) {
    if (begin >= num_states() || states_[static_cast<std::size_t>(begin)].first_symbols != 0) continue;
    states_[static_cast<std::size_t>(begin)].first_symbols = static_cast<std::int32_t>(first_symbols_.size());
    first_symbols_.emplace_back();
    begins.push_back(begin);
  }
  const auto first_of = [&](std::int32_t state) -> FirstSymbols& {
    return first_symbols_[static_cast<std::size_t>(states_[static_cast<std::size_t>(state)].first_symbols)];
  };
  for (const std::int32_t begin : begins) {
    const State& state = states_[static_cast<std::size_t>(begin)];
    for (std::uint32_t i = state.first_edge; i < state.end_edge; ++i) {
      for (Symbol symbol = edges_[i].low; symbol <= std::min(edges_[i].high, kFirstTokenSymbol); ++symbol) {
        first_of(begin).set(static_cast<std::size_t>(symbol));
      }
      if (edges_[i].high >= kFirstTokenSymbol) first_of(begin).set(kFirstTokenSymbol);
    }
  }
  // Rules that begin with calls: until nothing changes. Few rules do, and chains of them are short.
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::int32_t begin : begins) {
      const FirstSymbols before = first_of(begin);
      for (const Call& call : calls(begin)) first_of(begin) |= first_of(call.begin);
      changed |= before != first_of(begin);
    }
  }
}

void Grammar::add_tables() {
  for (State& state : states_) {
    if (state.end_edge - state.first_edge <= kEdgesWorthATable || tables_.size() >= kMostTables) continue;
    auto& table = tables_.emplace_back();
    table.fill(-1);
    for (std::uint32_t i = state.first_edge; i < state.end_edge; ++i) {
      for (Symbol symbol = edges_[i].low; symbol <= std::min(edges_[i].high, kFirstTokenSymbol - 1); ++symbol) {
        table[static_cast<std::size_t>(symbol)] = edges_[i].target;
      }
    }
    state.table = static_cast<std::int32_t>(tables_.size()) - 1;
  }
}

}  // namespace drover::engine
