// Ledgers that are damaged, locked or on a full or read-only disk: a sentence each, and nothing is lost.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/random_stream.h"
#include "ledger/ledger.h"

namespace drover::ledger {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class BadLedgerTest : public ::testing::Test {
 protected:
  BadLedgerTest() : folder_(fs::path(::testing::TempDir()) / fmt::format("drover bad {}", getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    fill(200);
  }
  ~BadLedgerTest() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  fs::path file() const { return folder_ / "ledger.sqlite"; }

  static Generation reply(PromptId prompt, std::int64_t sample) {
    Generation generation;
    generation.prompt = prompt;
    generation.stage = "stage";
    generation.sample = sample;
    generation.reply.push_back({.sender = chat::Sender::kAssistant, .content = std::string(500, 'a')});
    return generation;
  }

  static PromptId add_prompt(Ledger& ledger) {
    Prompt prompt;
    prompt.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "Say a."});
    return ledger.add(prompt);
  }

  void fill(std::int64_t samples) const {
    Ledger ledger(file(), Ledger::OpenMode::kCreate);
    Ledger::Batch batch(ledger);
    const auto prompt = add_prompt(ledger);
    for (std::int64_t sample = 0; sample < samples; ++sample) ledger.add(reply(prompt, sample));
    batch.commit();
  }

  // Reads everything. What it throws must be one of ours.
  static std::string read_all(const fs::path& file) {
    try {
      const Ledger ledger(file, Ledger::OpenMode::kReadOnly);
      for (const auto id : ledger.generations_of("stage")) static_cast<void>(ledger.find(id));
      static_cast<void>(ledger.counts());
      const auto damage = ledger.damage();
      return damage.empty() ? "" : damage[0];
    } catch (const base::UserError& error) {
      return error.what();
    }
  }

  fs::path folder_;
};

TEST_F(BadLedgerTest, ATruncatedFileIsDamaged) {
  EXPECT_EQ(read_all(file()), "");
  fs::resize_file(file(), fs::file_size(file()) / 2 / 4096 * 4096);
  EXPECT_THAT(read_all(file()), HasSubstr("damaged"));
}

TEST_F(BadLedgerTest, OverwrittenPagesAreFoundAndNeverCrash) {
  std::string whole;
  {
    std::ifstream stream(file(), std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(stream), {});
  }
  base::RandomStream random(3, "damage");
  for (int round = 0; round < 20; ++round) {
    auto damaged = whole;
    const auto begin = 4096 + random.below(damaged.size() - 4096 - 600);
    for (std::size_t i = begin; i < begin + 600; ++i) damaged[i] = static_cast<char>(random.below(256));
    std::ofstream(file(), std::ios::binary) << damaged;
    // Bytes in unused parts of a page harm nobody; everything else is a sentence.
    const auto said = read_all(file());
    EXPECT_THAT(said, Not(HasSubstr("fault in drover")));
  }
}

TEST_F(BadLedgerTest, AFileThatAnotherProcessHoldsIsASentenceAndWorksLater) {
  Ledger holder(file());
  auto batch = std::make_unique<Ledger::Batch>(holder);
  const auto prompt = add_prompt(holder);
  Ledger waiting(file(), Ledger::OpenMode::kWrite, std::chrono::seconds(1));
  try {
    waiting.add(reply(prompt, 1000));
    FAIL();
  } catch (const base::SurroundingsError& error) {
    EXPECT_THAT(error.what(), HasSubstr("held by another process"));
  }
  batch->commit();
  batch.reset();
  waiting.add(reply(prompt, 1000));
  EXPECT_EQ(waiting.generations_of("stage").size(), 201U);
}

TEST_F(BadLedgerTest, AFullDiskIsASentenceAndTheNextRunGoesOn) {
  const auto child = fork();
  if (child == 0) {
    // The same as a full disk for this process: no file grows beyond this.
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{fs::file_size(file()) + 200'000, fs::file_size(file()) + 200'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      Ledger ledger(file());
      const auto prompt = add_prompt(ledger);
      for (std::int64_t sample = 200;; ++sample) {
        ledger.add(reply(prompt, sample));
        std::ofstream(folder_ / "acknowledged") << sample;
      }
    } catch (const base::SurroundingsError& error) {
      _exit(std::string(error.what()).find("make room") != std::string::npos ? 3 : 1);
    } catch (...) {
      _exit(1);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  std::int64_t acknowledged = 0;
  std::ifstream(folder_ / "acknowledged") >> acknowledged;
  Ledger ledger(file());
  EXPECT_TRUE(ledger.damage().empty());
  EXPECT_GE(ledger.generations_of("stage").size(), static_cast<std::size_t>(acknowledged));
  ledger.add(reply(add_prompt(ledger), 1'000'000));
}

TEST_F(BadLedgerTest, AReadOnlyFolderIsASentence) {
  const auto child = fork();
  if (child == 0) {
    fs::permissions(folder_, fs::perms::all & ~(fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write));
    fs::permissions(file(), fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
    if (geteuid() == 0 && seteuid(65534) != 0) _exit(77);  // rights do not bind root
    try {
      Ledger ledger(file());
      add_prompt(ledger);
      _exit(1);
    } catch (const base::SurroundingsError& error) {
      _exit(std::string(error.what()).find("right to write") != std::string::npos ? 3 : 2);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      _exit(4);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no other user to become";
  EXPECT_EQ(WEXITSTATUS(status), 3);
  fs::permissions(folder_, fs::perms::owner_all);
  fs::permissions(file(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(read_all(file()), "");
}

TEST_F(BadLedgerTest, OneProcessReadsWhileAnotherWrites) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto child = fork();
  if (child == 0) {
    close(ends[0]);
    Ledger ledger(file());
    const auto prompt = add_prompt(ledger);
    for (std::int64_t sample = 200; sample < 300; ++sample) {
      ledger.add(reply(prompt, sample));
      if (write(ends[1], "+", 1) != 1) _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  const Ledger reader(file(), Ledger::OpenMode::kReadOnly);
  char byte = 0;
  std::size_t told = 0;
  while (read(ends[0], &byte, 1) == 1) {
    ++told;
    if (told % 10 != 0) continue;
    EXPECT_GE(reader.generations_of("stage").size(), 200 + told);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(told, 100U);
}

}  // namespace
}  // namespace drover::ledger
