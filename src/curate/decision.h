#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace drover::curate {

/// What a step of curation says about one row. Every step returns one for each row, in the rows' order.
struct Decision {
  std::size_t index = 0;  ///< of the row among those that the step was given
  bool kept = true;
  std::string rule =
      {};  ///< what decided: "emojis", "near duplicate"; a kept row that nothing touched has the step's own ("clean")
  std::string reason = {};  ///< for people: what was found, with its numbers; empty where the rule says it all
  std::optional<std::size_t> other = {};  ///< the row that this one repeats
};

/// The indices of the rows that were kept, ascending.
std::vector<std::size_t> kept_rows(std::span<const Decision> decisions);

}  // namespace drover::curate
