#include "rounds/round.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/random_stream.h"
#include "chat/dialog.h"
#include "ledger/ledger.h"
#include "verify/checker.h"

namespace drover::rounds {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// The tiny recipe with a smaller model and fewer steps: it need not become good here, only to run.
Recipe small_recipe(const std::vector<std::pair<std::string, std::string>>& changes = {}) {
  const auto file = std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes" / "tiny.toml";
  auto text = base::read_file(file);
  text = replaced(text, "rounds = 6", "rounds = 1");
  text = replaced(text, "hidden_size = 64", "hidden_size = 16");
  text = replaced(text, "intermediate_size = 128", "intermediate_size = 32");
  text = replaced(text, "steps = 900", "steps = 120");
  text = replaced(text, "replies_per_prompt = 10", "replies_per_prompt = 4");
  text = replaced(text, "comparisons_per_prompt = 4", "comparisons_per_prompt = 6");
  for (const auto& [from, to] : changes) {
    EXPECT_THAT(text, HasSubstr(from));
    text = replaced(text, from, to);
  }
  return parse_recipe(text, file);
}

class RoundTest : public ::testing::Test {
 protected:
  RoundTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-round-{}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~RoundTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path home(const std::string& name) const { return folder_ / name; }

  /// Runs a recipe and returns what happened to each stage.
  std::map<std::string, StageEvent::Kind> run(const Recipe& recipe, const std::string& name,
                                              const std::string& last = "") {
    std::map<std::string, StageEvent::Kind> events;
    outcome_ = run_recipe(
        recipe, {.home = home(name), .last_stage = last, .on_progress = {}, .on_stage = [&](const StageEvent& event) {
                   if (event.kind != StageEvent::Kind::kBegun) events[event.name] = event.kind;
                 }});
    return events;
  }

  static std::vector<std::string> done_anew(const std::map<std::string, StageEvent::Kind>& events) {
    std::vector<std::string> names;
    for (const auto& [name, kind] : events) {
      if (kind == StageEvent::Kind::kFinished) names.push_back(name);
    }
    return names;
  }

