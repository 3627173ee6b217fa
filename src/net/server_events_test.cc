#include "net/server_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace drover::net {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> events_of(const std::string& stream, std::size_t piece_size) {
  std::vector<std::string> events;
  ServerEventReader reader([&events](std::string_view data) { events.emplace_back(data); });
  for (std::size_t at = 0; at < stream.size(); at += piece_size) reader.push(std::string_view(stream).substr(at, piece_size));
  return events;
}

TEST(ServerEventReader, ReadsTheStandardsExamplesHoweverTheyAreCut) {
  // WHATWG HTML, 9.2.6: the examples of event streams.
  const std::string stream =
      "data: YHOO\ndata: +2\ndata: 10\n\n"
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
      "data\n\ndata\ndata\n\ndata:";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EXPECT_THAT(events_of(stream, piece), ElementsAre("YHOO\n+2\n10", "first event", "second event", " third event", "", "\n"));
  }
}

TEST(ServerEventReader, TakesAllThreeLineEnds) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    EXPECT_THAT(events_of("data: a\r\n\r\ndata: b\r\rdata: c\n\n", piece), ElementsAre("a", "b", "c"));
  }
}

TEST(ServerEventReader, RefusesAnEventWithoutEnd) {
  ServerEventReader reader([](std::string_view) {}, 1000);
  EXPECT_THROW(reader.push(std::string(1001, 'x')), base::UserError);
}

TEST(ServerEvent, IsReadBack) { EXPECT_THAT(events_of(server_event(R"({"a": 1})") + server_event("[DONE]"), 3), ElementsAre(R"({"a": 1})", "[DONE]")); }

}  // namespace
}  // namespace drover::net
