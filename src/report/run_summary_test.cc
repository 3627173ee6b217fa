#include "report/run_summary.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "report/html_page.h"
#include "report/html_text.h"
#include "report/model_card.h"

namespace drover::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

/// A ledger with one round that stopped after its mix.
class RunSummaryTest : public ::testing::Test {
 protected:
  RunSummaryTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-summary-{}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ledger_.emplace(folder_ / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
  }
  ~RunSummaryTest() override {
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }

  void begin(const std::string& name) {
    ledger_->add(ledger::StageBegin{.key = name, .name = name, .inputs = "{\"a\": \"b\"}", .options = "{}"});
    ledger_->add_stage_to_run("run", next_stage_++, name);
  }
  void end(const std::string& name, const std::string& output) {
    ledger_->add(ledger::StageEnd{.key = name, .seconds = 2, .output = output, .hash = "h"});
  }
  ledger::PromptId prompt(const std::string& text, const std::string& capability) {
    ledger::Prompt prompt;
    prompt.dialog.messages = {{.sender = chat::Sender::kUser, .content = text}};
    prompt.source = capability + " set";
    prompt.licence = "MIT";
    prompt.tags = {capability};
    return ledger_->add(prompt);
  }
  ledger::GenerationId reply(ledger::PromptId to, const std::string& stage, std::int64_t sample,
                             const std::string& text) {
    ledger::Generation generation;
    generation.prompt = to;
    generation.stage = stage;
    generation.sample = sample;
    generation.model = "m";
    generation.reply = {{.sender = chat::Sender::kAssistant, .content = text}};
    return ledger_->add(generation);
  }
  void decide(ledger::GenerationId id, const std::string& stage, const std::string& rule, bool is_kept,
              const std::string& reason) {
    ledger_->add(
        ledger::Decision{.generation = id, .stage = stage, .rule = rule, .is_kept = is_kept, .reason = reason});
  }

  void one_round() {
    ledger_->begin_run("run", "small", "name = \"small\"");
    const auto sum = prompt("2 + 2?", "sums");
    const auto talk = prompt("Hello <b>you</b>", "chat");
    begin("round 1 / plan");
    end("round 1 / plan", fmt::format("[{}, {}]", sum.value(), talk.value()));
    begin("round 1 / collect");
    const auto right = reply(sum, "round 1 / collect", 0, "4");
    const auto wrong = reply(sum, "round 1 / collect", 1, "5");
    ledger_->add(ledger::Comparison{.prompt = sum,
                                    .stage = "round 1 / collect",
                                    .preferred = right,
                                    .other = wrong,
                                    .level = chat::PreferenceLevel::kSignificant,
                                    .annotator = "verifier",
                                    .reason = {}});
    ledger_->add(ledger::Comparison{.prompt = sum,
                                    .stage = "round 1 / collect",
                                    .preferred = wrong,
                                    .other = right,
                                    .level = chat::PreferenceLevel::kNone,
                                    .annotator = "judge",
                                    .reason = {}});
    end("round 1 / collect", "{}");
    begin("round 1 / import");
    ledger_->add(ledger::Metric{
        .stage = "round 1 / import", .name = "leaked rows", .subject = "preferences.people", .step = 0, .value = 2, .low = {}, .high = {}});
    end("round 1 / import", "{}");
    begin("round 1 / reject");
    for (const auto* stage : {"round 1 / collect", "round 1 / reject"}) {
      ledger_->add(ledger::Metric{.stage = stage, .name = "prompt too long", .subject = "77", .step = 0, .value = 300, .low = {}, .high = {}});
    }
    const auto best = reply(sum, "round 1 / reject", 0, "It is 4.");
    const auto cut = reply(sum, "round 1 / reject", 1, "It is");
    const auto lower = reply(sum, "round 1 / reject", 2, "4!");
    decide(best, "round 1 / reject", "best of K", true, "reward 2.0000, best of 2 2.0000");
    decide(cut, "round 1 / reject", "best of K", false, "cut by the length limit");
    decide(lower, "round 1 / reject", "best of K", false, "reward 1.0000, best of 2 2.0000");
    ledger_->add(ledger::Score{.generation = best, .stage = "round 1 / reject", .scorer = "rm", .value = 2});
    ledger_->add(ledger::Score{.generation = lower, .stage = "round 1 / reject", .scorer = "rm", .value = 1});
    end("round 1 / reject", "{}");
    begin("round 1 / synthesise");
    const auto made = reply(talk, "round 1 / synthesise", 0, "<img src=x> Sorry!!!!!");
    decide(made, "round 1 / synthesise", "synthetic", true, "from a file");
    end("round 1 / synthesise", "{}");
    begin("round 1 / curate");
    for (const auto& [name, subject, value] : {std::tuple("topic", "code / <b>web</b> pages", 1.0), std::tuple("difficulty", "sums", 2.5)}) {
      ledger_->add(ledger::Metric{
          .stage = "round 1 / curate", .name = name, .subject = subject, .step = 0, .value = value, .low = {}, .high = {}, .count = 1});
    }
    decide(made, "round 1 / curate", "exclamation marks", false, "5 of them");
    decide(best, "round 1 / curate", "repeated", true, "it stands in the mix 2 times");
    end("round 1 / curate", R"({"table": [{"dataset": "Total", "percent": 100, "examples": 2, "turns": 2}],
                               "report_table": [{"dataset": "Total", "percent": 100, "examples": 0, "turns": 4.7},
                                                {"dataset": "Code", "percent": 14.89}]})");
    begin("round 1 / sft");
    for (std::int64_t copy = 0; copy < 2; ++copy)
      ledger_->add(
          ledger::TrainingRow{.stage = "round 1 / sft", .ordinal = copy, .kind = "sft", .generations = {best}});
    for (std::int64_t step = 1; step <= 2; ++step)
      ledger_->add(ledger::Metric{.stage = "round 1 / sft",
                                  .name = "loss",
                                  .subject = "round 1 sft 1",
                                  .step = step,
                                  .value = 3.0 - static_cast<double>(step),
                                  .low = {},
                                  .high = {}});
  }

  std::filesystem::path folder_;
  std::optional<ledger::Ledger> ledger_;
  std::int64_t next_stage_ = 0;
};

