#include "weights/container_stream.h"

#include <cerrno>
#include <string>

#include "base/error.h"

namespace drover::weights {

ContainerStream::ContainerStream(const std::filesystem::path& path)
    : path_(path), file_(path), stream_(file_.stream_path(), std::ios::binary) {
  if (!stream_) refuse();
}

void ContainerStream::refuse() const {
  throw base::SurroundingsError("{} cannot be written: {}.", path_.string(), std::strerror(errno));
}

void ContainerStream::write(std::span<const std::byte> bytes) {
  stream_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream_) refuse();
  position_ += bytes.size();
}

void ContainerStream::pad_to_multiple_of(std::uint64_t alignment) {
  const std::uint64_t missing = (alignment - position_ % alignment) % alignment;
  if (missing > 0) write(std::string(missing, '\0'));
}

void ContainerStream::commit() {
  stream_.close();
  if (!stream_) refuse();
  file_.commit();
}

}  // namespace drover::weights
