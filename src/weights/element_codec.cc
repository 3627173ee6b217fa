#include "weights/element_codec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "weights/block_decoders.h"
#include "weights/small_floats.h"

namespace drover::weights {
namespace {

/// Elements that one thread decodes at a time; a multiple of every block.
constexpr std::int64_t kPieceElements = std::int64_t{1} << 16;

/// Elements decoded to float32 on the way to bfloat16; small enough for the first cache.
constexpr std::int64_t kStepElements = 2048;

using Decode = void (*)(const std::uint8_t* bytes, std::int64_t blocks, float* out);

/// Plain elements at any address: memcpy reads them, which compiles to plain vector loads.
template <typename Stored, auto convert>
void decode_plain(const std::uint8_t* bytes, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, bytes + i * static_cast<std::int64_t>(sizeof stored), sizeof stored);
    out[i] = convert(stored);
  }
}

template <typename Stored>
float cast_to_float(Stored stored) {
  return static_cast<float>(stored);
}

float truth_to_float(std::uint8_t stored) { return stored != 0 ? 1.0f : 0.0f; }

void decode_f8_e4m3(const std::uint8_t* bytes, std::int64_t count, float* out) {
  static const std::array<float, 256> kTable = [] {
    std::array<float, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = f8_e4m3_to_float(static_cast<std::uint8_t>(i));
    return table;
  }();
  for (std::int64_t i = 0; i < count; ++i) out[i] = kTable[bytes[i]];
}

void decode_f32(const std::uint8_t* bytes, std::int64_t count, float* out) {
  std::memcpy(out, bytes, static_cast<std::size_t>(count) * sizeof(float));
}

Decode decoder_of(ElementType type) {
  switch (type) {
    case ElementType::kBool: return decode_plain<std::uint8_t, truth_to_float>;
    case ElementType::kU8: return decode_plain<std::uint8_t, cast_to_float<std::uint8_t>>;
    case ElementType::kI8: return decode_plain<std::int8_t, cast_to_float<std::int8_t>>;
    case ElementType::kI16: return decode_plain<std::int16_t, cast_to_float<std::int16_t>>;
    case ElementType::kU16: return decode_plain<std::uint16_t, cast_to_float<std::uint16_t>>;
    case ElementType::kI32: return decode_plain<std::int32_t, cast_to_float<std::int32_t>>;
    case ElementType::kU32: return decode_plain<std::uint32_t, cast_to_float<std::uint32_t>>;
    case ElementType::kI64: return decode_plain<std::int64_t, cast_to_float<std::int64_t>>;
    case ElementType::kU64: return decode_plain<std::uint64_t, cast_to_float<std::uint64_t>>;
    case ElementType::kF8E4M3: return decode_f8_e4m3;
    case ElementType::kF8E5M2: return decode_plain<std::uint8_t, f8_e5m2_to_float>;
    case ElementType::kF16: return decode_plain<std::uint16_t, half_to_float>;
    case ElementType::kBF16: return decode_plain<std::uint16_t, bfloat16_to_float>;
    case ElementType::kF32: return decode_f32;
    case ElementType::kF64: return decode_plain<double, cast_to_float<double>>;
    case ElementType::kQ4_0: return decode_q4_0;
    case ElementType::kQ4_1: return decode_q4_1;
    case ElementType::kQ5_0: return decode_q5_0;
    case ElementType::kQ5_1: return decode_q5_1;
    case ElementType::kQ8_0: return decode_q8_0;
    case ElementType::kQ2_K: return decode_q2_k;
    case ElementType::kQ3_K: return decode_q3_k;
    case ElementType::kQ4_K: return decode_q4_k;
    case ElementType::kQ5_K: return decode_q5_k;
    case ElementType::kQ6_K: return decode_q6_k;
  }
  DROVER_CHECK(false, "Element type {} does not exist", static_cast<int>(type));
  return nullptr;
}

void check_sizes(ElementType type, std::size_t bytes, std::size_t elements) {
  const BlockSize block = block_size(type);
  DROVER_CHECK(bytes % static_cast<std::size_t>(block.bytes) == 0, "{} bytes are not whole blocks of {}", bytes, name_of(type));
  DROVER_CHECK_EQ(bytes / static_cast<std::size_t>(block.bytes) * static_cast<std::size_t>(block.elements), elements,
                  "Encoded and decoded {} elements differ in number", name_of(type));
}

/// Decodes elements begin .. end-1, both at block boundaries.
void decode_range(ElementType type, std::span<const std::byte> bytes, std::int64_t begin, std::int64_t end, float* out) {
  const BlockSize block = block_size(type);
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data()) + begin / block.elements * block.bytes;
  decoder_of(type)(first, (end - begin) / block.elements, out);
}

