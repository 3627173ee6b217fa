#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace drover::weights {

/// Reorders the rows of a q or k projection (or its bias) from the order of Hugging Face models, which rotate a head's halves
/// (i, i + d/2), to that of GGUF Llama files, which rotate neighbours (2i, 2i + 1): of each head of width d,
/// `out[2i + s] = in[s * d/2 + i]` for s in {0, 1}. Rows move whole, so any encoding that stores rows one after the other works,
/// quantised ones included. `num_heads` is the number of key-value heads for k. v and the output projection stay as they are.
/// Both spans hold `num_rows` rows of equal size and must not overlap; num_rows must be a multiple of 2 * num_heads (checked).
void rope_halves_to_neighbours(std::span<const std::byte> in, std::int64_t num_rows, std::int64_t num_heads,
                               std::span<std::byte> out);

/// The inverse: `out[s * d/2 + i] = in[2i + s]`. For reading GGUF Llama files.
void rope_neighbours_to_halves(std::span<const std::byte> in, std::int64_t num_rows, std::int64_t num_heads,
                               std::span<std::byte> out);

}  // namespace drover::weights
