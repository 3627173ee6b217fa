#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weights/byte_cursor.h"
#include "weights/gguf.h"

namespace drover::weights {

/// Fills a GgufFile from bytes; checks all that GgufFile promises.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string_view where);
  GgufFile parse();

 private:
  void read_metadata_entry(std::int64_t index);
  GgufType read_value_type(std::string_view what);
  void read_value(GgufFile::Entry& entry, const std::string& what);
  void read_alignment();
  void read_tensor_info(std::int64_t index);
  void place_tensors();

  std::span<const std::byte> bytes_;
  std::string where_;
  ByteCursor cursor_;
  GgufFile file_;
  std::vector<std::uint64_t> offsets_;
};

/// Bytes of one value of a type with fixed size; nothing for strings and arrays.
std::optional<std::uint64_t> fixed_size_of(GgufType type);

}  // namespace drover::weights
