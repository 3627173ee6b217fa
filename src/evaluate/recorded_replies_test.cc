#include "evaluate/recorded_replies.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "evaluate/scripted_generator_test.h"

namespace drover::evaluate {
namespace {

using ::testing::ElementsAre;

class RecordedRepliesTest : public ::testing::Test {
 protected:
  RecordedRepliesTest()
      : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-replies-{}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ledger_ = std::make_unique<ledger::Ledger>(file(), ledger::Ledger::OpenMode::kCreate);
    for (int i = 0; i < 5; ++i) prompts_.push_back(ledger_->add(question(std::to_string(i), "0")));
  }
  ~RecordedRepliesTest() override {
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path file() const { return folder_ / "ledger.sqlite"; }

  /// The texts of all replies, in their order.
  std::vector<std::string> texts_of(const std::vector<std::vector<ledger::GenerationId>>& replies) const {
    std::vector<std::string> texts;
    for (const auto& ids : replies) {
      for (const auto id : ids) texts.push_back(text_of(ledger_->find(id)->reply));
    }
    return texts;
  }

  std::filesystem::path folder_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<ledger::PromptId> prompts_;
};

const auto kPromptAndSample = [](const std::string& asked, std::int64_t sample) {
  return fmt::format("{}.{}", asked, sample);
};

struct Killed {};

TEST_F(RecordedRepliesTest, OnlyMissingSamplesAreSampledAfterAnInterruption) {
  ScriptedGenerator model("m", kPromptAndSample);
  const ReplyPlan plan{.stage = "key", .sampling = {}, .num_replies = 3, .prompts_per_batch = 2};
  // In the second of three batches, after the first sample of the fourth prompt.
  int num_finished = 0;
  const auto kill = [&](const base::Progress& progress) {
    if (progress.done == 10 && ++num_finished == 1) throw Killed();
  };
  EXPECT_THROW(recorded_replies({&model, "t"}, prompts_, plan, *ledger_, kill), Killed);
  EXPECT_EQ(model.num_replies, 10);
  EXPECT_EQ(ledger_->generations_of("key").size(), 10U);

  const auto replies = recorded_replies({&model, "t"}, prompts_, plan, *ledger_);
  EXPECT_EQ(model.num_replies, 15);
  EXPECT_THAT(texts_of(replies), ElementsAre("0.0", "0.1", "0.2", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "3.0", "3.1",
                                             "3.2", "4.0", "4.1", "4.2"));
  EXPECT_EQ(recorded_replies({&model, "t"}, prompts_, plan, *ledger_), replies);
  EXPECT_EQ(model.num_replies, 15);
}

TEST_F(RecordedRepliesTest, AGapAmongTheSamplesIsFilledWithTheSamplesThatBelongThere) {
  const ReplyPlan plan{.stage = "key", .sampling = {}, .num_replies = 4};
  for (const std::int64_t sample : {1, 3}) {
    ledger::Generation known;
    known.prompt = prompts_[0];
    known.stage = "key";
    known.model = "m";
    known.sample = sample;
    known.reply = {{.sender = chat::Sender::kAssistant, .content = "known"}};
    ledger_->add(known);
  }
  ScriptedGenerator model("m", kPromptAndSample);
  const auto replies = recorded_replies({&model, "t"}, std::span(prompts_).first(1), plan, *ledger_);
  EXPECT_THAT(texts_of(replies), ElementsAre("0.0", "known", "0.2", "known"));
  EXPECT_EQ(model.num_requests, 2);
}

TEST_F(RecordedRepliesTest, RepliesOfAnotherModelOrStageCountForNothing) {
  ScriptedGenerator first("m", kPromptAndSample);
  ScriptedGenerator second("n", kPromptAndSample);
  const ReplyPlan plan{.stage = "key", .sampling = {}, .num_replies = 2};
  recorded_replies({&first, "t"}, prompts_, plan, *ledger_);
  recorded_replies({&second, "t"}, prompts_, plan, *ledger_);
  EXPECT_EQ(second.num_replies, 10);
  auto other = plan;
  other.stage = "other";
  recorded_replies({&first, "t"}, prompts_, other, *ledger_);
  EXPECT_EQ(first.num_replies, 20);
}

TEST_F(RecordedRepliesTest, AFinishedReplyIsOnDiskWhileTheNextIsStillBeingWritten) {
  bool is_there = false;
  ScriptedGenerator model("m", [&](const std::string& asked, std::int64_t) -> std::string {
    if (asked == "0") return "first";
    const ledger::Ledger reader(file(), ledger::Ledger::OpenMode::kReadOnly);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_there && std::chrono::steady_clock::now() < end) {
      is_there = !reader.generations_of("key").empty();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return "second";
  });
  recorded_replies({&model, "t"}, std::span(prompts_).first(2), {.stage = "key", .sampling = {}}, *ledger_);
  EXPECT_TRUE(is_there);
}

}  // namespace
}  // namespace drover::evaluate
