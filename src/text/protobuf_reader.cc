#include "text/protobuf_reader.h"

#include <bit>

#include "base/error.h"

namespace drover::text {

using Wire = ProtobufField::Wire;

std::string_view ProtobufField::as_bytes(const std::string& where) const {
  if (wire != Wire::kBytes)
    throw base::UserError("Field {} in {} is a number where bytes are expected. Is the file damaged?", number, where);
  return bytes;
}

std::int64_t ProtobufField::as_integer(const std::string& where) const {
  if (wire != Wire::kVarint) throw base::UserError("Field {} in {} is no integer. Is the file damaged?", number, where);
  return static_cast<std::int64_t>(value);
}

float ProtobufField::as_float(const std::string& where) const {
  if (wire != Wire::kFixed32)
    throw base::UserError("Field {} in {} is no 32-bit number. Is the file damaged?", number, where);
  return std::bit_cast<float>(static_cast<std::uint32_t>(value));
}

std::string_view ProtobufReader::take(std::uint64_t size) {
  if (size > rest_.size()) {
    throw base::UserError(
        "A field of {} bytes in {} reaches beyond its message, which has {} bytes left. Is the file cut off?", size,
        where_, rest_.size());
  }
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::uint64_t ProtobufReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(1)[0]);
    if (shift < 64) value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  throw base::UserError("A number in {} has more than ten bytes. Is the file damaged?", where_);
}

std::optional<ProtobufField> ProtobufReader::next() {
  if (rest_.empty()) return std::nullopt;
  const std::uint64_t key = varint();
  ProtobufField field;
  field.number = static_cast<std::uint32_t>(key >> 3);
  const auto little_endian = [&](std::uint64_t size) {
    std::uint64_t value = 0;
    int shift = 0;
    for (const char byte : take(size)) {
      value |= std::uint64_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    return value;
  };
  switch (key & 7) {
    case 0:
      field.wire = Wire::kVarint;
      field.value = varint();
      break;
    case 1:
      field.wire = Wire::kFixed64;
      field.value = little_endian(8);
      break;
    case 2:
      field.wire = Wire::kBytes;
      field.bytes = take(varint());
      break;
    case 5:
      field.wire = Wire::kFixed32;
      field.value = little_endian(4);
      break;
    default:
      throw base::UserError("Field {} in {} has the unknown wire type {}. Is this a tokenizer.model of SentencePiece?",
                            field.number, where_, key & 7);
  }
  return field;
}

}  // namespace drover::text
