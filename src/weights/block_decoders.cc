// The formats of 32 values a block: one or two halves (scale, minimum), then the quants. A byte holds value j in its low and value
// j + 16 in its high half; Q5 keeps the fifth bits in a 32-bit mask, bit j for value j.
#include "weights/block_decoders.h"

#include <cstring>

#include "weights/small_floats.h"

namespace drover::weights {
namespace {

constexpr int kValues = 32;
constexpr int kHalf = kValues / 2;

float half_at(const std::uint8_t* bytes) {
  std::uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return half_to_float(bits);
}

/// Values 0..15 from the low halves of 16 bytes, 16..31 from the high ones.
void unpack_nibbles(const std::uint8_t* packed, std::uint8_t* quants) {
  for (int j = 0; j < kHalf; ++j) {
    quants[j] = packed[j] & 15;
    quants[j + kHalf] = packed[j] >> 4;
  }
}

void add_fifth_bits(const std::uint8_t* mask_bytes, std::uint8_t* quants) {
  std::uint32_t mask;
  std::memcpy(&mask, mask_bytes, sizeof mask);
  for (int j = 0; j < kValues; ++j) quants[j] |= static_cast<std::uint8_t>(((mask >> j) & 1u) << 4);
}

}  // namespace

void decode_q4_0(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 18, out += kValues) {
    const float scale = half_at(block);
    std::uint8_t quants[kValues];
    unpack_nibbles(block + 2, quants);
    for (int j = 0; j < kValues; ++j) out[j] = scale * static_cast<float>(quants[j] - 8);
  }
}

void decode_q4_1(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 20, out += kValues) {
    const float scale = half_at(block);
    const float minimum = half_at(block + 2);
    std::uint8_t quants[kValues];
    unpack_nibbles(block + 4, quants);
    for (int j = 0; j < kValues; ++j) out[j] = scale * static_cast<float>(quants[j]) + minimum;
  }
}

void decode_q5_0(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 22, out += kValues) {
    const float scale = half_at(block);
    std::uint8_t quants[kValues];
    unpack_nibbles(block + 6, quants);
    add_fifth_bits(block + 2, quants);
    for (int j = 0; j < kValues; ++j) out[j] = scale * static_cast<float>(quants[j] - 16);
  }
}

void decode_q5_1(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 24, out += kValues) {
    const float scale = half_at(block);
    const float minimum = half_at(block + 2);
    std::uint8_t quants[kValues];
    unpack_nibbles(block + 8, quants);
    add_fifth_bits(block + 4, quants);
    for (int j = 0; j < kValues; ++j) out[j] = scale * static_cast<float>(quants[j]) + minimum;
  }
}

void decode_q8_0(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 34, out += kValues) {
    const float scale = half_at(block);
    std::int8_t quants[kValues];
    std::memcpy(quants, block + 2, kValues);
    for (int j = 0; j < kValues; ++j) out[j] = scale * static_cast<float>(quants[j]);
  }
}

}  // namespace drover::weights