TEST_F(RunSummaryTest, CountsWhatTheLedgerHolds) {
  one_round();
  const auto summary = summarise(*ledger_);
  ASSERT_EQ(summary.rounds.size(), 1U);
  const auto& counts = summary.rounds[0];
  EXPECT_THAT(counts.prompts, ElementsAre(Pair("chat", 1), Pair("sums", 1)));
  EXPECT_EQ(counts.compared_replies, 2);
  EXPECT_THAT(counts.levels, ElementsAre(Pair("none", 1), Pair("significantly_better", 1)));
  EXPECT_THAT(counts.annotators, ElementsAre(Pair("verifier", 1)));
  EXPECT_EQ(counts.sampled_replies, 3);
  EXPECT_EQ(counts.leaked_imports, 2);
  EXPECT_EQ(counts.overlong_prompts, 1);  // left out by two stages
  EXPECT_THAT(counts.not_kept, ElementsAre(Pair("cut by the length limit", 1), Pair("another reply scored higher", 1)));
  EXPECT_EQ(counts.best_replies, 1);
  EXPECT_EQ(counts.synthetic, 1);
  EXPECT_THAT(counts.curated_away, ElementsAre(Pair("exclamation marks", 1)));
  EXPECT_EQ(counts.mixed, 1);
  EXPECT_EQ(counts.sft_rows, 2);
  ASSERT_EQ(summary.reward_spreads.size(), 1U);
  EXPECT_THAT(summary.reward_spreads[0].rewards(), ElementsAre(2, 1));
  EXPECT_THAT(summary.reward_spreads[0].kept_rewards(), ElementsAre(2));
  ASSERT_EQ(summary.curves.size(), 1U);
  EXPECT_THAT(summary.curves[0].curves.at(0).points, ElementsAre(Pair(1, 2.0), Pair(2, 1.0)));
  ASSERT_EQ(summary.mix_tables.size(), 1U);
  EXPECT_EQ(summary.mix_tables[0].lines.at(0).dataset, "Code");  // the sum stands last
  EXPECT_EQ(summary.mix_tables[0].lines.at(1).report.at(2), 4.7);
  ASSERT_EQ(summary.sources.size(), 2U);
  EXPECT_EQ(summary.sources[1].name, "sums set");
  EXPECT_EQ(summary.sources[1].licence, "MIT");
  EXPECT_THAT(summary.sources[1].rows, ElementsAre(Pair("sft", 2)));
}

