#include "text/normalization_map.h"

#include "base/error.h"

namespace drover::text {
namespace {

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

// The parts of one unit of the double array, as the Darts-clone library lays them out.
bool has_value(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t label(std::uint32_t unit) { return unit & (0x80000000u | 0xFFu); }
std::uint32_t offset(std::uint32_t unit) { return unit >> 10 << ((unit & 0x200u) >> 6); }
std::uint32_t value(std::uint32_t unit) { return unit & 0x7FFFFFFFu; }

}  // namespace

NormalizationMap::NormalizationMap(std::string_view charsmap, const std::string& where) {
  if (charsmap.empty()) return;
  if (charsmap.size() < 4)
    throw base::UserError("The normalization rules in {} are cut off after {} bytes.", where, charsmap.size());
  const std::uint32_t trie_bytes = little_endian(charsmap, 0);
  if (trie_bytes > charsmap.size() - 4 || trie_bytes % 4 != 0 || trie_bytes == 0) {
    throw base::UserError("The normalization rules in {} claim a table of {} bytes; they have {} in all.", where,
                          trie_bytes, charsmap.size());
  }
  units_.reserve(trie_bytes / 4);
  for (std::size_t at = 4; at < 4 + std::size_t{trie_bytes}; at += 4) units_.push_back(little_endian(charsmap, at));
  replacements_ = charsmap.substr(4 + std::size_t{trie_bytes});
  replacements_.push_back('\0');  // each replacement ends with one; the last of a damaged file might not
}

NormalizationMap::Rule NormalizationMap::longest(std::string_view text) const {
  Rule rule;
  if (units_.empty()) return rule;
  std::size_t node = offset(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) break;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_value(unit) || node >= units_.size()) continue;
    const std::size_t begin = value(units_[node]);
    if (begin >= replacements_.size()) continue;
    rule.length = i + 1;
    rule.replacement = std::string_view(replacements_).substr(begin, replacements_.find('\0', begin) - begin);
  }
  return rule;
}

}  // namespace drover::text
