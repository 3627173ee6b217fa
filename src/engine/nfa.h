#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/rule.h"

namespace drover::engine {

/// The most states that one rule may have.
inline constexpr std::size_t kMaxRuleStates = 100'000;

/// Throws the UserError for a language that needs more states than there may be.
[[noreturn]] void throw_too_large(std::string_view place);

/// A nondeterministic automaton under construction, put together from parts (Thompson 1968) and then made deterministic.
/// Each part is used once.
class Nfa {
 public:
  struct Part {
    std::int32_t begin;
    std::int32_t end;
  };

  /// `place` is named when the language gets too large.
  explicit Nfa(std::string place) : place_(std::move(place)) {}

  Part nothing();                                  ///< the empty text
  Part never();                                    ///< no text at all
  Part bytes(std::string_view text);               ///< exactly these bytes
  Part range(Symbol low, Symbol high);             ///< one symbol of a range
  Part call(RuleId rule);                          ///< a text of another rule
  Part sequence(std::initializer_list<Part> parts);
  Part any_of(const std::vector<Part>& parts);     ///< never() when there are none
  Part optional(Part part);
  Part repeated(Part part);                        ///< any number of times, also none

  /// `make()` between `least` and `most` times; a negative `most` is no limit.
  template <typename Make>
  Part repeated(std::int64_t least, std::int64_t most, Make make) {
    Part all = nothing();
    for (std::int64_t i = 0; i < least; ++i) all = sequence({all, make()});
    if (most < 0) return sequence({all, repeated(make())});
    const std::int32_t last = add_state();
    for (std::int64_t i = least; i < most; ++i) {
      add_empty(all.end, last);
      all = sequence({all, make()});
    }
    add_empty(all.end, last);
    return {all.begin, last};
  }

  std::int32_t add_state();
  void add_edge(std::int32_t from, Symbol low, Symbol high, std::int32_t to);
  void add_empty(std::int32_t from, std::int32_t to);
  void add_call(std::int32_t from, RuleId rule, std::int32_t to);

  /// The texts of a part as a rule (subset construction).
  Rule determinised(Part whole) const;

  const std::string& place() const { return place_; }

 private:
  struct State {
    std::vector<RuleState::Edge> edges{};
    std::vector<RuleState::Call> calls{};
    std::vector<std::int32_t> empty{};
  };

  std::string place_;
  std::vector<State> states_;
};

}  // namespace drover::engine
