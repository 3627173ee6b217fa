#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drover::weights {

/// How the elements of a stored tensor are encoded: plain numbers, or the block formats of GGUF.
enum class ElementType {
  kBool, kU8, kI8, kI16, kU16, kI32, kU32, kI64, kU64, kF8E4M3, kF8E5M2, kF16, kBF16, kF32, kF64,
  kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K,
};

/// "BF16", "Q4_K": as safetensors and GGUF spell it.
std::string_view name_of(ElementType type);

/// Elements per block and bytes per block; 1 and the element's size for plain types.
struct BlockSize {
  std::int64_t elements;
  std::int64_t bytes;
};
BlockSize block_size(ElementType type);

/// The bytes that a tensor of this type and shape occupies, or nothing when a size is negative, the product overflows, or a row
/// (the last dimension) is not a whole number of blocks.
std::optional<std::uint64_t> stored_bytes(ElementType type, std::span<const std::int64_t> shape);

/// A tensor inside a container file: borrowed bytes, valid while the container lives.
struct TensorView {
  std::string name = {};
  ElementType type = ElementType::kF32;
  std::vector<std::int64_t> shape = {};  ///< slowest dimension first, as in PyTorch ([out, in]); GGUF's order is reversed on reading
  std::span<const std::byte> bytes = {};  ///< a foreign file may place them at any address: ask is_aligned() before casting the pointer

  std::int64_t num_elements() const;
  /// Whether the bytes begin at a multiple of the element's size (plain types); block formats are always read bytewise.
  bool is_aligned() const;
};

/// Gives a writer the bytes of its index-th tensor when their turn comes, so that converted tensors need not exist all at once.
/// The span must stay valid until the next call. Writers call it once for each tensor, in the order in which they store them.
using TensorBytes = std::function<std::span<const std::byte>(std::size_t index)>;

/// Decodes any element type to float32. `out.size()` must be the number of elements; blocks must be whole (both checked).
void to_float32(ElementType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace drover::weights