  std::filesystem::path folder_;
  RunOutcome outcome_;
};

TEST_F(RoundTest, GoesThroughEveryStageAndLeavesTracesOfEach) {
  const auto recipe = small_recipe();
  const auto events = run(recipe, "home");
  EXPECT_EQ(done_anew(events).size(), 14U);  // two start models and their scores, then eleven stages
  ledger::Ledger ledger(home("home") / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  std::map<std::string, std::string> key_of_stage;
  for (const auto& key : ledger.stages_of_run(ledger.latest_run()->run))
    key_of_stage[ledger.find_stage(key)->name] = key;

  for (const auto id : ledger.comparisons_of(key_of_stage["round 1 / collect"])) {
    const auto comparison = ledger.find(id);
    EXPECT_NE(ledger.find(comparison->preferred)->model, ledger.find(comparison->other)->model);
  }
  // Rejection sampling keeps the reply with the highest score and never one that was cut.
  std::map<ledger::PromptId, std::pair<double, double>> kept_and_best;
  for (const auto& decision : ledger.decisions_of(key_of_stage["round 1 / reject"])) {
    const auto generation = ledger.find(decision.generation);
    const auto scores = ledger.scores_of(decision.generation);
    if (scores.empty()) {
      EXPECT_FALSE(decision.is_kept);
      continue;
    }
    EXPECT_NE(generation->reply.back().ending, chat::Ending::kCut);
    auto& [kept, best] = kept_and_best.try_emplace(generation->prompt, -1e9, -1e9).first->second;
    if (decision.is_kept) kept = scores[0].value;
    best = std::max(best, scores[0].value);
  }
  EXPECT_FALSE(kept_and_best.empty());
  for (const auto& [prompt, scores] : kept_and_best) EXPECT_EQ(scores.first, scores.second);

  const auto sft = ledger.models_of(key_of_stage["round 1 / sft"]);
  ASSERT_EQ(sft.size(), 3U);  // two variants and their average
  EXPECT_EQ(sft[2].made_by, "average");
  EXPECT_EQ(sft[2].parents.at(0).weight, 0.5);
  EXPECT_EQ(sft[0].parents.at(0).hash, sft[1].parents.at(0).hash);  // both from the pre-trained checkpoint
  const auto dpo = ledger.models_of(key_of_stage["round 1 / dpo"]);
  EXPECT_EQ(dpo.at(0).parents.at(0).hash, sft[2].hash);
  EXPECT_EQ(outcome_.deployed.average.hash, dpo.back().hash);
  std::set<std::string> answering;
  for (const auto& model : outcome_.deployed.variants) answering.insert(model.hash);
  EXPECT_EQ(answering.size(), outcome_.deployed.variants.size());
  EXPECT_GE(answering.size(), 2U);  // or two different models could not answer in the next round
  EXPECT_FALSE(ledger.training_rows_of(key_of_stage["round 1 / dpo"]).empty());

  // What the report shows of the reward model: its accuracy over all comparisons with a preference, by level too.
  std::int64_t num_preferred = 0;
  for (const auto* name : {"round 1 / collect", "round 1 / import"}) {
    for (const auto id : ledger.comparisons_of(key_of_stage[name]))
      num_preferred += ledger.find(id)->level == chat::PreferenceLevel::kNone ? 0 : 1;
  }
  std::map<std::string, std::int64_t> compared;
  std::set<std::string> recorded;
  for (const auto& metric : ledger.metrics_of(key_of_stage["round 1 / reward"])) {
    recorded.insert(metric.name);
    if (metric.name == "reward accuracy" && metric.subject != "edited") compared[metric.subject] += metric.count;
    if (metric.name == "preference mix" && metric.subject == "Total / comparisons") {
      EXPECT_EQ(metric.value, static_cast<double>(num_preferred));
    }
  }
  EXPECT_EQ(compared["all"], num_preferred);
  std::int64_t by_level = 0;
  for (const auto& [level, count] : compared) by_level += level == "all" ? 0 : count;
  EXPECT_EQ(by_level, num_preferred);
  for (const auto* name : {"loss", "step margin", "step accuracy", "preference mix", "preference mix of Llama 3"})
    EXPECT_THAT(recorded, Contains(name));
}

TEST_F(RoundTest, CurationRemovesPlantedDuplicatesAndLeaksAndMixesTheRest) {
  const auto dialog = [](const std::string& question, const std::string& answer) {
    return R"({"messages":[{"role":"user","content":")" + question + R"("},{"role":"assistant","content":")" + answer + "\"}]}\n";
  };
  std::string leaked;
  base::for_each_line(std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes/tiny/suite.jsonl", [&](std::int64_t number, std::string_view line) {
    if (number == 1) leaked = chat::Json::parse(line).at("messages").at(0).at("content");
  });
  const auto planted = folder_ / "planted.jsonl";
  base::write_file_atomically(planted, dialog("20+20", "=40") + dialog("20+20", "=40") + dialog(leaked, "=1") +
                                           dialog("30+30", "=60!!!!!!!!"));
  run(small_recipe({{"[collect]", "[synthetic.planted]\nfile = \"" + planted.string() + "\"\n[curate]\nepochs = { planted = 3 }\n[collect]"}}),
      "home", "curate");
  const ledger::Ledger ledger(home("home") / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  std::map<std::string, int> rules;
  std::string kept;
  for (const auto& key : ledger.stages_of_run(ledger.latest_run()->run)) {
    if (ledger.find_stage(key)->name != "round 1 / curate") continue;
    for (const auto& decision : ledger.decisions_of(key)) {
      const auto generation = *ledger.find(decision.generation);
      if (ledger.find(generation.prompt)->source != "planted") continue;
      ++rules[decision.rule];
      if (decision.is_kept) kept += generation.reply.at(0).content + " ";
    }
  }
  EXPECT_EQ(rules["leak"], 1);
  EXPECT_EQ(rules["duplicate"], 1);
  EXPECT_EQ(rules["rewritten"], 1);
  EXPECT_EQ(rules["repeated"], 2);
  EXPECT_THAT(kept, HasSubstr("=40 "));
  EXPECT_THAT(kept, Not(HasSubstr("!!!!")));
}

TEST_F(RoundTest, WaitsForPeopleAndGoesOnAfterTheirAnswers) {
  const auto recipe = small_recipe({{R"(annotators = ["verifier"])", R"(annotators = ["people"])"}});
  const auto before = run(recipe, "home");
  EXPECT_TRUE(outcome_.is_waiting);
  EXPECT_FALSE(before.contains("round 1 / collect"));
  std::map<int, int> answers;  // without a preference, with one
  {
    ledger::Ledger ledger(home("home") / "ledger.sqlite");
    const auto requests = ledger.pending_requests();
    ASSERT_FALSE(requests.empty());
    for (const auto id : requests) {
      const auto request = *ledger.find(id);
      const auto prompt = *ledger.find(request.prompt);
      const auto checker = verify::make_checker(prompt.checker);
      const auto is_right = [&](ledger::GenerationId reply) {
        return checker->check_messages(ledger.find(reply)->reply, prompt.expected).is_right();
      };
      using Preferred = ledger::ComparisonAnswer::Preferred;
      const bool first = is_right(request.first), second = is_right(request.second);
      ledger.add(ledger::ComparisonAnswer{
          .request = id,
          .annotator = "ann",
          .preferred = first == second ? Preferred::kNeither : first ? Preferred::kFirst : Preferred::kSecond,
          .level = first == second ? chat::PreferenceLevel::kNone : chat::PreferenceLevel::kSignificant});
      ++answers[first == second ? 0 : 1];
    }
  }
  const auto after = run(recipe, "home");
  EXPECT_FALSE(outcome_.is_waiting);
  EXPECT_EQ(after.at("round 1 / collect"), StageEvent::Kind::kFinished);
  EXPECT_EQ(after.at("round 1 / choose"), StageEvent::Kind::kFinished);
  const ledger::Ledger ledger(home("home") / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  std::map<std::string, double> counted;
  for (const auto& key : ledger.stages_of_run(ledger.latest_run()->run)) {
    if (ledger.find_stage(key)->name != "round 1 / collect") continue;
    for (const auto& metric : ledger.metrics_of(key)) {
      if (metric.name == "comparisons") counted[metric.subject] += metric.value;
    }
  }
  EXPECT_EQ(counted["none"], answers[0]);
  EXPECT_EQ(counted["significantly_better"], answers[1]);
}

TEST_F(RoundTest, AChangedOptionRepeatsExactlyWhatDependsOnIt) {
  run(small_recipe(), "home");
  EXPECT_THAT(done_anew(run(small_recipe(), "home")), IsEmpty());
  // beta belongs to DPO: what stands before it is found.
  EXPECT_THAT(done_anew(run(small_recipe({{"[dpo]\n", "[dpo]\nbeta = 0.3\n"}}), "home")),
              ::testing::ElementsAre("round 1 / choose", "round 1 / dpo", "round 1 / evaluate"));
  // Back to the first recipe: everything is still there.
  EXPECT_THAT(done_anew(run(small_recipe(), "home")), IsEmpty());
  // A speed option changes nothing.
  EXPECT_THAT(done_anew(run(small_recipe({{"[sft]\ntrain = {", "[sft]\ntrain = { packed_tokens = 1024,"}}), "home")),
              IsEmpty());
}

TEST_F(RoundTest, DoesDamagedWorkAgain) {
  run(small_recipe(), "home", "sft");
  EXPECT_EQ(outcome_.stopped_after, "round 1 / sft");
  for (const auto& folder : std::filesystem::directory_iterator(home("home") / "models")) {
    if (folder.path().filename().string().starts_with("round-1-sft-1"))
      std::filesystem::resize_file(folder.path() / "model.safetensors", 100);
  }
  EXPECT_THAT(done_anew(run(small_recipe(), "home", "sft")), ::testing::ElementsAre("round 1 / sft"));
}

std::map<std::string, std::string> model_files(const std::filesystem::path& home) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(home / "models"))
    files[entry.path().filename().string()] = hash_of_files(entry.path());
  return files;
}

