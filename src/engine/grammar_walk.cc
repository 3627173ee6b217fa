#include "engine/grammar_walk.h"

#include <algorithm>

namespace drover::engine {

void GrammarWalk::add(const Standing& standing) {
  std::int32_t frame = -1;
  for (const std::int32_t next : standing.open) {
    frames_.push_back({next, frame, depth_of(frame) + 1});
    frame = static_cast<std::int32_t>(frames_.size()) - 1;
  }
  readings_.push_back({standing.state, frame});
}

void GrammarWalk::cut(const Mark& mark) {
  readings_.resize(mark.readings);
  frames_.resize(mark.frames);
}

void GrammarWalk::step(std::size_t begin, std::size_t end, Symbol symbol) {
  const std::size_t first_new = readings_.size();
  for (std::size_t i = begin; i < end; ++i) {
    const Reading reading = readings_[i];
    advance(reading.state, reading.frame, symbol, first_new);
  }
}

void GrammarWalk::advance(std::int32_t state, std::int32_t frame, Symbol symbol, std::size_t first_new) {
  while (true) {
    const std::int32_t room = grammar_->depth_limit() - depth_of(frame);
    if (const std::int32_t target = grammar_->target(state, symbol); target >= 0 && grammar_->needed_depth(target) <= room) {
      const auto is_same = [&](const Reading& other) { return other.state == target && are_equal(other.frame, frame); };
      const bool is_known = std::any_of(readings_.begin() + static_cast<std::ptrdiff_t>(first_new), readings_.end(), is_same);
      if (!is_known && readings_.size() - first_new < kMostReadings) readings_.push_back({target, frame});
    }
    for (const Grammar::Call& call : grammar_->calls(state)) {
      if (!grammar_->may_begin(call.begin, symbol)) continue;
      if (grammar_->needed_depth(call.begin) + 1 > room || grammar_->needed_depth(call.next) > room) continue;
      if (grammar_->only_ends(call.next)) {  // nothing to come back to
        advance(call.begin, frame, symbol, first_new);
        continue;
      }
      frames_.push_back({call.next, frame, depth_of(frame) + 1});
      advance(call.begin, static_cast<std::int32_t>(frames_.size()) - 1, symbol, first_new);
    }
    if (!grammar_->is_final(state) || frame < 0) return;
    state = frames_[static_cast<std::size_t>(frame)].next;
    frame = frames_[static_cast<std::size_t>(frame)].below;
  }
}

bool GrammarWalk::are_equal(std::int32_t left, std::int32_t right) const {
  while (left != right) {
    if (left < 0 || right < 0) return false;
    const Frame& a = frames_[static_cast<std::size_t>(left)];
    const Frame& b = frames_[static_cast<std::size_t>(right)];
    if (a.next != b.next || a.depth != b.depth) return false;
    left = a.below;
    right = b.below;
  }
  return true;
}

Standing GrammarWalk::standing(std::size_t reading) const {
  Standing standing{.state = readings_[reading].state};
  for (std::int32_t frame = readings_[reading].frame; frame >= 0; frame = frames_[static_cast<std::size_t>(frame)].below) {
    standing.open.push_back(frames_[static_cast<std::size_t>(frame)].next);
  }
  std::reverse(standing.open.begin(), standing.open.end());
  return standing;
}

bool GrammarWalk::any_may_end(std::size_t begin, std::size_t end) const {
  for (std::size_t i = begin; i < end; ++i) {
    bool ends = grammar_->is_final(readings_[i].state);
    for (std::int32_t frame = readings_[i].frame; ends && frame >= 0; frame = frames_[static_cast<std::size_t>(frame)].below) {
      ends = grammar_->is_final(frames_[static_cast<std::size_t>(frame)].next);
    }
    if (ends) return true;
  }
  return false;
}

}  // namespace drover::engine
