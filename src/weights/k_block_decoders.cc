// The K formats: super-blocks of 256 values whose groups of 16 or 32 have small integer scales, themselves scaled by halves.
#include <cstring>

#include "weights/block_decoders.h"
#include "weights/small_floats.h"

namespace drover::weights {
namespace {

constexpr int kValues = 256;

float half_at(const std::uint8_t* bytes) {
  std::uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return half_to_float(bits);
}

/// The 6-bit scales and minimums of Q4_K and Q5_K, eight each in 12 bytes: 0..3 in the low bits of bytes 0..3 and 4..7; 4..7 in the
/// nibbles of bytes 8..11, their upper two bits on top of bytes 0..3 and 4..7.
struct ScalesAndMinimums {
  float scale[8];
  float minimum[8];

  ScalesAndMinimums(const std::uint8_t* packed, float scale_unit, float minimum_unit) {
    for (int j = 0; j < 4; ++j) {
      scale[j] = scale_unit * static_cast<float>(packed[j] & 63);
      minimum[j] = minimum_unit * static_cast<float>(packed[j + 4] & 63);
      scale[j + 4] = scale_unit * static_cast<float>((packed[j + 8] & 15) | (packed[j] >> 6 << 4));
      minimum[j + 4] = minimum_unit * static_cast<float>((packed[j + 8] >> 4) | (packed[j + 4] >> 6 << 4));
    }
  }
};

}  // namespace

// 16 bytes (low nibble scale, high nibble minimum of each group of 16), 64 bytes of 2-bit quants, half d, half dmin. In each half of
// the block, 32 bytes hold four runs of 32 values at shifts 0, 2, 4, 6.
void decode_q2_k(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 84, out += kValues) {
    const float scale_unit = half_at(block + 80);
    const float minimum_unit = half_at(block + 82);
    for (int group = 0; group < 16; ++group) {
      const float scale = scale_unit * static_cast<float>(block[group] & 15);
      const float minimum = minimum_unit * static_cast<float>(block[group] >> 4);
      const std::uint8_t* quants = block + 16 + group / 8 * 32 + group % 2 * 16;
      const int shift = group % 8 / 2 * 2;
      for (int j = 0; j < 16; ++j) out[group * 16 + j] = scale * static_cast<float>((quants[j] >> shift) & 3) - minimum;
    }
  }
}

// 32 bytes of third bits (bit r of byte j: value j of run r of 32; a clear bit subtracts 4), 64 bytes of 2-bit quants as in Q2_K,
// 12 bytes with sixteen 6-bit scales (nibbles of bytes 0..7, upper two bits in bytes 8..11) minus 32, half d.
void decode_q3_k(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 110, out += kValues) {
    const float scale_unit = half_at(block + 108);
    const std::uint8_t* scales = block + 96;
    for (int group = 0; group < 16; ++group) {
      const int low = (scales[group % 8] >> (group / 8 * 4)) & 15;
      const int high = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
      const float scale = scale_unit * static_cast<float>((low | high << 4) - 32);
      const std::uint8_t* quants = block + 32 + group / 8 * 32 + group % 2 * 16;
      const std::uint8_t* third_bits = block + group % 2 * 16;
      const int shift = group % 8 / 2 * 2;
      const int run = group / 2;
      for (int j = 0; j < 16; ++j) {
        const int third = (third_bits[j] >> run) & 1;
        out[group * 16 + j] = scale * static_cast<float>(((quants[j] >> shift) & 3) + 4 * third - 4);
      }
    }
  }
}

// half d, half dmin, 12 bytes of scales and minimums, 128 bytes: 32 bytes hold two groups of 32, low nibbles first.
void decode_q4_k(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 144, out += kValues) {
    const ScalesAndMinimums group(block + 4, half_at(block), half_at(block + 2));
    for (int pair = 0; pair < 4; ++pair) {
      const std::uint8_t* quants = block + 16 + pair * 32;
      float* first = out + pair * 64;
      for (int j = 0; j < 32; ++j) {
        first[j] = group.scale[2 * pair] * static_cast<float>(quants[j] & 15) - group.minimum[2 * pair];
      }
      for (int j = 0; j < 32; ++j) {
        first[j + 32] = group.scale[2 * pair + 1] * static_cast<float>(quants[j] >> 4) - group.minimum[2 * pair + 1];
      }
    }
  }
}

// As Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte j belongs to value j of group g.
void decode_q5_k(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 176, out += kValues) {
    const ScalesAndMinimums group(block + 4, half_at(block), half_at(block + 2));
    const std::uint8_t* fifth_bits = block + 16;
    for (int g = 0; g < 8; ++g) {
      const std::uint8_t* quants = block + 48 + g / 2 * 32;
      const int shift = g % 2 * 4;
      for (int j = 0; j < 32; ++j) {
        const int quant = ((quants[j] >> shift) & 15) | ((fifth_bits[j] >> g) & 1) << 4;
        out[g * 32 + j] = group.scale[g] * static_cast<float>(quant) - group.minimum[g];
      }
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed scales (groups of 16), half d. Per half of the block: 64 bytes of
// nibbles (low halves: runs 0 and 1 of 32 values; high halves: runs 2 and 3), 32 bytes of bit pairs (run r at shift 2r).
void decode_q6_k(const std::uint8_t* block, std::int64_t blocks, float* out) {
  for (; blocks > 0; --blocks, block += 210, out += kValues) {
    const float scale_unit = half_at(block + 208);
    std::int8_t scales[16];
    std::memcpy(scales, block + 192, sizeof scales);
    for (int group = 0; group < 16; ++group) {
      const int run = group % 8 / 2;
      const int within = group % 2 * 16;
      const std::uint8_t* low = block + group / 8 * 64 + run % 2 * 32 + within;
      const std::uint8_t* high = block + 128 + group / 8 * 32 + within;
      const int low_shift = run / 2 * 4;
      const int high_shift = run * 2;
      const float scale = scale_unit * static_cast<float>(scales[group]);
      for (int j = 0; j < 16; ++j) {
        const int quant = ((low[j] >> low_shift) & 15) | ((high[j] >> high_shift) & 3) << 4;
        out[group * 16 + j] = scale * static_cast<float>(quant - 32);
      }
    }
  }
}

}  // namespace drover::weights
