// A home in which a recipe, its models or its files change between two runs, and prompts that do not fit.
#include <gmock/gmock.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "rounds/round.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Changes = std::vector<std::pair<std::string, std::string>>;

class ChangedRunTest : public ::testing::Test {
 protected:
  std::filesystem::path home() const { return folder_.path() / "home"; }

  /// The tiny recipe with a smaller model and fewer steps.
  static Recipe recipe(Changes changes = {}) {
    for (const auto& [from, to] : Changes{{"rounds = 6", "rounds = 1"},
                                          {"hidden_size = 64", "hidden_size = 16"},
                                          {"intermediate_size = 128", "intermediate_size = 32"},
                                          {"steps = 900", "steps = 120"},
                                          {"replies_per_prompt = 10", "replies_per_prompt = 4"},
                                          {"comparisons_per_prompt = 4", "comparisons_per_prompt = 6"}})
      changes.emplace_back(from, to);
    return tiny_recipe(changes);
  }

  /// Which stages were done, and which of them anew.
  std::map<std::string, bool> run(const Recipe& recipe, const std::string& last) const {
    std::map<std::string, bool> is_new;
    run_recipe(recipe, {.home = home(), .last_stage = last, .on_progress = {}, .on_stage = [&](const StageEvent& event) {
                          if (event.kind != StageEvent::Kind::kBegun) is_new[event.name] = event.kind == StageEvent::Kind::kFinished;
                        }});
    return is_new;
  }

  ledger::Ledger ledger() const { return ledger::Ledger(home() / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly); }

  static std::vector<std::string> stages_of_latest_run(const ledger::Ledger& ledger) {
    std::vector<std::string> names;
    for (const auto& key : ledger.stages_of_run(ledger.latest_run()->run)) names.push_back(ledger.find_stage(key)->name);
    return names;
  }

  static std::string key_of_stage(const ledger::Ledger& ledger, const std::string& name) {
    for (const auto& key : ledger.stages_of_run(ledger.latest_run()->run)) {
      if (ledger.find_stage(key)->name == name) return key;
    }
    return {};
  }

  static std::vector<ledger::Metric> metrics(const ledger::Ledger& ledger, const std::string& stage, const std::string& name) {
    auto all = ledger.metrics_of(key_of_stage(ledger, stage));
    std::erase_if(all, [&](const auto& metric) { return metric.name != name; });
    return all;
  }

