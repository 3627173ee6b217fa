#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>

#include "base/file.h"

namespace drover::weights {

/// Writes a container file from front to back; the file appears in its place at commit() and not before. Throws SurroundingsError
/// when the disk refuses.
class ContainerStream {
 public:
  explicit ContainerStream(const std::filesystem::path& path);

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Little-endian.
  template <typename Number>
  void write_number(Number number) {
    write(std::as_bytes(std::span(&number, 1)));
  }
  void pad_to_multiple_of(std::uint64_t alignment);
  std::uint64_t position() const { return position_; }
  void commit();

 private:
  [[noreturn]] void refuse() const;

  std::filesystem::path path_;
  base::AtomicFile file_;
  std::ofstream stream_;
  std::uint64_t position_ = 0;
};

}  // namespace drover::weights
