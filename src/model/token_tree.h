#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/token_id.h"

namespace drover::model {

/// A run of tokens in a row. Its tokens attend causally to each other and to all tokens of its ancestors; positions continue from the
/// parent's end. A plain sequence is a tree of one segment; a prompt with K responses is a root with K children.
struct Segment {
  std::int32_t parent = -1;  ///< index of an earlier segment of the row; -1 for a root
  std::int64_t begin = 0;    ///< first token in the row
  std::int64_t end = 0;      ///< one past the last token; a segment may be empty
};

/// A place where something is learned or measured: the output at `position` should predict `target`.
struct LearnedPosition {
  std::int64_t position = 0;       ///< index in the row of the token whose output is used; the end of the parent for a segment's first
  text::TokenId target{-1};
  float weight = 1.0F;
  std::int32_t response = 0;       ///< which response (leaf) of the row the target belongs to, counted over the row
};

/// A row of packed token trees: what one forward pass computes. Several trees (roots) may share a row; they do not see each other.
/// There is no padding.
struct TokenRow {
  std::vector<text::TokenId> tokens;
  std::vector<std::int32_t> positions;   ///< rotary position of each token: counts from 0 at a root, continues over the path
  std::vector<Segment> segments;         ///< in order of `begin`, covering the row without gap
  std::vector<LearnedPosition> learned;

  std::int64_t num_tokens() const { return static_cast<std::int64_t>(tokens.size()); }

  /// Appends a segment below `parent` (-1: a new tree) and returns its index.
  std::int32_t add_segment(std::int32_t parent, std::span<const text::TokenId> segment_tokens);

  /// The index of the token before the first token of `segment` on its path: the parent's last token (or its parent's, when that is
  /// empty); -1 for a root. Its output predicts the segment's first token.
  std::int64_t position_before(std::int32_t segment) const;

  /// Throws InternalError when segments overlap, leave gaps or name later parents, or positions and learned entries are out of range.
  void validate() const;

 private:
  std::int64_t position_before_child(std::int32_t parent) const;  // the last token on the path that ends with `parent`; -1 for none
};

/// A row of one plain sequence.
TokenRow single_sequence(std::span<const text::TokenId> tokens);

/// Packs trees into rows of at most `max_tokens` by best fit, largest first; a tree larger than that gets a row of its own. The order
/// of trees inside rows is deterministic. `origin[r]` lists the input trees of row r in their order there; response numbers are
/// renumbered over the row.
struct PackedRows {
  std::vector<TokenRow> rows;
  std::vector<std::vector<std::int64_t>> origin;
};
PackedRows pack(std::span<const TokenRow> trees, std::int64_t max_tokens);

}  // namespace drover::model
