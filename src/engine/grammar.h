#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/rule.h"

namespace drover::engine {

/// Rules that call each other, put in one row of states: a pushdown automaton over symbols. Immutable.
///
/// Only states from which a text can be finished within the depth limit are ever entered, so what has begun can always end.
class Grammar {
 public:
  struct Call {
    std::int32_t begin;  ///< first state of the called rule
    std::int32_t next;   ///< where to go on after it
  };

  /// Texts of `start`. Symbols that `is_usable` refuses are left out. `extra_depth` is how deep recursion may go beyond what the
  /// shallowest text needs. Empty when no text can be finished.
  static std::shared_ptr<const Grammar> link(std::span<const Rule> rules, RuleId start, std::int32_t extra_depth,
                                             const std::function<bool(Symbol)>& is_usable);

  std::int32_t begin() const { return begin_; }
  std::int32_t num_states() const { return static_cast<std::int32_t>(states_.size()); }
  /// The state that the symbol leads to by itself, without calls; -1 for none.
  std::int32_t target(std::int32_t state, Symbol symbol) const {
    const State& from = states_[static_cast<std::size_t>(state)];
    if (from.table >= 0 && symbol < kFirstTokenSymbol) {
      return tables_[static_cast<std::size_t>(from.table)][static_cast<std::size_t>(symbol)];
    }
    for (std::uint32_t i = from.first_edge; i < from.end_edge; ++i) {
      if (symbol <= edges_[i].high) return symbol >= edges_[i].low ? edges_[i].target : -1;
    }
    return -1;
  }
  std::span<const Call> calls(std::int32_t state) const {
    const State& from = states_[static_cast<std::size_t>(state)];
    return std::span(calls_).subspan(from.first_call, from.end_call - from.first_call);
  }
  /// Whether the symbol may be the first one at the state, by an edge or in a call.
  bool may_begin(std::int32_t state, Symbol symbol) const {
    const auto& first = first_symbols_[static_cast<std::size_t>(states_[static_cast<std::size_t>(state)].first_symbols)];
    return first[static_cast<std::size_t>(std::min(symbol, kFirstTokenSymbol))];
  }
  bool is_final(std::int32_t state) const { return states_[static_cast<std::size_t>(state)].is_final; }
  /// Whether the state can do nothing but end its rule.
  bool only_ends(std::int32_t state) const {
    const State& from = states_[static_cast<std::size_t>(state)];
    return from.is_final && from.first_edge == from.end_edge && from.first_call == from.end_call;
  }
  /// How many more calls must be open at once to finish the rule from here.
  std::int32_t needed_depth(std::int32_t state) const { return states_[static_cast<std::size_t>(state)].needed_depth; }
  std::int32_t most_needed_depth() const { return most_needed_depth_; }
  std::int32_t depth_limit() const { return depth_limit_; }
  /// A state that no single token can tell from this one: the key for remembered masks.
  std::int32_t twin(std::int32_t state) const { return states_[static_cast<std::size_t>(state)].twin; }

 private:
  using FirstSymbols = std::bitset<kFirstTokenSymbol + 1>;  // the last bit stands for all control tokens
  struct State {
    std::uint32_t first_edge = 0;
    std::uint32_t end_edge = 0;
    std::uint32_t first_call = 0;
    std::uint32_t end_call = 0;
    std::int32_t needed_depth = 0;
    std::int32_t twin = 0;
    std::int32_t table = -1;
    std::int32_t first_symbols = 0;
    bool is_final = false;
  };

  void find_first_symbols(std::span<const std::int32_t> rule_begins);
  void add_tables();

  std::int32_t begin_ = 0;
  std::int32_t depth_limit_ = 0;
  std::int32_t most_needed_depth_ = 0;
  std::vector<State> states_;
  std::vector<RuleState::Edge> edges_;
  std::vector<Call> calls_;
  std::vector<FirstSymbols> first_symbols_;  // 0: of states that begin no rule, all symbols
  std::vector<std::array<std::int32_t, kFirstTokenSymbol>> tables_;
};

}  // namespace drover::engine
