#include "model/token_tree.h"

#include <cmath>

#include "base/error.h"

namespace drover::model {

std::int32_t TokenRow::add_segment(std::int32_t parent, std::span<const text::TokenId> segment_tokens) {
  const auto index = static_cast<std::int32_t>(segments.size());
  DROVER_CHECK(parent >= -1 && parent < index, "Segment {} names parent {}", index, parent);
  const std::int64_t before = position_before_child(parent);
  std::int32_t position = before < 0 ? 0 : positions[static_cast<std::size_t>(before)] + 1;
  const std::int64_t begin = num_tokens();
  tokens.insert(tokens.end(), segment_tokens.begin(), segment_tokens.end());
  for (std::size_t i = 0; i < segment_tokens.size(); ++i) positions.push_back(position++);
  segments.push_back({.parent = parent, .begin = begin, .end = num_tokens()});
  return index;
}

std::int64_t TokenRow::position_before_child(std::int32_t parent) const {
  while (parent >= 0) {
    const Segment& segment = segments[static_cast<std::size_t>(parent)];
    if (segment.end > segment.begin) return segment.end - 1;
    parent = segment.parent;
  }
  return -1;
}

std::int64_t TokenRow::position_before(std::int32_t segment) const {
  DROVER_CHECK(segment >= 0 && segment < static_cast<std::int32_t>(segments.size()), "There is no segment {}", segment);
  return position_before_child(segments[static_cast<std::size_t>(segment)].parent);
}

void TokenRow::validate() const {
  DROVER_CHECK_EQ(positions.size(), tokens.size(), "Every token has a position");
  std::int64_t end = 0;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const Segment& segment = segments[s];
    DROVER_CHECK(segment.parent >= -1 && segment.parent < static_cast<std::int32_t>(s), "Segment {} names parent {}", s,
                 segment.parent);
    DROVER_CHECK_EQ(segment.begin, end, "Segment {} begins where the one before ends", s);
    DROVER_CHECK(segment.end >= segment.begin && segment.end <= num_tokens(), "Segment {} ends at {}", s, segment.end);
    const std::int64_t before = position_before_child(segment.parent);
    std::int32_t position = before < 0 ? 0 : positions[static_cast<std::size_t>(before)] + 1;
    for (std::int64_t t = segment.begin; t < segment.end; ++t) {
      DROVER_CHECK_EQ(positions[static_cast<std::size_t>(t)], position, "Position of token {}", t);
      ++position;
    }
    end = segment.end;
  }
  DROVER_CHECK_EQ(end, num_tokens(), "Segments cover the row");
  for (const LearnedPosition& entry : learned) {
    DROVER_CHECK(entry.position >= 0 && entry.position < num_tokens(), "Learned position {} of {} tokens", entry.position,
                 num_tokens());
    DROVER_CHECK(text::to_int(entry.target) >= 0, "Learned target {}", text::to_int(entry.target));
    DROVER_CHECK(entry.response >= 0, "Learned response {}", entry.response);
    DROVER_CHECK(std::isfinite(entry.weight), "Learned weight {}", entry.weight);
  }
}

TokenRow single_sequence(std::span<const text::TokenId> tokens) {
  TokenRow row;
  row.add_segment(-1, tokens);
  return row;
}

}  // namespace drover::model
