#include "train/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace drover::train {
namespace {

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFF);
  return text;
}

/// TFRecord rotates a checksum and adds a constant, so that a checksum of data that holds checksums does not vanish.
std::string masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return little_endian(((crc >> 15) | (crc << 17)) + 0xA282EAD8U, 4);
}

// Protobuf's wire format: a field is its number and kind, then a number or a length with bytes.
std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>((value & 0x7F) | 0x80);
  return text + static_cast<char>(value);
}
std::string varint_field(int number, std::uint64_t value) { return varint(static_cast<std::uint64_t>(number) << 3) + varint(value); }
std::string double_field(int number, double value) {
  return varint((static_cast<std::uint64_t>(number) << 3) | 1) + little_endian(std::bit_cast<std::uint64_t>(value), 8);
}
std::string bytes_field(int number, std::string_view bytes) {
  return varint((static_cast<std::uint64_t>(number) << 3) | 2) + varint(bytes.size()) + std::string(bytes);
}
std::string float_field(int number, float value) {
  return varint((static_cast<std::uint64_t>(number) << 3) | 5) + little_endian(std::bit_cast<std::uint32_t>(value), 4);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

// Event: 1 wall_time, 2 step, 3 file_version, 5 summary, 7 session_log; SessionLog: 1 status; Summary: 1 value; Value: 1 tag, 2 simple_value (tensorboard's event.proto
// and summary.proto).
EventFile::EventFile(const std::filesystem::path& folder) {
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  if (fault) throw base::SurroundingsError("The folder {} cannot be made for TensorBoard: {}.", folder.string(), fault.message());
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const double now = seconds_now();
  path_ = folder / fmt::format("events.out.tfevents.{:.0f}.{}.{}.drover", now, host.data(), ::getpid());
  stream_.open(path_, std::ios::binary);
  write_record(double_field(1, now) + bytes_field(3, "brain.Event:2"));
}

void EventFile::add(std::int64_t step, std::span<const std::pair<std::string, double>> values) {
  std::string summary;
  for (const auto& [name, value] : values) summary += bytes_field(1, bytes_field(1, name) + float_field(2, static_cast<float>(value)));
  write_record(double_field(1, seconds_now()) + varint_field(2, static_cast<std::uint64_t>(step)) + bytes_field(5, summary));
}

void EventFile::begin_at(std::int64_t step) {
  constexpr std::uint64_t kStart = 1;  // SessionLog.START
  write_record(double_field(1, seconds_now()) + varint_field(2, static_cast<std::uint64_t>(step)) + bytes_field(7, varint_field(1, kStart)));
}

void EventFile::write_record(std::string_view data) {
  const auto length = little_endian(data.size(), 8);
  errno = 0;
  stream_ << length << masked_crc(length) << data << masked_crc(data);
  stream_.flush();
  if (!stream_) throw base::SurroundingsError("{} cannot be written: {}.", path_.string(), std::strerror(errno));
}

}  // namespace drover::train
