#include "base/random_stream.h"

#include <cmath>
#include <numbers>

#include "base/content_hash.h"
#include "base/error.h"

namespace drover::base {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view purpose, std::uint64_t index) : index_(index) {
  const auto name = FieldHasher().add(static_cast<std::int64_t>(seed)).add(purpose).finish();
  key_ = {static_cast<std::uint32_t>(name.low), static_cast<std::uint32_t>(name.low >> 32)};
}

RandomStream RandomStream::child(std::uint64_t index) const {
  const auto name = FieldHasher()
                        .add((static_cast<std::int64_t>(key_[1]) << 32) | key_[0])
                        .add(static_cast<std::int64_t>(index_))
                        .finish();
  return RandomStream({static_cast<std::uint32_t>(name.low), static_cast<std::uint32_t>(name.low >> 32)}, index);
}

std::uint32_t RandomStream::next_u32() {
  const std::uint64_t block = position_ / 4;
  if (block != cached_block_) {
    block_ = philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                         static_cast<std::uint32_t>(index_), static_cast<std::uint32_t>(index_ >> 32)},
                        key_);
    cached_block_ = block;
  }
  return block_[position_++ % 4];
}

std::uint64_t RandomStream::next_u64() {
  const std::uint64_t high = next_u32();
  return (high << 32) | next_u32();
}

double RandomStream::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

std::uint64_t RandomStream::below(std::uint64_t bound) {
  DROVER_CHECK(bound > 0, "A random number below 0 does not exist");
  const std::uint64_t reject_below = (0 - bound) % bound;  // 2^64 mod bound: draws below it would favour small numbers
  for (;;) {
    const std::uint64_t draw = next_u64();
    if (draw >= reject_below) return draw % bound;
  }
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace drover::base
