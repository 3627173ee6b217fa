#include "weights/rope_rows.h"

#include <cstring>

#include "base/error.h"

namespace drover::weights {
namespace {

/// Calls move(row in halves order, row in neighbours order) for every row.
template <typename Move>
void for_each_row(std::int64_t num_rows, std::int64_t num_heads, const Move& move) {
  const std::int64_t head_dim = num_rows / num_heads;
  for (std::int64_t head = 0; head < num_heads; ++head) {
    for (std::int64_t half = 0; half < 2; ++half) {
      for (std::int64_t i = 0; i < head_dim / 2; ++i) {
        move(head * head_dim + half * head_dim / 2 + i, head * head_dim + 2 * i + half);
      }
    }
  }
}

std::size_t bytes_per_row(std::span<const std::byte> in, std::int64_t num_rows, std::int64_t num_heads,
                          std::span<const std::byte> out) {
  DROVER_CHECK(num_heads > 0 && num_rows > 0 && num_rows % (2 * num_heads) == 0,
               "{} rows cannot be split into halves of {} heads", num_rows, num_heads);
  DROVER_CHECK_EQ(in.size(), out.size(), "Rows before and after reordering differ in size");
  DROVER_CHECK(in.size() % static_cast<std::size_t>(num_rows) == 0, "{} bytes are not {} equal rows", in.size(), num_rows);
  DROVER_CHECK(!in.empty(), "Rows to reorder hold no bytes");
  return in.size() / static_cast<std::size_t>(num_rows);
}

}  // namespace

void rope_halves_to_neighbours(std::span<const std::byte> in, std::int64_t num_rows, std::int64_t num_heads,
                               std::span<std::byte> out) {
  const std::size_t size = bytes_per_row(in, num_rows, num_heads, out);
  for_each_row(num_rows, num_heads, [&](std::int64_t halves, std::int64_t neighbours) {
    std::memcpy(out.data() + static_cast<std::size_t>(neighbours) * size, in.data() + static_cast<std::size_t>(halves) * size,
                size);
  });
}

void rope_neighbours_to_halves(std::span<const std::byte> in, std::int64_t num_rows, std::int64_t num_heads,
                               std::span<std::byte> out) {
  const std::size_t size = bytes_per_row(in, num_rows, num_heads, out);
  for_each_row(num_rows, num_heads, [&](std::int64_t halves, std::int64_t neighbours) {
    std::memcpy(out.data() + static_cast<std::size_t>(halves) * size, in.data() + static_cast<std::size_t>(neighbours) * size,
                size);
  });
}

}  // namespace drover::weights
