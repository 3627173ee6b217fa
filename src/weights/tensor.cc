#include "weights/tensor.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace drover::weights {
namespace {

struct Facts {
  std::string_view name;
  BlockSize block;
};

// In the order of ElementType.
constexpr std::array<Facts, 25> kFacts = {{
    {"BOOL", {1, 1}},     {"U8", {1, 1}},       {"I8", {1, 1}},       {"I16", {1, 2}},    {"U16", {1, 2}},
    {"I32", {1, 4}},      {"U32", {1, 4}},      {"I64", {1, 8}},      {"U64", {1, 8}},    {"F8_E4M3", {1, 1}},
    {"F8_E5M2", {1, 1}},  {"F16", {1, 2}},      {"BF16", {1, 2}},     {"F32", {1, 4}},    {"F64", {1, 8}},
    {"Q4_0", {32, 18}},   {"Q4_1", {32, 20}},   {"Q5_0", {32, 22}},   {"Q5_1", {32, 24}}, {"Q8_0", {32, 34}},
    {"Q2_K", {256, 84}},  {"Q3_K", {256, 110}}, {"Q4_K", {256, 144}}, {"Q5_K", {256, 176}},
    {"Q6_K", {256, 210}},
}};
static_assert(static_cast<std::size_t>(ElementType::kQ6_K) + 1 == kFacts.size());

const Facts& facts_of(ElementType type) {
  const auto index = static_cast<std::size_t>(type);
  DROVER_CHECK(index < kFacts.size(), "Element type {} does not exist", index);
  return kFacts[index];
}

}  // namespace

std::string_view name_of(ElementType type) { return facts_of(type).name; }

BlockSize block_size(ElementType type) { return facts_of(type).block; }

std::optional<std::uint64_t> stored_bytes(ElementType type, std::span<const std::int64_t> shape) {
  const BlockSize block = block_size(type);
  const std::int64_t row = shape.empty() ? 1 : shape.back();
  if (row < 0 || row % block.elements != 0) return std::nullopt;
  bool is_empty = false;
  // Zero is looked for first, so that its place among large sizes does not decide whether the product overflows on the way.
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    is_empty = is_empty || size == 0;
  }
  if (is_empty) return 0;
  std::uint64_t elements = 1;
  for (const std::int64_t size : shape) {
    // Products stay below 2^63, so that counts of elements and bytes also fit signed arithmetic.
    if (elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / static_cast<std::uint64_t>(size)) {
      return std::nullopt;
    }
    elements *= static_cast<std::uint64_t>(size);
  }
  const std::uint64_t blocks = elements / static_cast<std::uint64_t>(block.elements);
  if (blocks > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / block.bytes)) return std::nullopt;
  return blocks * static_cast<std::uint64_t>(block.bytes);
}

std::int64_t TensorView::num_elements() const {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;  // beside it, other sizes may be too large to multiply
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

bool TensorView::is_aligned() const {
  const BlockSize block = block_size(type);
  if (block.elements > 1) return true;
  return reinterpret_cast<std::uintptr_t>(bytes.data()) % static_cast<std::uintptr_t>(block.bytes) == 0;
}

}  // namespace drover::weights
