#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover::text {

/// One field of a protobuf message as it lies in the file (protobuf.dev, "Encoding").
struct ProtobufField {
  std::uint32_t number = 0;
  std::uint64_t value = 0;  ///< of integers, enums, booleans; the bits of a 32- or 64-bit field
  std::string_view bytes;   ///< of strings, bytes and embedded messages
  enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 } wire = Wire::kVarint;

  std::string_view as_bytes(
      const std::string& where) const;  ///< throws UserError when the field is a number, and so on below
  std::int64_t as_integer(const std::string& where) const;
  bool as_bool(const std::string& where) const { return as_integer(where) != 0; }
  float as_float(const std::string& where) const;
};

/// Walks the fields of one message, in order. Every length is checked against the bytes at hand; nothing is copied.
class ProtobufReader {
 public:
  /// `where` names the file in messages and must outlive the reader, as must the bytes.
  ProtobufReader(std::string_view message, const std::string& where) : rest_(message), where_(where) {}

  /// The next field, or nothing at the end. Throws UserError on bytes that are no message.
  std::optional<ProtobufField> next();

 private:
  std::uint64_t varint();
  std::string_view take(std::uint64_t size);

  std::string_view rest_;
  const std::string& where_;
};

}  // namespace drover::text
