#include "ledger/garbage.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/error.h"

namespace drover::ledger {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string model_json(const std::string& name) {
  return fmt::format(R"({{"name":"{0}","hash":"{0}","folder":"models/{0}"}})", name);
}

class GarbageTest : public ::testing::Test {
 protected:
  GarbageTest() : home_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover garbage {}", getpid())) {
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_);
    ledger_ = std::make_unique<Ledger>(home_ / "ledger.sqlite", Ledger::OpenMode::kCreate);
    add_file("models/outside-the-ledger/weights", 10);
  }
  ~GarbageTest() override { std::filesystem::remove_all(home_); }

  void add_file(const std::string& path, std::size_t bytes) {
    std::filesystem::create_directories((home_ / path).parent_path());
    std::ofstream(home_ / path) << std::string(bytes, 'x');
  }

  void begin_run(const std::string& run) {
    run_ = run;
    ordinal_ = 0;
    ledger_->begin_run(run, "recipe", "");
  }

  // A stage whose models are its variants and, when it has several, their average.
  void stage(const std::string& key, const std::string& name, const std::vector<std::string>& variants,
             const std::string& average, bool is_finished = true) {
    ledger_->add(StageBegin{.key = key, .name = name, .inputs = "{}", .options = "{}"});
    ledger_->add_stage_to_run(run_, ordinal_++, key);
    std::string list;
    for (const auto& model : variants) list += (list.empty() ? "" : ",") + model_json(model);
    if (!name.ends_with("choose")) {
      auto made = variants;
      made.push_back(average);
      for (const auto& model : made) {
        ledger_->add(ModelFact{.hash = model, .name = model, .stage = key, .folder = "models/" + model,
                               .made_by = "sft", .data = "", .options = "", .parents = {}});
        add_file("models/" + model + "/weights", 100);
      }
    }
    if (!is_finished) return;
    ledger_->add(StageEnd{.key = key,
                          .output = fmt::format(R"({{"average":{},"variants":[{}]}})", model_json(average), list),
                          .hash = ""});
  }

  std::vector<std::string> paths(std::int64_t keep_rounds) const {
    std::vector<std::string> paths;
    for (const auto& found : find_garbage(*ledger_, home_, keep_rounds)) paths.push_back(found.path);
    return paths;
  }

  std::filesystem::path home_;
  std::unique_ptr<Ledger> ledger_;
  std::string run_;
  std::int64_t ordinal_ = 0;
};

TEST_F(GarbageTest, AHomeWithoutARunHasNone) { EXPECT_THAT(paths(1), IsEmpty()); }

TEST_F(GarbageTest, VariantsOfEarlierRoundsMayGoAndAveragesAndTheDeployedStay) {
  begin_run("run");
  stage("key-a", "round 1 / sft", {"a1", "a2"}, "a");
  stage("key-b", "round 1 / choose", {"a", "a1"}, "a");
  stage("key-c", "round 2 / sft", {"b1", "b2"}, "b");
  EXPECT_THAT(paths(0), ElementsAre("models/a2", "models/outside-the-ledger"));  // a1 answers in round 2
  EXPECT_THAT(paths(1), ElementsAre("models/outside-the-ledger"));
  stage("key-d", "round 2 / choose", {"b1", "b"}, "b");
  EXPECT_THAT(paths(0), ElementsAre("models/a1", "models/a2", "models/b2", "models/outside-the-ledger"));
  EXPECT_THAT(paths(1), ElementsAre("models/a1", "models/a2", "models/outside-the-ledger"));
}

TEST_F(GarbageTest, ModelsOfAStageThatWasDoneAnewMayGo) {
  begin_run("first");
  stage("key-a", "round 1 / sft", {"a1"}, "a");
  begin_run("second");
  stage("key-b", "round 1 / sft", {"b1"}, "b");
  EXPECT_THAT(paths(1), ElementsAre("models/a", "models/a1", "models/outside-the-ledger"));
}

