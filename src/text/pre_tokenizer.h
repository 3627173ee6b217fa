#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::text {

/// Text cut into the pieces that BPE works on one by one. The pieces lie one behind the other in `text`. Reuse saves
/// allocations.
struct Pieces {
  std::string_view text;               ///< the text that was cut, or `storage` where a step changed it
  std::vector<std::uint32_t> lengths;  ///< bytes of each piece, none 0, together the whole of `text`
  std::string storage;
};

/// Cuts plain text (without added tokens) into pieces. Immutable, safe to use from many threads.
///
/// Bytes that are no valid UTF-8 count as one character each that is neither letter, number, blank nor punctuation.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  /// Sets `pieces` to those of `text`, which must be shorter than 4 GiB (checked by the caller).
  virtual void cut(std::string_view text, Pieces& pieces) const = 0;

  /// Names what is done, for hashes: equal names cut equally.
  virtual std::string name() const = 0;
};

}  // namespace drover::text
