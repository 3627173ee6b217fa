#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_id.h"

namespace drover::text {

/// The bytes of each token, by id. Ids may have holes.
class TokenSpellings {
 public:
  /// The largest id that a file may use: a table of all smaller ids exists in memory, and the largest known vocabulary
  /// has 262,400.
  static constexpr std::int32_t kLargestId = (1 << 22) - 1;

  /// Sets the bytes of a token; a later call replaces an earlier one. Throws UserError for an id outside 0 ..
  /// kLargestId.
  void set(TokenId id, std::string_view bytes);

  /// Empty for an id without a token.
  std::string_view operator[](TokenId id) const {
    const auto index = static_cast<std::size_t>(static_cast<std::uint32_t>(to_int(id)));
    if (index >= places_.size()) return {};
    return {bytes_.data() + places_[index].begin, places_[index].length};
  }

  /// One more than the largest id that was set.
  std::int32_t size() const { return static_cast<std::int32_t>(places_.size()); }

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t length = 0;
  };
  std::string bytes_;
  std::vector<Place> places_;
};

}  // namespace drover::text
