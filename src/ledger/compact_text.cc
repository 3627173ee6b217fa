#include "ledger/compact_text.h"

#include <array>
#include <bit>
#include <cstdint>

#include "base/error.h"

namespace drover::ledger {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kValues = make_values();

[[noreturn]] void refuse() {
  throw base::UserError("A packed column of the ledger is damaged; restore the file from a copy.");
}

// Without "=" at the end: the length says how many bytes the last group holds.
std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t group = 0;
  int bits = 0;
  for (const char byte : bytes) {
    group = group << 8U | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) out.push_back(kAlphabet[group >> (bits - 6) & 63U]);
  }
  if (bits > 0) out.push_back(kAlphabet[group << (6 - bits) & 63U]);
  return out;
}

std::string from_base64(std::string_view text) {
  if (text.size() % 4 == 1) refuse();
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t group = 0;
  int bits = 0;
  for (const char letter : text) {
    const int value = kValues[static_cast<unsigned char>(letter)];
    if (value < 0) refuse();
    group = group << 6U | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>(group >> bits & 255U));
    }
  }
  return out;
}

}  // namespace

std::string pack_ids(std::span<const text::TokenId> ids) {
  std::string bytes;
  bytes.reserve(ids.size() * 3);
  for (const auto id : ids) {
    auto rest = static_cast<std::uint32_t>(text::to_int(id));
    for (; rest >= 128; rest >>= 7U) bytes.push_back(static_cast<char>(rest | 128U));
    bytes.push_back(static_cast<char>(rest));
  }
  return to_base64(bytes);
}

std::vector<text::TokenId> unpack_ids(std::string_view packed) {
  const auto bytes = from_base64(packed);
  std::vector<text::TokenId> ids;
  std::uint32_t value = 0;
  unsigned shift = 0;
  for (const char byte : bytes) {
    if (shift > 28) refuse();
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(byte) & 127U) << shift;
    shift += 7;
    if ((static_cast<unsigned char>(byte) & 128U) != 0) continue;
    ids.push_back(text::TokenId{static_cast<std::int32_t>(value)});
    value = 0;
    shift = 0;
  }
  if (shift != 0) refuse();
  return ids;
}

std::string pack_floats(std::span<const float> values) {
  std::string bytes;
  bytes.reserve(values.size() * 4);
  for (const float value : values) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(word >> shift & 255U));
  }
  return to_base64(bytes);
}

std::vector<float> unpack_floats(std::string_view packed) {
  const auto bytes = from_base64(packed);
  if (bytes.size() % 4 != 0) refuse();
  std::vector<float> values;
  values.reserve(bytes.size() / 4);
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint32_t word = 0;
    for (unsigned k = 0; k < 4; ++k)
      word |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + k])) << (8 * k);
    values.push_back(std::bit_cast<float>(word));
  }
  return values;
}

}  // namespace drover::ledger
