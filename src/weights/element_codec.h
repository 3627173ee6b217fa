#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "weights/tensor.h"

namespace drover::weights {

/// Decodes any element type to float32 on all threads of the pool; results are those of to_float32().
void to_float32(ElementType type, std::span<const std::byte> bytes, std::span<float> out, base::ThreadPool& pool);

/// Decodes any element type to bfloat16 (the upper half of a float32, rounded to nearest, ties to even). BF16 is copied as it is.
/// Sizes as for to_float32().
void to_bfloat16(ElementType type, std::span<const std::byte> bytes, std::span<std::uint16_t> out);
void to_bfloat16(ElementType type, std::span<const std::byte> bytes, std::span<std::uint16_t> out, base::ThreadPool& pool);

/// Whether from_float32() can write this type.
bool is_encodable(ElementType type);

/// Encodes float32 as F32, F16, BF16 (both rounded to nearest, ties to even) or Q8_0 (scale: largest magnitude of 32 values / 127,
/// as a half; values rounded half away from zero). `out` must have the encoded size; Q8_0 needs whole blocks of 32 (both checked).
void from_float32(ElementType type, std::span<const float> values, std::span<std::byte> out);

}  // namespace drover::weights