TEST_F(RunSummaryTest, ShowsPromptsThatKeptAReplyFirstAndOneOfEachCapability) {
  ledger_->begin_run("run", "small", "name = \"small\"");
  begin("round 1 / reject");
  const auto answered = [&](const std::string& text, const std::string& capability, bool is_kept) {
    decide(reply(prompt(text, capability), "round 1 / reject", 0, "x"), "round 1 / reject", "best of K", is_kept, "");
  };
  answered("no reply was right", "sums", false);
  for (const auto* text : {"first sum", "second sum", "third sum", "fourth sum"}) answered(text, "sums", true);
  answered("hello", "chat", true);
  end("round 1 / reject", "{}");
  std::vector<std::string> questions;
  for (const auto& sample : summarise(*ledger_).samples) questions.push_back(sample.question);
  ASSERT_EQ(questions.size(), 4U);
  EXPECT_THAT(questions[0], HasSubstr("first sum"));
  EXPECT_THAT(questions[1], HasSubstr("hello"));
  EXPECT_THAT(questions[2], HasSubstr("second sum"));
}

TEST_F(RunSummaryTest, TopicsAndDifficultyOfTheCuratedRepliesStandOnThePage) {
  one_round();
  const auto summary = summarise(*ledger_);
  ASSERT_EQ(summary.ratings.size(), 2U);
  EXPECT_EQ(summary.ratings[0].name, "code / <b>web</b> pages");
  EXPECT_EQ(summary.ratings[1].value, 2.5);
  const auto page = html_page(summary);
  for (const auto* part : {"Topics of the replies", "code / &lt;b&gt;web&lt;/b&gt; pages", "How hard the judge found them", "2.50"})
    EXPECT_THAT(page, HasSubstr(part));
}

TEST_F(RunSummaryTest, AnUnfinishedRunGivesAPageThatSaysSoAndNoCard) {
  one_round();
  const auto summary = summarise(*ledger_);
  EXPECT_FALSE(summary.is_finished());
  const auto page = html_page(summary);
  EXPECT_THAT(page, HasSubstr("The run is unfinished: round 1 / sft."));
  EXPECT_THAT(page, HasSubstr("The round is unfinished."));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x&gt; Sorry!!!!!"));
  EXPECT_THAT(page, HasSubstr("Rejection sampling drew 3 replies and kept 1"));
  EXPECT_FALSE(model_card(summary));
}

TEST_F(RunSummaryTest, TheDeployedModelIsThatOfTheWayTheLatestRunTook) {
  const auto choose = [&](const std::string& key, const std::string& model) {
    ledger_->begin_run("run", "small", "name = \"small\"");
    if (!ledger_->find_stage(key)) {
      ledger_->add(ledger::StageBegin{.key = key, .name = "round 1 / choose", .inputs = "{}", .options = "{}"});
      end(key, fmt::format(R"({{"average": {{"hash": "{0}", "name": "{0}", "folder": "models/{0}"}}, "variants": []}})", model));
    }
    ledger_->add_stage_to_run("run", 0, key);
  };
  for (const auto& [key, model] : std::vector<std::pair<std::string, std::string>>{{"k1", "first"}, {"k2", "second"}, {"k1", "first"}}) {
    choose(key, model);
    const auto summary = summarise(*ledger_);
    ASSERT_EQ(summary.deployed.size(), 1U);
    EXPECT_EQ(summary.deployed[0].name, model);
    EXPECT_EQ(summary.stages.size(), 1U);
  }
}

TEST_F(RunSummaryTest, ARunWithoutStagesGivesAPage) {
  ledger_->begin_run("run", "small", "");
  EXPECT_THAT(html_page(summarise(*ledger_)), HasSubstr("no stages yet"));
}

TEST_F(RunSummaryTest, OutputsThatAreNotWhatTheyShouldBeAreLeftOut) {
  ledger_->begin_run("run", "small", "");
  const std::string outputs[] = {"", "{", "[1.5, \"x\", null, -1]", "{\"average\": 3, \"table\": {}, \"variants\": 1}",
                                 std::string(100'000, '[')};
  for (const auto* name :
       {"start / calibrate", "round 1 / plan", "round 1 / curate", "round 1 / choose", "round x / plan", "round 1"}) {
    begin(name);
    for (const auto& output : outputs) {
      end(name, output);
      EXPECT_THAT(html_page(summarise(*ledger_)), HasSubstr("</html>")) << name;
    }
  }
}

TEST_F(RunSummaryTest, NoRunIsTheUsersError) { EXPECT_THROW(summarise(*ledger_), base::UserError); }

}  // namespace
}  // namespace drover::report