void decode_range_to_bfloat16(ElementType type, std::span<const std::byte> bytes, std::int64_t begin, std::int64_t end,
                              std::uint16_t* out) {
  if (type == ElementType::kBF16) {
    std::memcpy(out, bytes.data() + 2 * begin, static_cast<std::size_t>(end - begin) * 2);
    return;
  }
  std::array<float, kStepElements> decoded;
  for (; begin < end; begin += kStepElements, out += kStepElements) {
    const std::int64_t count = std::min(kStepElements, end - begin);
    decode_range(type, bytes, begin, begin + count, decoded.data());
    for (std::int64_t i = 0; i < count; ++i) out[i] = float_to_bfloat16(decoded[static_cast<std::size_t>(i)]);
  }
}

void encode_q8_0(std::span<const float> values, std::uint8_t* out) {
  constexpr std::size_t kValues = 32;
  for (std::size_t begin = 0; begin < values.size(); begin += kValues, out += 34) {
    const float* value = values.data() + begin;
    float largest = 0;
    bool is_finite = true;
    for (std::size_t j = 0; j < kValues; ++j) {
      const float magnitude = std::fabs(value[j]);
      is_finite = is_finite && magnitude <= std::numeric_limits<float>::max();
      largest = std::max(largest, magnitude);
    }
    const float scale = largest / 127.0f;
    const std::uint16_t stored_scale = float_to_half(scale);
    if (!is_finite || stored_scale >= 0x7C00u) {
      throw base::UserError(
          "Elements {} to {} of a tensor hold a value that Q8_0 cannot store (not finite, or above 8,318,000 in magnitude). "
          "Write bf16 or f32, or look for the fault that made such weights.",
          begin, begin + kValues - 1);
    }
    std::memcpy(out, &stored_scale, sizeof stored_scale);
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    for (std::size_t j = 0; j < kValues; ++j) {
      const float scaled = value[j] * inverse;
      // Half away from zero on the magnitude; the fraction is exact, so no value just below a half is pushed over it.
      const float magnitude = std::min(std::fabs(scaled), 127.0f);
      const auto whole = static_cast<std::int32_t>(magnitude);
      const std::int32_t rounded = whole + (magnitude - static_cast<float>(whole) >= 0.5f ? 1 : 0);
      out[2 + j] = static_cast<std::uint8_t>(scaled < 0 ? -rounded : rounded);
    }
  }
}

}  // namespace

void to_float32(ElementType type, std::span<const std::byte> bytes, std::span<float> out) {
  check_sizes(type, bytes.size(), out.size());
  if (out.empty()) return;
  decode_range(type, bytes, 0, static_cast<std::int64_t>(out.size()), out.data());
}

void to_float32(ElementType type, std::span<const std::byte> bytes, std::span<float> out, base::ThreadPool& pool) {
  check_sizes(type, bytes.size(), out.size());
  if (out.empty()) return;
  pool.parallel_for(static_cast<std::int64_t>(out.size()), kPieceElements, [&](std::int64_t begin, std::int64_t end) {
    decode_range(type, bytes, begin, end, out.data() + begin);
  });
}

void to_bfloat16(ElementType type, std::span<const std::byte> bytes, std::span<std::uint16_t> out) {
  check_sizes(type, bytes.size(), out.size());
  if (out.empty()) return;
  decode_range_to_bfloat16(type, bytes, 0, static_cast<std::int64_t>(out.size()), out.data());
}

void to_bfloat16(ElementType type, std::span<const std::byte> bytes, std::span<std::uint16_t> out, base::ThreadPool& pool) {
  check_sizes(type, bytes.size(), out.size());
  if (out.empty()) return;
  pool.parallel_for(static_cast<std::int64_t>(out.size()), kPieceElements, [&](std::int64_t begin, std::int64_t end) {
    decode_range_to_bfloat16(type, bytes, begin, end, out.data() + begin);
  });
}

bool is_encodable(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF16 || type == ElementType::kBF16 || type == ElementType::kQ8_0;
}

void from_float32(ElementType type, std::span<const float> values, std::span<std::byte> out) {
  DROVER_CHECK(is_encodable(type), "float32 cannot be encoded as {}", name_of(type));
  check_sizes(type, out.size(), values.size());
  if (values.empty()) return;
  auto* bytes = reinterpret_cast<std::uint8_t*>(out.data());
  if (type == ElementType::kF32) {
    std::memcpy(bytes, values.data(), values.size_bytes());
  } else if (type == ElementType::kQ8_0) {
    encode_q8_0(values, bytes);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint16_t encoded = type == ElementType::kF16 ? float_to_half(values[i]) : float_to_bfloat16(values[i]);
      std::memcpy(bytes + 2 * i, &encoded, sizeof encoded);
    }
  }
}

}  // namespace drover::weights
