#include "ledger/group_writer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/random_stream.h"

namespace drover::ledger {
namespace {

class GroupWriterTest : public ::testing::Test {
 protected:
  GroupWriterTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover group {}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Ledger ledger(file(), Ledger::OpenMode::kCreate);
    prompt_ = ledger.add(question());
  }
  ~GroupWriterTest() override { std::filesystem::remove_all(folder_); }

  static Prompt question() {
    Prompt prompt;
    prompt.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "Count."});
    return prompt;
  }

  Generation reply(std::int64_t sample) const {
    Generation generation;
    generation.prompt = prompt_;
    generation.stage = "count";
    generation.sample = sample;
    generation.ids = {text::TokenId{1}, text::TokenId{2}};
    generation.log_probs = {-1, -2};
    generation.reply.push_back({.sender = chat::Sender::kAssistant, .content = std::to_string(sample)});
    return generation;
  }

  std::filesystem::path file() const { return folder_ / "ledger.sqlite"; }

  std::filesystem::path folder_;
  PromptId prompt_;
};

TEST_F(GroupWriterTest, WritesInTheOrderOfSubmission) {
  GroupWriter writer(file());
  for (std::int64_t sample = 0; sample < 3000; ++sample) {
    EXPECT_EQ(writer.submit([generation = reply(sample)](Ledger& ledger) { ledger.add(generation); }), sample + 1);
  }
  writer.flush();
  EXPECT_EQ(writer.acknowledged(), 3000);
  const Ledger ledger(file(), Ledger::OpenMode::kReadOnly);
  const auto found = ledger.generations_of("count");
  ASSERT_EQ(found.size(), 3000U);
  for (std::int64_t sample = 0; sample < 3000; sample += 500)
    EXPECT_EQ(ledger.find(found[static_cast<std::size_t>(sample)])->sample, sample);
}

TEST_F(GroupWriterTest, WritesWithoutBeingAskedTo) {
  GroupWriter writer(file());
  writer.submit([this](Ledger& ledger) { ledger.add(reply(0)); });
  while (writer.acknowledged() < 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(Ledger(file(), Ledger::OpenMode::kReadOnly).generations_of("count").size(), 1U);
}

TEST_F(GroupWriterTest, AFailureIsToldAndLeavesWhatWasAcknowledged) {
  GroupWriter writer(file());
  writer.wait(writer.submit([this](Ledger& ledger) { ledger.add(reply(0)); }));
  const auto failing = writer.submit([](Ledger&) { throw base::SurroundingsError("No room."); });
  EXPECT_THROW(writer.wait(failing), base::SurroundingsError);
  EXPECT_THROW(writer.submit([this](Ledger& ledger) { ledger.add(reply(1)); }), base::SurroundingsError);
  EXPECT_EQ(writer.acknowledged(), 1);
  EXPECT_EQ(Ledger(file(), Ledger::OpenMode::kReadOnly).generations_of("count").size(), 1U);
}

TEST_F(GroupWriterTest, TwoWritersAndAReaderShareAFile) {
  GroupWriter first(file());
  GroupWriter second(file());
  const Ledger reader(file(), Ledger::OpenMode::kReadOnly);
  std::size_t seen = 0;
  for (std::int64_t sample = 0; sample < 500; ++sample) {
    first.submit([this, sample](Ledger& ledger) { ledger.add(reply(2 * sample)); });
    second.submit([this, sample](Ledger& ledger) { ledger.add(reply(2 * sample + 1)); });
    if (sample % 100 != 0) continue;
    const auto now = reader.generations_of("count").size();
    EXPECT_GE(now, seen);
    seen = now;
  }
  first.flush();
  second.flush();
  EXPECT_EQ(reader.generations_of("count").size(), 1000U);
}

// A child process writes and prints the number of each sample that was acknowledged. It is killed at a random moment.
TEST_F(GroupWriterTest, AKilledProcessLosesNothingThatWasAcknowledged) {
  base::RandomStream random(7, "kill");
  std::set<std::int64_t> acknowledged;
  for (std::int64_t round = 0; round < 6; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      GroupWriter writer(file());
      const auto first = round * 10'000'000;
      std::int64_t told = 0;
      for (std::int64_t count = 0;; ++count) {
        writer.submit([this, sample = first + count](Ledger& ledger) { ledger.add(reply(sample)); });
        for (const auto done = writer.acknowledged(); told < done; ++told) {
          const std::int64_t sample = first + told;
          if (write(ends[1], &sample, sizeof(sample)) != sizeof(sample)) _exit(1);
        }
      }
    }
    close(ends[1]);
    std::int64_t sample = 0;
    ASSERT_EQ(read(ends[0], &sample, sizeof(sample)), static_cast<ssize_t>(sizeof(sample)));
    acknowledged.insert(sample);
    // The pipe holds 64 KiB: reading on keeps the child writing until it is killed.
    const auto extra = random.below(20'000);
    for (std::uint64_t i = 0; i < extra && read(ends[0], &sample, sizeof(sample)) == sizeof(sample); ++i)
      acknowledged.insert(sample);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(ends[0], &sample, sizeof(sample)) == sizeof(sample)) acknowledged.insert(sample);
    close(ends[0]);
  }
  soci::session sql(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string()));
  std::string verdict;
  sql << "pragma integrity_check", soci::into(verdict);
  EXPECT_EQ(verdict, "ok");
  const Ledger ledger(file(), Ledger::OpenMode::kReadOnly);
  const auto written = ledger.generations_of("count");
  const std::set<GenerationId> there(written.begin(), written.end());
  for (const auto sample : acknowledged) ASSERT_TRUE(there.contains(id_of(reply(sample)))) << sample;
  EXPECT_GT(acknowledged.size(), 6U);
}

}  // namespace
}  // namespace drover::ledger
