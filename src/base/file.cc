#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/mapped_file.h"

namespace drover::base {
namespace {

void sync_path(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) throw SurroundingsError("{} cannot be synced to disk: {}.", path.string(), std::strerror(errno));
  const int failed = ::fsync(descriptor);
  const int fault = errno;
  ::close(descriptor);
  // Some file systems do not sync folders; the rename itself is still atomic there.
  if (failed != 0 && fault != EINVAL) {
    throw SurroundingsError("{} cannot be synced to disk: {}.", path.string(), std::strerror(fault));
  }
}

constexpr std::size_t kLongestLine = std::size_t{256} << 20;

/// Like std::getline, but stops within a line that grows longer than kLongestLine: a device may go on without end.
bool read_line(std::istream& stream, std::string& line) {
  line.clear();
  std::array<char, 16384> part;
  while (line.size() <= kLongestLine) {
    stream.getline(part.data(), part.size());
    const auto count = static_cast<std::size_t>(stream.gcount());
    if (stream.good()) {
      line.append(part.data(), count - 1);  // without the newline, which counts
      return true;
    }
    line.append(part.data(), count);
    if (stream.eof()) return !line.empty();
    if (stream.bad() || count == 0) return false;
    stream.clear();  // the part was full
  }
  return true;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const MappedFile file(path);
  if (file.bytes().size() > max_bytes) {
    throw UserError("{} has {} bytes, more than the {} expected of such a file.", path.string(), file.bytes().size(),
                    max_bytes);
  }
  return std::string(file.text());
}

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  static std::atomic<std::uint64_t> counter{0};
  temporary_ = target_;
  temporary_ += fmt::format(".{}.{}.tmp", ::getpid(), counter++);
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) std::filesystem::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  sync_path(temporary_, O_RDONLY);
  std::error_code fault;
  std::filesystem::rename(temporary_, target_, fault);
  if (fault) throw SurroundingsError("{} cannot be put in place: {}.", target_.string(), fault.message());
  committed_ = true;
  sync_path(folder_of(target_), O_RDONLY | O_DIRECTORY);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  {
    std::ofstream stream(file.stream_path(), std::ios::binary);
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    stream.flush();
    if (!stream) throw SurroundingsError("{} cannot be written: {}.", path.string(), std::strerror(errno));
  }
  file.commit();
}

void for_each_line(const std::filesystem::path& path,
                   const std::function<void(std::int64_t, std::string_view)>& on_line) {
  std::ifstream file;
  if (path != "-") {
    if (std::filesystem::is_directory(path)) throw UserError("{} is a folder, not a text file.", path.string());
    file.open(path, std::ios::binary);
    if (!file) throw UserError("{} cannot be opened: {}.", path.string(), std::strerror(errno));
  }
  std::istream& stream = path == "-" ? std::cin : file;
  std::string line;
  for (std::int64_t number = 1; read_line(stream, line); ++number) {
    if (line.size() > kLongestLine) {
      throw UserError("{}, line {}: longer than {} MiB. Is it a text file of one row a line?", path.string(), number, kLongestLine >> 20);
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    on_line(number, line);
  }
  if (stream.bad()) throw SurroundingsError("{} could not be read to its end: {}.", path.string(), std::strerror(errno));
}

}  // namespace drover::base