  /// The lines of one of the tiny recipe's files, and more.
  std::string file_with(const std::string& name, const std::string& lines) const {
    const auto file = folder_.path() / name;
    base::write_file_atomically(file, base::read_file(std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes/tiny" / name) + lines);
    return "file = \"" + file.string() + "\"";
  }

  TemporaryFolder folder_{"changed-run"};
};

TEST_F(ChangedRunTest, AStageThatMoreRoundsRepeatStandsOnceInTheRun) {
  auto two_rounds = recipe({{"[reject]\n", "[reject]\nlast_round_temperature = 0.5\n"}});
  run(two_rounds, "reject");
  two_rounds.rounds = 2;  // as `--rounds` does: round 1 is no longer the last one
  EXPECT_TRUE(run(two_rounds, "reject").at("round 1 / reject"));
  const auto stages = stages_of_latest_run(ledger());
  EXPECT_EQ(std::set<std::string>(stages.begin(), stages.end()).size(), stages.size());
}

TEST_F(ChangedRunTest, AfterAFileWasChangedAndChangedBackTheFirstWayIsTheRuns) {
  const auto more = R"({"messages":[{"role":"user","content":"40+41"}],"checker":"numeric","expected":"81","tags":["sum"]})" "\n";
  const Changes own_file = {{"file = \"tiny/prompts.jsonl\"", file_with("prompts.jsonl", "")}};
  run(recipe(own_file), "collect");
  const auto first = key_of_stage(ledger(), "round 1 / collect");
  file_with("prompts.jsonl", more);
  EXPECT_TRUE(run(recipe(own_file), "collect").at("round 1 / collect"));
  EXPECT_NE(key_of_stage(ledger(), "round 1 / collect"), first);
  file_with("prompts.jsonl", "");
  EXPECT_FALSE(run(recipe(own_file), "collect").at("round 1 / collect"));
  EXPECT_EQ(key_of_stage(ledger(), "round 1 / collect"), first);
}

TEST_F(ChangedRunTest, PromptsOfAnotherCapabilityAreLearnedAsThat) {
  run(recipe(), "curate");
  run(recipe({{"[prompts.sums]\n", "[prompts.sums]\ncapability = \"maths\"\n"},
              {"[collect]\n", "[curate]\nshares = { maths = 1 }\n[collect]\n"}}),
      "curate");
  const auto record = ledger();
  EXPECT_THAT(metrics(record, "round 1 / curate", "absent from the mix"), IsEmpty());
  std::int64_t num_learned = 0;
  for (const auto& decision : record.decisions_of(key_of_stage(record, "round 1 / curate"))) {
    if (!decision.is_kept) continue;
    ++num_learned;
    EXPECT_EQ(record.find(record.find(decision.generation)->prompt)->tags.front(), "maths");
  }
  EXPECT_GT(num_learned, 0);
}

TEST_F(ChangedRunTest, PromptsAreChosenAnewForASuiteThatMeasuresAnotherCapability) {
  run(recipe(), "plan");
  const auto again = run(recipe({{"[suites.held-out-sums]\n", "[suites.held-out-sums]\ncapability = \"difference\"\n"}}), "plan");
  EXPECT_TRUE(again.at("round 1 / plan"));
  EXPECT_FALSE(again.at("start / evaluate")) << "it asks the same questions";
}

TEST_F(ChangedRunTest, TheJudgeIsMeasuredAnewOnPairsThatChanged) {
  const auto pairs = folder_.path() / "pairs.jsonl";
  const auto with_judge = recipe({{"[collect]\n", "[judge]\nmodel = \"first\"\ncalibrate_on = [\"" + pairs.string() + "\"]\n[collect]\n"}});
  base::write_file_atomically(pairs, R"({"input": "1+1", "output_1": "2", "output_2": "3", "label": 1})" "\n");
  run(with_judge, "start / calibrate");
  EXPECT_FALSE(run(with_judge, "start / calibrate").at("start / calibrate"));
  base::write_file_atomically(pairs, R"({"input": "1+1", "output_1": "2", "output_2": "3", "label": 2})" "\n");
  EXPECT_TRUE(run(with_judge, "start / calibrate").at("start / calibrate"));
}

// A sentence encoder of random weights that knows ten digits.
void write_encoder(const std::filesystem::path& folder) {
  std::filesystem::copy(std::filesystem::path(DROVER_SOURCE_FOLDER) / "src/model/testdata/roberta", folder);
  base::write_file_atomically(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

TEST_F(ChangedRunTest, CurationLooksForNearDuplicatesAnewWithAnotherEncoder) {
  const auto encoder = folder_.path() / "encoder";
  write_encoder(encoder);
  const auto with_encoder = recipe({{"[collect]\n", "[curate]\nencoder = \"" + encoder.string() + "\"\n[collect]\n"}});
  run(with_encoder, "curate");
  EXPECT_FALSE(run(with_encoder, "curate").at("round 1 / curate"));
  base::write_file_atomically(encoder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n0\n1\n");
  EXPECT_TRUE(run(with_encoder, "curate").at("round 1 / curate"));
}

TEST_F(ChangedRunTest, ARunThatStoppedEarlierKeepsWhatLiesBehindOnTheSameWay) {
  run(recipe(), "collect");
  const auto all = stages_of_latest_run(ledger());
  run(recipe(), "start / evaluate");
  EXPECT_EQ(stages_of_latest_run(ledger()), all);
}

TEST_F(ChangedRunTest, ModelsFromOutsideThatComputeOrRenderOtherwiseGiveOtherResults) {
  run(recipe(), "start / evaluate");
  const auto outside = folder_.path() / "outside";
  std::filesystem::rename(home() / "models", outside);
  std::filesystem::remove_all(home());
  std::string first, second;
  for (const auto& entry : std::filesystem::directory_iterator(outside)) {
    (entry.path().filename().string().starts_with("start-first") ? first : second) = entry.path().string();
  }
  const auto of = [&](const std::string& format, const std::string& compute) {
    return recipe({{"pretrained = \"first\"", "pretrained = \"" + first + "\"\ncompute = \"" + compute + "\""},
                   {"[\"first\", \"second\"]", "[\"" + first + "\", \"" + second + "\"]"},
                   {"format = \"chatml\"", "format = \"" + format + "\""}});
  };
  run(of("chatml", "f32"), "reject");
  for (const auto& [name, is_new] : run(of("chatml", "f32"), "reject")) EXPECT_FALSE(is_new) << name;
  const auto computed = run(of("chatml", "bf16"), "reject");
  for (const auto* name : {"start / evaluate", "round 1 / collect", "round 1 / reward", "round 1 / reject"})
    EXPECT_TRUE(computed.at(name)) << name;
  const auto rendered = run(of("chatml-smollm2", "f32"), "collect");
  for (const auto* name : {"start / evaluate", "round 1 / collect"}) EXPECT_TRUE(rendered.at(name)) << name;
}

TEST_F(ChangedRunTest, PromptsThatLeaveNoRoomForAReplyAreLeftOutAndRecorded) {
  const std::string digits(400, '1');  // more tokens than the model's 256 positions
  const auto prompts = file_with("prompts.jsonl", R"({"messages":[{"role":"user","content":")" + digits +
                                                      R"("}],"checker":"numeric","expected":"1","tags":["sum"]})" "\n");
  run(recipe({{"file = \"tiny/prompts.jsonl\"", prompts}}), "reject");
  const auto record = ledger();
  for (const auto* stage : {"round 1 / collect", "round 1 / reject"}) {
    const auto left_out = metrics(record, stage, "prompt too long");
    ASSERT_EQ(left_out.size(), 1U) << stage;
    EXPECT_GT(left_out[0].value, 256);
    const auto named = record.prompts_beginning(left_out[0].subject);
    ASSERT_EQ(named.size(), 1U);
    EXPECT_EQ(record.find(named[0])->dialog.messages.at(0).content, digits);
  }
}

TEST_F(ChangedRunTest, RepliesThatTheRewardModelCannotReadAreLeftOutAndRecorded) {
  // The models that answer read 256 tokens, the one that the reward model is made of 64.
  const std::string digits(100, '1');
  const auto prompts = file_with("prompts.jsonl", R"({"messages":[{"role":"user","content":")" + digits +
                                                      R"("}],"checker":"numeric","expected":"1","tags":["sum"]})" "\n");
  run(recipe({{"file = \"tiny/prompts.jsonl\"", prompts},
              {"pretrained = \"first\"", "pretrained = \"short\""},
              {"[start.first]\n", "[start.short]\ntokenizer = \"tiny\"\ntext = \"tiny/text.jsonl\"\nhidden_size = 16\nintermediate_size = 32\n"
                                  "max_positions = 64\ntrain = { steps = 5, max_tokens = 64 }\n[start.first]\n"},
              {"[reward]\ntrain = {", "[reward]\ntrain = { max_tokens = 64,"},
              {"[reject]\n", "[reject]\nallow_cut = true\n"}}),
      "reject");
  const auto record = ledger();
  std::int64_t num_unread = 0;
  for (const auto& decision : record.decisions_of(key_of_stage(record, "round 1 / reject"))) {
    if (!decision.reason.starts_with("no reward")) continue;
    ++num_unread;
    EXPECT_FALSE(decision.is_kept);
    EXPECT_EQ(record.find(record.find(decision.generation)->prompt)->dialog.messages.at(0).content, digits);
  }
  EXPECT_EQ(num_unread, 4) << "all replies to the long prompt, and no other";
}

