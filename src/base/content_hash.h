#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace drover::base {

/// 128 bits that name a content (XXH3-128, seed 0): equal content, equal name. It finds accidents, it does not resist an attacker.
struct ContentHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const ContentHash&) const = default;

  /// 32 hexadecimal digits.
  std::string hex() const;
};

ContentHash content_hash(std::span<const std::byte> bytes);
ContentHash content_hash(std::string_view text);
ContentHash content_hash_of_file(const std::filesystem::path& path);

/// Hashes a sequence of fields. Each field's length is hashed with it, so ("ab", "c") and ("a", "bc") differ.
class FieldHasher {
 public:
  FieldHasher();
  FieldHasher(const FieldHasher&) = delete;
  FieldHasher& operator=(const FieldHasher&) = delete;
  ~FieldHasher();

  FieldHasher& add(std::string_view field);
  FieldHasher& add(std::int64_t number);
  FieldHasher& add(const ContentHash& hash);
  ContentHash finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::base