TEST_F(RoundTest, AKilledAndResumedRunLeavesTheSameModelsByteForByte) {
  const auto recipe = small_recipe();
  const auto begun = std::chrono::steady_clock::now();
  run(recipe, "whole");
  const auto whole = std::chrono::steady_clock::now() - begun;
  base::RandomStream random(5, "kill");
  for (int kill_number = 0; kill_number < 4; ++kill_number) {
    const pid_t child = fork();
    if (child == 0) {
      // A fresh process image, because LibTorch's threads do not survive fork.
      const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
      setenv("DROVER_ROUND_TEST_HOME", home("killed").c_str(), 1);
      execl(self.c_str(), self.c_str(), "--gtest_filter=RunInHome.*", "--gtest_also_run_disabled_tests",
            "--gtest_brief=1", nullptr);
      _exit(127);
    }
    std::this_thread::sleep_for(whole * (0.1 + 0.3 * random.uniform()));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  run(recipe, "killed");
  EXPECT_EQ(model_files(home("killed")), model_files(home("whole")));
  EXPECT_THAT(model_files(home("whole")), Not(IsEmpty()));
}

// Not a test: the process that the test above kills.
TEST(RunInHome, DISABLED_RunsTheSmallRecipe) {
  const char* home = std::getenv("DROVER_ROUND_TEST_HOME");
  if (home == nullptr) GTEST_SKIP();
  run_recipe(small_recipe(), {.home = home, .last_stage = {}, .on_progress = {}, .on_stage = {}});
}

TEST_F(RoundTest, AnInterruptionLeavesAHomeThatResumes) {
  struct Interrupted {};
  int calls = 0;
  const auto interrupt = [&](const base::Progress& progress) {
    if (progress.what == "round 1 sft 2" && ++calls == 3) throw Interrupted();
  };
  EXPECT_THROW(
      run_recipe(small_recipe(), {.home = home("home"), .last_stage = {}, .on_progress = interrupt, .on_stage = {}}),
      Interrupted);
  EXPECT_THAT(done_anew(run(small_recipe(), "home")),
              ::testing::ElementsAre("round 1 / choose", "round 1 / dpo", "round 1 / evaluate", "round 1 / sft"));
}

TEST_F(RoundTest, AnEditedReplyTeachesEvenWhereTheRankedOnesWereNearlyAlike) {
  const auto file = folder_ / "people.jsonl";
  base::write_file_atomically(file, R"({"prompt": "8+8", "chosen": "88", "rejected": "17", "edited": "16", "level": "marginally_better"}
{"prompt": "1+2", "chosen": "33", "rejected": "4", "level": "marginally_better"}
{"prompt": "1+3", "chosen": "4", "rejected": "5", "level": "significantly_better"}
)");
  const auto people = fmt::format("[preferences.people]\nfile = \"{}\"\nlicence = \"CC0-1.0\"\n\n[suites.held-out-sums]", file.string());
  run(small_recipe({{"[suites.held-out-sums]", people}}), "home", "round 1 / dpo");
  const ledger::Ledger ledger(home("home") / "ledger.sqlite", ledger::Ledger::OpenMode::kReadOnly);
  std::map<std::string, std::set<std::string>> taught;  // the prompts that a kind of training learned from
  for (const auto& key : ledger.stages_of_run(ledger.latest_run()->run)) {
    for (const auto& row : ledger.training_rows_of(key)) {
      const auto prompt = *ledger.find(ledger.find(row.generations.at(0))->prompt);
      if (prompt.source == "people") taught[row.kind].insert(prompt.dialog.messages.back().content);
    }
  }
  for (const auto* kind : {"reward", "dpo"}) EXPECT_THAT(taught[kind], ::testing::ElementsAre("1+3", "8+8")) << kind;
}

TEST_F(RoundTest, RefusesSuitePromptsAmongTheTrainingPrompts) {
  const auto recipe = small_recipe({{"file = \"tiny/suite.jsonl\"", "file = \"tiny/prompts.jsonl\""}});
  try {
    run(recipe, "home");
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("must be held out"));
  }
}

