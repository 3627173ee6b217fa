#include "model/attention_blocks.h"

#include <cstddef>

namespace drover::model {
namespace {

// below[s]: whether segment s descends from `ancestor`.
std::vector<bool> descendants(const TokenRow& row, std::size_t ancestor) {
  std::vector<bool> below(row.segments.size(), false);
  for (std::size_t s = ancestor + 1; s < row.segments.size(); ++s) {
    const std::int32_t parent = row.segments[s].parent;
    below[s] = parent >= 0 && (static_cast<std::size_t>(parent) == ancestor || below[static_cast<std::size_t>(parent)]);
  }
  return below;
}

}  // namespace

std::vector<AttentionBlock> attention_blocks(const TokenRow& row) {
  std::vector<AttentionBlock> blocks;
  for (const Segment& own : row.segments) {
    if (own.end > own.begin) blocks.push_back({own.begin, own.end, own.begin, own.end, true});
  }
  std::vector<bool> is_parent(row.segments.size(), false);
  for (const Segment& segment : row.segments) {
    if (segment.parent >= 0) is_parent[static_cast<std::size_t>(segment.parent)] = true;
  }
  for (std::size_t a = 0; a < row.segments.size(); ++a) {
    const Segment& ancestor = row.segments[a];
    if (!is_parent[a] || ancestor.begin == ancestor.end) continue;
    const std::vector<bool> below = descendants(row, a);
    for (std::size_t s = a + 1; s < below.size();) {
      if (!below[s]) {
        ++s;
        continue;
      }
      const std::int64_t begin = row.segments[s].begin;
      while (s < below.size() && below[s]) ++s;
      const std::int64_t end = row.segments[s - 1].end;
      if (end > begin) blocks.push_back({begin, end, ancestor.begin, ancestor.end, false});
    }
  }
  return blocks;
}

}  // namespace drover::model
