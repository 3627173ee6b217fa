#include "generate/sample_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace drover::generate {
namespace {

using testing::HasSubstr;

class SampleFiles : public testing::Test {
 protected:
  SampleFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "drover_samples_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "samples.jsonl";
  }
  ~SampleFiles() override { std::filesystem::remove_all(folder_); }

  static Response reply(const std::string& text) {
    Response response{.ids = {text::TokenId{5}, text::TokenId{6}}, .log_probs = {-0.5F, -1.0F}, .sampled_log_probs = {-0.25F, 0.0F}, .finish = Finish::kTerminator, .reply = {}, .text = text};
    response.reply.messages.push_back({.sender = chat::Sender::kAssistant, .content = text});
    return response;
  }
  std::string refusal(const std::string& run) const {
    try {
      SampleFile file(path_, run);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  }

  std::filesystem::path folder_, path_;
};

TEST_F(SampleFiles, AreReadBackByTheSameRun) {
  {
    SampleFile file(path_, "a");
    file.record(1, 0, reply("x"));
    file.record(2, 3, reply("caf\xC3"));  // half a character
    file.record_failure(4, "too long");
  }
  const SampleFile again(path_, "a");
  EXPECT_TRUE(again.holds(1, 0));
  EXPECT_TRUE(again.holds(2, 3));
  EXPECT_FALSE(again.holds(2, 0));
  EXPECT_TRUE(again.holds_failure(4));
  EXPECT_EQ(again.num_samples(), 2);
}

TEST_F(SampleFiles, HoldIdsAndLogProbabilitiesOfEachSample) {
  { SampleFile(path_, "a").record(7, 1, reply("x")); }
  const auto row = nlohmann::json::parse(base::read_file(path_));
  EXPECT_EQ(row["prompt"], 7);
  EXPECT_EQ(row["sample"], 1);
  EXPECT_EQ(row["ids"], nlohmann::json({5, 6}));
  EXPECT_EQ(row["logprobs"], nlohmann::json({-0.5, -1.0}));
  EXPECT_EQ(row["messages"][0]["content"], "x");
  EXPECT_EQ(row["finish"], "terminator");
}

TEST_F(SampleFiles, ForgetTheLineThatAKillCutAndNothingElse) {
  {
    SampleFile file(path_, "a");
    file.record(1, 0, reply("x"));
    file.record(1, 1, reply("y"));
  }
  const auto whole = base::read_file(path_);
  const auto first = whole.find('\n') + 1;
  for (std::size_t cut = first; cut < whole.size(); cut += 7) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole.substr(0, cut);
    SampleFile file(path_, "a");
    EXPECT_TRUE(file.holds(1, 0));
    EXPECT_FALSE(file.holds(1, 1)) << cut;
    file.record(1, 1, reply("y"));
    EXPECT_EQ(base::read_file(path_), whole) << cut;
  }
}

TEST_F(SampleFiles, OfAnotherRunOrKindAreRefusedAndLeftAlone) {
  { SampleFile(path_, "a").record(1, 0, reply("x")); }
  const auto before = base::read_file(path_);
  EXPECT_THAT(refusal("b"), HasSubstr("line 1: these samples come from another model"));
  EXPECT_EQ(base::read_file(path_), before);
  std::ofstream(path_, std::ios::trunc) << "{\"messages\": []}\n";
  EXPECT_THAT(refusal("a"), HasSubstr("not a file of samples"));
}

TEST_F(SampleFiles, AnotherFileWhoseOnlyLineHasNoEndIsRefusedAndLeftAlone) {
  for (const std::string text : {"{\"messages\": []}", "{\"prompt\":\"hello\"}", "{\"prompt\": 1", "my notes", "\n my notes"}) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
    EXPECT_THAT(refusal("a"), HasSubstr("not a file of samples")) << text;
    EXPECT_EQ(base::read_file(path_), text);
  }
}

TEST_F(SampleFiles, KeepEveryLineThatAnEditorGaveCarriageReturns) {
  {
    SampleFile file(path_, "a");
    file.record(1, 0, reply("x"));
    file.record(1, 1, reply("y"));
  }
  auto bytes = base::read_file(path_);
  for (auto at = bytes.find('\n'); at != std::string::npos; at = bytes.find('\n', at + 2)) bytes.insert(at, 1, '\r');
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  { EXPECT_EQ(SampleFile(path_, "a").num_samples(), 2); }
  EXPECT_EQ(base::read_file(path_), bytes);
}

TEST_F(SampleFiles, MayGoToADeviceThatKeepsNothing) {
  SampleFile file("/dev/null", "a");
  file.record(1, 0, reply("x"));
  EXPECT_EQ(file.num_samples(), 1);
  SampleFile("/dev/null", "b").record(1, 0, reply("x"));  // by two runs at once
}

TEST_F(SampleFiles, HoldNoPartOfALineThatTheDiskRefused) {
  SampleFile file(path_, "a");
  file.record(1, 0, reply("x"));
  const auto before = base::read_file(path_);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit full{.rlim_cur = before.size() + 20, .rlim_max = limit.rlim_max};
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_THROW(file.record(1, 1, reply("y")), base::SurroundingsError);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, old);
  EXPECT_EQ(base::read_file(path_), before);
  EXPECT_FALSE(file.holds(1, 1));
  file.record(1, 1, reply("y"));
  EXPECT_EQ(base::read_file(path_), before + sample_line(1, 1, reply("y"), "a") + "\n");
}

TEST_F(SampleFiles, RecordAFailureOnceAndASampleThatCameAfterAll) {
  { SampleFile(path_, "a").record_failure(4, "too little memory"); }
  const auto before = base::read_file(path_);
  {
    SampleFile file(path_, "a");
    file.record_failure(4, "still too little memory");
    EXPECT_EQ(base::read_file(path_), before);
    file.record(4, 0, reply("x"));
  }
  EXPECT_TRUE(SampleFile(path_, "a").holds(4, 0));
}

TEST_F(SampleFiles, AreWrittenByOneRunAtATime) {
  const SampleFile file(path_, "a");
  EXPECT_THAT(refusal("a"), HasSubstr("another run"));
}

}  // namespace
}  // namespace drover::generate
