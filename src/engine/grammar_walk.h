#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/grammar.h"

namespace drover::engine {

/// Where a reading of a text stands: a state, and below it the states that open calls go on with, the newest last.
struct Standing {
  std::int32_t state = 0;
  std::vector<std::int32_t> open{};

  bool operator==(const Standing&) const = default;
};

/// Readings of one text by a grammar, symbol by symbol, all at once: a list that grows at the end and is cut back to an earlier size to
/// try something else. What lies below the standing that the walk began with is unknown to it: readings that end there stay.
class GrammarWalk {
 public:
  /// At most this many readings of one text are followed; further ones are dropped, which only forbids texts.
  static constexpr std::size_t kMostReadings = 256;

  struct Mark {
    std::size_t readings;
    std::size_t frames;
  };

  /// `depth`: how many calls are open below what the walk begins with.
  explicit GrammarWalk(const Grammar& grammar, std::int32_t depth = 0) : grammar_(&grammar), depth_(depth) {}

  void add(const Standing& standing);
  /// Adds what readings begin..end become by a symbol.
  void step(std::size_t begin, std::size_t end, Symbol symbol);

  std::size_t size() const { return readings_.size(); }
  Mark mark() const { return {readings_.size(), frames_.size()}; }
  void cut(const Mark& mark);
  Standing standing(std::size_t reading) const;
  /// Whether one of the readings may end here, all open calls that the walk knows included.
  bool any_may_end(std::size_t begin, std::size_t end) const;

 private:
  struct Frame {
    std::int32_t next;   // where the caller goes on
    std::int32_t below;  // the frame below, -1 for none
    std::int32_t depth;  // how many calls are open, this one included
  };
  struct Reading {
    std::int32_t state;
    std::int32_t frame;
  };

  std::int32_t depth_of(std::int32_t frame) const { return frame < 0 ? depth_ : frames_[static_cast<std::size_t>(frame)].depth; }
  void advance(std::int32_t state, std::int32_t frame, Symbol symbol, std::size_t first_new);
  bool are_equal(std::int32_t left, std::int32_t right) const;

  const Grammar* grammar_;
  std::int32_t depth_;
  std::vector<Reading> readings_;
  std::vector<Frame> frames_;
};

}  // namespace drover::engine