TEST_F(ChangedRunTest, APromptOfASuiteThatLeavesNoRoomIsNamedBeforeTheFirstRound) {
  const auto suite = file_with("suite.jsonl", R"({"messages":[{"role":"user","content":")" + std::string(400, '1') +
                                                  R"("}],"checker":"numeric","expected":"1"})" "\n");
  try {
    run(recipe({{"file = \"tiny/suite.jsonl\"", suite}}), "reject");
    ADD_FAILURE() << "not refused";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("prompt 61 of [suites.held-out-sums]"), HasSubstr("1111"), HasSubstr("too long")));
  }
}

TEST_F(ChangedRunTest, RowsThatAreTooLongForSftAreCountedAndTheOthersAreLearned) {
  const auto planted = folder_.path() / "planted.jsonl";
  const auto dialog = [](const std::string& question, const std::string& answer) {
    return R"({"messages":[{"role":"user","content":")" + question + R"("},{"role":"assistant","content":")" + answer + "\"}]}\n";
  };
  std::string counting;
  for (int number = 10; number < 99; ++number) counting += std::to_string(number);
  base::write_file_atomically(planted, dialog("20+20", "=40") + dialog("30+30", counting));
  run(recipe({{"[collect]\n", "[synthetic.planted]\nfile = \"" + planted.string() + "\"\n[collect]\n"},
              {"[sft]\ntrain = {", "[sft]\ntrain = { max_tokens = 100,"}}),
      "sft");
  const auto record = ledger();
  const auto refused = metrics(record, "round 1 / sft", "refused rows");
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].value, 1);
  EXPECT_FALSE(record.training_rows_of(key_of_stage(record, "round 1 / sft")).empty());
}