TEST_F(GarbageTest, OfARunThatWentAnotherWayAndCameBackTheOtherWaysModelsMayGo) {
  begin_run("run");
  stage("key-a", "round 1 / sft", {"a1"}, "a");
  begin_run("run");
  stage("key-b", "round 1 / sft", {"b1"}, "b");
  EXPECT_THAT(paths(1), ElementsAre("models/a", "models/a1", "models/outside-the-ledger"));
  begin_run("run");
  ledger_->add_stage_to_run("run", 0, "key-a");  // found done
  EXPECT_THAT(paths(1), ElementsAre("models/b", "models/b1", "models/outside-the-ledger"));
}

TEST_F(GarbageTest, WhatAnUnfinishedStageOfTheLatestRunHasMadeStays) {
  begin_run("run");
  stage("0123456789", "start / small", {"s"}, "s");
  stage("abcdefghij", "round 1 / sft", {"a1"}, "a", false);
  add_file("models/round-1-sft-2-abcdefgh/weights", 5);
  add_file("checkpoints/sft-abcdefgh/state", 5);
  add_file("checkpoints/start-01234567/state", 5);
  EXPECT_THAT(paths(0), ElementsAre("checkpoints/start-01234567", "models/outside-the-ledger"));
}

TEST_F(GarbageTest, NothingOutsideTheHomeIsEverListed) {
  begin_run("first");
  ledger_->add(StageBegin{.key = "key", .name = "start / x", .inputs = "{}", .options = "{}"});
  ledger_->add_stage_to_run("first", 0, "key");
  for (const std::string folder : {"/", "..", "../other", "models/../..", "."}) {
    ledger_->add(ModelFact{.hash = folder, .name = folder, .stage = "key", .folder = folder, .made_by = "file",
                           .data = "", .options = "", .parents = {}});
  }
  begin_run("second");
  stage("key-b", "round 1 / sft", {"b1"}, "b");
  EXPECT_THAT(paths(0), ElementsAre("models/outside-the-ledger"));
}

TEST_F(GarbageTest, DeletesWhatIsListedAndSaysSoInItsPlace) {
  ledger_.reset();
  {
    // The run belongs to a process that has ended.
    const auto child = fork();
    if (child == 0) {
      ledger_ = std::make_unique<Ledger>(home_ / "ledger.sqlite");
      begin_run("run");
      stage("key-a", "round 1 / sft", {"a1", "a2"}, "a");
      stage("key-b", "round 1 / choose", {"a"}, "a");
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  ledger_ = std::make_unique<Ledger>(home_ / "ledger.sqlite");
  const auto garbage = find_garbage(*ledger_, home_, 0);
  ASSERT_EQ(garbage.size(), 3U);
  EXPECT_EQ(garbage[0].bytes, 100U);
  delete_garbage(*ledger_, home_, garbage);
  EXPECT_FALSE(std::filesystem::exists(home_ / "models/a1"));
  EXPECT_TRUE(std::filesystem::exists(home_ / "models/a1.removed"));
  EXPECT_TRUE(std::filesystem::exists(home_ / "models/a/weights"));
  EXPECT_THAT(ledger_->removed_models(), ElementsAre("a1", "a2"));
  EXPECT_THAT(paths(0), IsEmpty());
}

TEST_F(GarbageTest, ARunDoesNotBeginWhileAnotherProcessWorks) {
  ledger_.reset();
  int lines[2];
  ASSERT_EQ(pipe(lines), 0);
  const auto child = fork();
  if (child == 0) {
    {
      Ledger ledger(home_ / "ledger.sqlite");
      ledger.begin_run("run", "recipe", "");
    }
    const auto told = write(lines[1], "x", 1);
    pause();
    _exit(told == 1 ? 0 : 1);
  }
  char word = 0;
  ASSERT_EQ(read(lines[0], &word, 1), 1);
  ledger_ = std::make_unique<Ledger>(home_ / "ledger.sqlite");
  try {
    ledger_->begin_run("another", "recipe", "");
    ADD_FAILURE() << "it began";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(std::to_string(child)));
  }
  EXPECT_EQ(ledger_->latest_run()->run, "run");
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ledger_->begin_run("another", "recipe", "");
  EXPECT_EQ(ledger_->latest_run()->run, "another");
}

TEST_F(GarbageTest, NothingIsDeletedWhileARunWorks) {
  begin_run("run");
  EXPECT_THROW(delete_garbage(*ledger_, home_, {}), base::UserError);
}

}  // namespace
}  // namespace drover::ledger