TEST_F(RoundTest, StagesAreCalledAsListed) {
  const auto recipe = small_recipe();
  std::vector<std::string> names;
  run_recipe(recipe, {.home = home("home"), .last_stage = {}, .on_progress = {}, .on_stage = [&](const StageEvent& event) {
                        if (event.kind == StageEvent::Kind::kBegun) names.push_back(event.name);
                      }});
  EXPECT_EQ(names, stage_names(recipe));
}

TEST_F(RoundTest, RefusesToStopAfterAStageThatDoesNotExistBeforeAnythingIsDone) {
  try {
    run(small_recipe(), "home", "round 1 / stf");
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean \"round 1 / sft\""));
  }
  EXPECT_FALSE(std::filesystem::exists(home("home")));
}

TEST(StageName, MayBeShortForARoundsStageOnly) {
  EXPECT_TRUE(is_called("round 1 / evaluate", "evaluate"));
  EXPECT_TRUE(is_called("start / evaluate", "start / evaluate"));
  EXPECT_FALSE(is_called("start / evaluate", "evaluate"));
  EXPECT_FALSE(is_called("round 1 / evaluate", "round 2 / evaluate"));
}

TEST(StageKey, DependsOnEveryPartOfTheRequest) {
  const StageRequest request{.name = "sft", .revision = 1, .inputs = {{"mix", "a"}}, .options = "{}", .seed = 1};
  std::vector<StageRequest> others(5, request);
  others[0].name = "dpo";
  others[1].revision = 2;
  others[2].inputs[0].second = "b";
  others[3].options = "{\"steps\":1}";
  others[4].seed = 2;
  std::set<std::string> keys = {key_of(request)};
  for (const auto& other : others) keys.insert(key_of(other));
  EXPECT_EQ(keys.size(), 6U);
  EXPECT_EQ(key_of(request), key_of(StageRequest(request)));
}

}  // namespace
}  // namespace drover::rounds
