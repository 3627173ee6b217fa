#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace drover::base {

/// Reads a whole regular file. Throws UserError when it cannot be read or is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);

/// Writes `text` so that `path` holds either its old content or all of the new one, also after a crash or a loss of power: a
/// temporary file beside it is written, synced and renamed. Throws SurroundingsError when the disk refuses.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// A file under construction for writers that stream: write to `stream_path()`, then `commit()` syncs and renames it to its
/// place. Without commit the destructor removes it.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  const std::filesystem::path& stream_path() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Calls `on_line(number, line)` for each line of a text file, or of standard input when `path` is "-". Numbers start at 1; lines
/// end at "\n" only (a final "\r" is removed); a last line without "\n" counts. Throws UserError when the file cannot be read
/// or a line is longer than 256 MiB.
void for_each_line(const std::filesystem::path& path,
                   const std::function<void(std::int64_t number, std::string_view line)>& on_line);

}  // namespace drover::base
