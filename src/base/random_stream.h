#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace drover::base {

/// One block of Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four words from a counter and
/// a key, without state.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of random numbers that depends on its name only, not on who else draws: (seed, purpose, index) name it, and the n-th
/// draw of a stream is a pure function of that name and n. A sample therefore does not change with the batch it is computed in.
class RandomStream {
 public:
  /// `purpose` keeps uses apart ("sample", "shuffle"); `index` counts within the use (prompt, sample, epoch).
  RandomStream(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0);

  /// The stream with the same name and one more index, independent of this one and of how much was drawn from it.
  RandomStream child(std::uint64_t index) const;

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  /// Uniform in 0 .. bound-1 without bias; bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// Normal with mean 0 and variance 1 (Box-Muller).
  double normal();

  /// Permutes `items` (Fisher-Yates).
  template <typename T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  /// The number of 32-bit words drawn so far; a stream resumes exactly after `skip_to(position())`.
  std::uint64_t position() const { return position_; }
  void skip_to(std::uint64_t position) { position_ = position; }

 private:
  RandomStream(std::array<std::uint32_t, 2> key, std::uint64_t index) : key_(key), index_(index) {}

  std::array<std::uint32_t, 2> key_;
  std::uint64_t index_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t cached_block_ = ~std::uint64_t{0};
  std::array<std::uint32_t, 4> block_{};
};

}  // namespace drover::base