TEST_F(ChangedRunTest, AStartModelIsNotTunedOnASuitesQuestions) {
  const auto dialog = [](const std::string& question) {
    return R"({"messages":[{"role":"user","content":")" + question + R"("},{"role":"assistant","content":"=1"}]})" "\n";
  };
  const auto suite = base::read_file(std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes/tiny/suite.jsonl");
  const std::string held_out = chat::Json::parse(suite.substr(0, suite.find('\n'))).at("messages").at(0).at("content");
  const auto start = [&](const std::string& name, const std::string& text) {
    base::write_file_atomically(folder_.path() / name, text);
    return fmt::format("[start.{0}]\nfrom = \"first\"\ntext = \"{1}\"\ntrain = {{ learning_rate = 1e-3, steps = 4 }}\n", name,
                       (folder_.path() / name).string());
  };
  run(recipe({{"[\"first\", \"second\"]", "[\"clean\", \"leaky\"]"},
              {"[prompts.sums]\n", start("clean", dialog("20+20") + dialog("30+30")) +
                                       start("leaky", dialog("20+20") + dialog(held_out) + dialog("30+30")) + "[prompts.sums]\n"}}),
      "start / leaky");
  const auto record = ledger();
  EXPECT_EQ(metrics(record, "start / clean", "leaked rows").at(0).value, 0);
  EXPECT_EQ(metrics(record, "start / leaky", "leaked rows").at(0).value, 1);
  const auto model = [&](const std::string& stage) { return record.models_of(key_of_stage(record, stage)).at(0).hash; };
  EXPECT_EQ(model("start / leaky"), model("start / clean")) << "the same rows, the same seed";
}

TEST_F(ChangedRunTest, ACapabilityThatTheMixNamesMayBeAbsentFromARound) {
  run(recipe({{"[collect]\n", "[synthetic.later]\nfile = \"tiny/text.jsonl\"\nfrom_round = 2\n[curate]\nepochs = { sum = 2, later = 3 }\n[collect]\n"}}),
      "curate");
  const auto absent = metrics(ledger(), "round 1 / curate", "absent from the mix");
  ASSERT_EQ(absent.size(), 1U);
  EXPECT_EQ(absent[0].subject, "later");
}

TEST_F(ChangedRunTest, AMixWhoseSharesAreAllAbsentDoesNotFallBackOnWhatItLeavesOut) {
  const auto only_later = recipe({{"[collect]\n",
                                   "[synthetic.later]\nfile = \"tiny/text.jsonl\"\nfrom_round = 2\n"
                                   "[curate]\nshares = { later = 1, sum = 0 }\n[collect]\n"}});
  try {
    run(only_later, "sft");
    ADD_FAILURE() << "trained on something else";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no rows for sft training"));
  }
  EXPECT_EQ(metrics(ledger(), "round 1 / curate", "absent from the mix").at(0).subject, "later");
}

TEST_F(ChangedRunTest, ACutReplyThatMayWinIsLearned) {
  run(recipe({{"replies_per_prompt = 10\nsampling = { temperature = 1.0, max_tokens = 6 }",
               "replies_per_prompt = 10\nallow_cut = true\nsampling = { temperature = 1.0, max_tokens = 1 }"}}),
      "curate");
  const auto record = ledger();
  std::int64_t num_cut = 0;
  for (const auto& decision : record.decisions_of(key_of_stage(record, "round 1 / curate"))) {
    const bool is_cut = record.find(decision.generation)->reply.back().ending == chat::Ending::kCut;
    num_cut += decision.is_kept && is_cut ? 1 : 0;
  }
  EXPECT_GT(num_cut, 0);
}

TEST_F(ChangedRunTest, ASuiteWithoutCheckersIsRefusedBeforeAnythingIsTrained) {
  const auto suite = file_with("suite.jsonl", R"({"messages":[{"role":"user","content":"Tell me a story."}]})" "\n");
  try {
    run(recipe({{"file = \"tiny/suite.jsonl\"", suite}}), "");
    ADD_FAILURE() << "not refused";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("suite.jsonl, line 61: the prompt has no \"checker\""));
  }
  EXPECT_FALSE(std::filesystem::exists(home()));
}

}  // namespace
}  // namespace drover::rounds
