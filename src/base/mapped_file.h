#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace drover::base {

/// A whole file mapped read-only into memory; pages are read when touched. Copies share the mapping, which lives as long as one
/// of them. A mapped file must not be shortened by another program while it is in use.
class MappedFile {
 public:
  /// Throws UserError when the path is not a readable regular file.
  explicit MappedFile(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const& { return {mapping_->data, mapping_->size}; }
  std::span<const std::byte> bytes() && = delete;  // the span would outlive the mapping
  std::string_view text() const& { return {reinterpret_cast<const char*>(mapping_->data), mapping_->size}; }
  std::string_view text() && = delete;
  const std::filesystem::path& path() const { return mapping_->path; }

  /// Keeps the mapping alive for borrowers that outlive this object (tensors over the file's bytes).
  std::shared_ptr<const void> owner() const { return mapping_; }

 private:
  struct Mapping {
    std::filesystem::path path;
    const std::byte* data = nullptr;
    std::size_t size = 0;
    Mapping() = default;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();
  };
  std::shared_ptr<const Mapping> mapping_;
};

/// Lets go of the memory that these bytes of a mapping take; they are read from the file again when they are touched.
void release_pages(std::span<const std::byte> mapped);

}  // namespace drover::base
