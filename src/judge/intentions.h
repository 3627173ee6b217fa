#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/judge.h"

namespace drover::judge {

/// The distinct intentions behind a user's prompt (InsTag, Lu et al. 2023, arXiv:2308.07074): the more, the harder.
struct Intentions {
  std::set<std::string> tags;  ///< normalised

  std::size_t count() const { return tags.size(); }
};

/// A tag as tags are compared: lower case, letters and digits only, words in the singular ("Length limits!" is "length
/// limit"). Letters outside ASCII stay as they are. Empty when nothing is left. InsTag also merges tags that mean the same
/// by embeddings; the count needs only that one prompt's tags are not spelled twice.
std::string normalised_tag(std::string_view tag);

/// Asks for each dialog's intentions. Empty where the answer cannot be read: unknown, not zero.
std::vector<std::optional<Intentions>> list_intentions(Judge& judge, std::span<const chat::Dialog> dialogs);

}  // namespace drover::judge
