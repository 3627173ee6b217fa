#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace drover::train {

/// CRC-32C (Castagnoli) of some bytes, as RFC 3720 defines it.
std::uint32_t crc32c(std::string_view bytes);

/// A TensorBoard event file: TFRecord frames around protobuf messages `Event` with one scalar a value. It appears at once and grows;
/// TensorBoard reads it meanwhile.
class EventFile {
 public:
  /// Makes the folder when it is missing, and in it "events.out.tfevents.SECONDS.HOST.drover". Throws SurroundingsError.
  explicit EventFile(const std::filesystem::path& folder);

  /// Writes values of one step and flushes. Throws SurroundingsError when the disk refuses.
  void add(std::int64_t step, std::span<const std::pair<std::string, double>> values);

  /// Says that a run goes on with this step: TensorBoard forgets what other files of the folder say of it and of later ones.
  void begin_at(std::int64_t step);

  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(std::string_view data);

  std::filesystem::path path_;
  std::ofstream stream_;
};

}  // namespace drover::train
