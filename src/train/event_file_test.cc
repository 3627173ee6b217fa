#include "train/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/file.h"

namespace drover::train {
namespace {

TEST(Crc32c, GivesTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

TEST(EventFile, HoldsFramedEventsWithTagsAndValues) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "drover_event_file";
  std::filesystem::remove_all(folder);
  EventFile file(folder);
  const std::vector<std::pair<std::string, double>> values{{"loss", 0.5}};
  file.add(300, values);
  const auto bytes = base::read_file(file.path());
  EXPECT_THAT(file.path().filename().string(), testing::StartsWith("events.out.tfevents."));
  // First record: 8 bytes of length, 4 of checksum, the event, 4 of checksum. The event: a double (9 bytes) and the version (15).
  ASSERT_GT(bytes.size(), 40U);
  EXPECT_EQ(bytes[0], 24);
  EXPECT_EQ(bytes.substr(12 + 9, 15), "\x1a\x0d" "brain.Event:2");
  // Second: step 300 as a varint, then summary { value { tag: "loss" simple_value: 0.5 } }.
  const auto event = bytes.substr(16 + 24 + 12);
  EXPECT_EQ(event.substr(9, 3), "\x10\xac\x02");
  EXPECT_EQ(event.substr(12, 15), std::string("\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x3f", 15));
  EXPECT_EQ(event.size(), 27U + 4U);
  std::filesystem::remove_all(folder);
}

TEST(EventFile, SaysFromWhichStepARunGoesOn) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "drover_event_file_again";
  std::filesystem::remove_all(folder);
  EventFile file(folder);
  file.begin_at(301);
  const auto bytes = base::read_file(file.path());
  // Behind the first record's 40 bytes: time, step 301 as a varint, session_log { status: START }.
  EXPECT_EQ(bytes.substr(16 + 24 + 12 + 9, 7), "\x10\xad\x02\x3a\x02\x08\x01");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace drover::train
