#include "ledger/ledger.h"

#include <gmock/gmock.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/random_stream.h"

namespace drover::ledger {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover ledger {}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~LedgerTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file() const { return folder_ / "ledger.sqlite"; }

  std::string refusal(Ledger::OpenMode mode) const {
    try {
      Ledger ledger(file(), mode);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "no refusal";
  }

  std::filesystem::path folder_;
};

Prompt sum_prompt() {
  chat::Message question;
  question.sender = chat::Sender::kUser;
  question.content = "3+4?";
  return {.dialog = {.messages = {question}, .tools = {}, .core_tools = {}, .today = "26 Jul 2024"},
          .source = "planted",
          .licence = "CC0-1.0",
          .tags = {"sum", "one digit"},
          .difficulty = 0.25,
          .checker = "numeric",
          .expected = "7"};
}

Generation reply_to(PromptId prompt, std::int64_t sample, const std::string& text) {
  chat::Message message;
  message.sender = chat::Sender::kAssistant;
  message.content = text;
  return {.prompt = prompt,
          .stage = "collect-key",
          .sample = sample,
          .model = "model-hash",
          .tokenizer = "tokenizer-hash",
          .ids = {text::TokenId{5}, text::TokenId{300}, text::TokenId{128255}},
          .log_probs = {-0.1F, -2.5F, -1e-7F},
          .reply = {message},
          .fault = "",
          .options = "{\"temperature\":1}"};
}

TEST_F(LedgerTest, GivesBackEveryFactAfterReopening) {
  PromptId prompt;
  GenerationId good;
  GenerationId bad;
  {
    Ledger ledger(file(), Ledger::OpenMode::kCreate);
    prompt = ledger.add(sum_prompt());
    good = ledger.add(reply_to(prompt, 0, "7"));
    bad = ledger.add(reply_to(prompt, 1, "8"));
    ledger.add(Score{.generation = good,
                     .stage = "reject-key",
                     .scorer = "reward-hash",
                     .value = 1.25,
                     .reason = "short and right"});
    ledger.add(Source{.name = "planted", .licence = "CC0-1.0", .location = "prompts.jsonl", .hash = "source-hash"});
    ledger.add(CheckedAnswer{.generation = bad,
                             .stage = "collect-key",
                             .checker = "numeric",
                             .is_right = false,
                             .answer = "8",
                             .reason = "8 is not 7"});
    ledger.add(Decision{
        .generation = bad, .stage = "curate-key", .rule = "duplicate", .is_kept = false, .reason = "as another",
        .score = 0.97});
    ledger.add(Comparison{.prompt = prompt,
                          .stage = "collect-key",
                          .preferred = good,
                          .other = bad,
                          .level = chat::PreferenceLevel::kSignificant,
                          .annotator = "verifier",
                          .reason = "7 is right"});
    ledger.add(TrainingRow{.stage = "dpo-key", .ordinal = 0, .kind = "dpo", .generations = {good, bad}});
    ledger.add(Metric{.stage = "evaluate-key",
                      .name = "accuracy",
                      .subject = "model-hash",
                      .step = 0,
                      .value = 0.5,
                      .low = 0.3,
                      .high = 0.7,
                      .count = 40});
  }
  const Ledger ledger(file(), Ledger::OpenMode::kReadOnly);
  const auto found = ledger.find(prompt);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->dialog, sum_prompt().dialog);
  EXPECT_EQ(found->tags, sum_prompt().tags);
  EXPECT_EQ(found->difficulty, 0.25);
  EXPECT_EQ(found->expected, "7");
  const auto reply = ledger.find(good);
  ASSERT_TRUE(reply);
  const auto expected = reply_to(prompt, 0, "7");
  EXPECT_EQ(reply->ids, expected.ids);
  EXPECT_EQ(reply->log_probs, expected.log_probs);  // bit for bit
  EXPECT_EQ(reply->reply, expected.reply);
  EXPECT_EQ(ledger.scores_of(good).at(0).value, 1.25);
  EXPECT_EQ(ledger.scores_of("reject-key").at(0).reason, "short and right");
  EXPECT_EQ(ledger.sources().at(0).location, "prompts.jsonl");
  EXPECT_EQ(ledger.decisions_of("curate-key").at(0).score, 0.97);
  EXPECT_EQ(ledger.checked_answers_of(bad).at(0).reason, "8 is not 7");
  EXPECT_EQ(ledger.decisions_of(bad).at(0).rule, "duplicate");
  const auto comparisons = ledger.comparisons_with(bad);
  ASSERT_EQ(comparisons.size(), 1U);
  EXPECT_EQ(ledger.find(comparisons[0])->level, chat::PreferenceLevel::kSignificant);
  EXPECT_THAT(ledger.training_rows_with(bad).at(0).generations, ElementsAre(good, bad));
  EXPECT_EQ(ledger.metrics_of("evaluate-key").at(0).low, 0.3);
  EXPECT_THAT(ledger.replies("collect-key", prompt), ElementsAre(good, bad));
}

TEST_F(LedgerTest, WritingAFactTwiceWritesItOnce) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  EXPECT_EQ(ledger.add(sum_prompt()), prompt);
  EXPECT_EQ(ledger.add(reply_to(prompt, 0, "7")), ledger.add(reply_to(prompt, 0, "7")));
  EXPECT_EQ(ledger.generations_of("collect-key").size(), 1U);
}

TEST_F(LedgerTest, APromptWithOtherTagsOrAnotherDifficultyIsAnotherPrompt) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  auto other_capability = sum_prompt(), harder = sum_prompt(), unrated = sum_prompt();
  other_capability.tags.front() = "maths";
  harder.difficulty = 0.5;
  unrated.difficulty.reset();
  std::set<PromptId> names;
  for (const auto& prompt : {sum_prompt(), other_capability, harder, unrated}) {
    const auto name = ledger.add(prompt);
    EXPECT_EQ(name, id_of(prompt));
    EXPECT_EQ(ledger.find(name)->tags, prompt.tags);
    EXPECT_EQ(ledger.find(name)->difficulty, prompt.difficulty);
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 4U);
}

TEST_F(LedgerTest, GivesBackAnEditedReplyAndTheComparisonOfThreeThatItMakes) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  const auto good = ledger.add(reply_to(prompt, 0, "7"));
  const auto bad = ledger.add(reply_to(prompt, 1, "8"));
  auto better = reply_to(prompt, 0, "3+4 is 7.");
  better.kind = GenerationKind::kEdited;
  better.origin = "ann";
  better.edited_from = good;
  better.ids.clear();
  better.log_probs.clear();
  const auto edited = ledger.add(better);
  EXPECT_NE(edited, good);
  const auto id = ledger.add(Comparison{.prompt = prompt,
                                        .stage = "collect-key",
                                        .preferred = good,
                                        .other = bad,
                                        .level = chat::PreferenceLevel::kBetter,
                                        .annotator = "ann",
                                        .reason = "",
                                        .unit = ComparisonUnit::kTurn,
                                        .edited = edited});
  const auto found = ledger.find(id);
  EXPECT_EQ(found->edited, edited);
  EXPECT_EQ(found->unit, ComparisonUnit::kTurn);
  const auto reply = ledger.find(edited);
  EXPECT_EQ(reply->kind, GenerationKind::kEdited);
  EXPECT_EQ(reply->origin, "ann");
  EXPECT_EQ(reply->edited_from, good);
  EXPECT_EQ(reply->reply.at(0).content, "3+4 is 7.");
  EXPECT_THAT(ledger.comparisons_with(edited), ElementsAre(id));
  EXPECT_THAT(ledger.edits_of(good), ElementsAre(edited));
}

TEST_F(LedgerTest, ARequestIsPendingUntilSomebodyAnswersIt) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  const ComparisonRequest asked{.prompt = prompt,
                                .stage = "collect-key",
                                .first = ledger.add(reply_to(prompt, 0, "7")),
                                .second = ledger.add(reply_to(prompt, 1, "8")),
                                .unit = ComparisonUnit::kTurn,
                                .annotator = "people"};
  const auto request = ledger.add(asked);
  EXPECT_EQ(ledger.add(asked), request);
  EXPECT_EQ(ledger.find(request)->second, asked.second);
  EXPECT_EQ(ledger.find(request)->annotator, "people");
  EXPECT_THAT(ledger.pending_requests("collect-key"), ElementsAre(request));
  EXPECT_THAT(ledger.pending_requests(), ElementsAre(request));
  EXPECT_TRUE(ledger.pending_requests("another-key").empty());

  ComparisonAnswer answer{.request = request,
                          .annotator = "ann",
                          .preferred = ComparisonAnswer::Preferred::kFirst,
                          .level = chat::PreferenceLevel::kSlight,
                          .reason = "shorter",
                          .edited = reply_to(prompt, 0, "seven").reply};
  EXPECT_TRUE(ledger.add(answer));
  answer.reason = "second thoughts";
  EXPECT_FALSE(ledger.add(answer));
  answer.annotator = "bob";
  answer.preferred = ComparisonAnswer::Preferred::kNeither;
  answer.level = chat::PreferenceLevel::kNone;
  answer.edited.clear();
  EXPECT_TRUE(ledger.add(answer));
  EXPECT_TRUE(ledger.pending_requests().empty());
  const auto answers = ledger.answers_to(request);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].annotator, "ann");
  EXPECT_EQ(answers[0].reason, "shorter");
  EXPECT_EQ(answers[0].edited.at(0).content, "seven");
  EXPECT_EQ(answers[0].answered_at.size(), std::string("2026-01-31T12:00:00Z").size());
  EXPECT_EQ(answers[1].preferred, ComparisonAnswer::Preferred::kNeither);
  EXPECT_THAT(ledger.requests_of("collect-key"), ElementsAre(request));
}

TEST_F(LedgerTest, TurnsOfADialogShareTheirMessagesAndNameTheTurnBefore) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  auto prompt = sum_prompt();
  const auto first = ledger.add(prompt);
  const auto reply = reply_to(first, 0, "7");
  ledger.add(reply);
  prompt.dialog.messages.push_back(reply.reply[0]);
  prompt.dialog.messages.push_back(prompt.dialog.messages[0]);
  prompt.dialog.messages.back().content = "And 5+6?";
  prompt.parent = first;
  prompt.turn = 1;
  const auto second = ledger.add(prompt);
  EXPECT_EQ(ledger.find(second)->parent, first);
  EXPECT_EQ(ledger.find(second)->turn, 1);
  EXPECT_EQ(ledger.find(second)->dialog, prompt.dialog);
  EXPECT_THAT(ledger.next_turns_of(first), ElementsAre(second));
  soci::session sql(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string()));
  int nodes = 0;
  sql << "select count(*) from nodes", soci::into(nodes);
  EXPECT_EQ(nodes, 3);  // two questions and the answer between them
}

TEST_F(LedgerTest, StoresAMessageOnceHoweverManyDialogsBranchOffIt) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  auto longer = sum_prompt();
  longer.dialog.messages.push_back(reply_to(prompt, 0, "7").reply[0]);
  longer.dialog.messages.push_back(longer.dialog.messages[0]);
  for (const std::string question : {"Why?", "Are you sure?"}) {
    longer.dialog.messages.back().content = question;
    EXPECT_EQ(ledger.find(ledger.add(longer))->dialog, longer.dialog);
  }
  ledger.add(reply_to(prompt, 0, "7"));
  ledger.add(reply_to(prompt, 1, "8"));
  soci::session sql(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string()));
  int nodes = 0;
  sql << "select count(*) from nodes", soci::into(nodes);
  EXPECT_EQ(nodes, 4);  // the question, the answer, two questions that follow; replies hold their own messages
}

TEST_F(LedgerTest, KeepsTheMessagesOfALongReplyApartFromItsPrompt) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  auto generation = reply_to(prompt, 0, "first");
  generation.reply.push_back(generation.reply[0]);
  generation.reply[1].content = "second";
  generation.reply[1].ending = chat::Ending::kCut;
  const auto id = ledger.add(generation);
  EXPECT_EQ(ledger.find(id)->reply, generation.reply);
}

TEST_F(LedgerTest, ABatchWithoutCommitLeavesNothing) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  {
    Ledger::Batch batch(ledger);
    ledger.add(reply_to(prompt, 0, "7"));
  }
  EXPECT_TRUE(ledger.generations_of("collect-key").empty());
  Ledger::Batch batch(ledger);
  ledger.add(reply_to(prompt, 0, "7"));
  batch.commit();
  EXPECT_EQ(ledger.generations_of("collect-key").size(), 1U);
}

TEST_F(LedgerTest, FindsFactsByTheBeginningOfTheirNames) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto prompt = ledger.add(sum_prompt());
  const auto id = ledger.add(reply_to(prompt, 0, "7"));
  EXPECT_THAT(ledger.generations_beginning(id.hex()), ElementsAre(id));
  EXPECT_THAT(ledger.generations_beginning(id.hex().substr(0, 4)), ElementsAre(id));
  EXPECT_TRUE(ledger.generations_beginning("").empty());
  EXPECT_TRUE(ledger.generations_beginning("no number").empty());
  EXPECT_THAT(ledger.prompts_beginning(prompt.hex().substr(0, 8)), ElementsAre(prompt));
}

TEST_F(LedgerTest, FollowsModelsToTheirLastDescendant) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  const auto model = [](std::string hash, std::string stage, std::vector<ModelFact::Parent> parents) {
    return ModelFact{.hash = hash,
                     .name = hash,
                     .stage = std::move(stage),
                     .folder = hash,
                     .made_by = "sft",
                     .data = "",
                     .options = "",
                     .parents = std::move(parents)};
  };
  ledger.add(model("start", "start-key", {}));
  ledger.add(model("sft-1", "sft-key", {{"start", 1}}));
  ledger.add(model("sft-2", "sft-key", {{"start", 1}}));
  ledger.add(model("average", "sft-key", {{"sft-1", 0.5}, {"sft-2", 0.5}}));
  ledger.add(model("dpo-1", "dpo-key", {{"average", 1}}));
  ledger.add(model("reward", "reward-key", {{"start", 1}}));
  std::vector<std::string> names;
  for (const auto& found : ledger.descendants_of(std::vector<std::string>{"sft-key"})) names.push_back(found.hash);
  EXPECT_THAT(names, ElementsAre("sft-1", "sft-2", "average", "dpo-1"));
  EXPECT_EQ(ledger.find_model("average")->parents.at(1).weight, 0.5);
}

TEST_F(LedgerTest, AStageIsUnfinishedUntilItsEndIsWritten) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  ledger.add(StageBegin{.key = "k",
                        .name = "round 1 / sft",
                        .revision = 2,
                        .inputs = "{}",
                        .options = "{}",
                        .seed = 18446744073709551615U});
  EXPECT_EQ(ledger.find_stage("k")->seed, 18446744073709551615U);
  EXPECT_FALSE(ledger.find_stage_end("k"));
  ledger.add(StageEnd{.key = "k", .seconds = 1.5, .output = "{}", .hash = "h"});
  EXPECT_EQ(ledger.find_stage_end("k")->hash, "h");
}

TEST_F(LedgerTest, ReadsWhileAnotherWrites) {
  Ledger writer(file(), Ledger::OpenMode::kCreate);
  const auto prompt = writer.add(sum_prompt());
  Ledger::Batch batch(writer);
  writer.add(reply_to(prompt, 0, "7"));
  const Ledger reader(file(), Ledger::OpenMode::kReadOnly);
  EXPECT_TRUE(reader.generations_of("collect-key").empty());
  batch.commit();
  EXPECT_EQ(reader.generations_of("collect-key").size(), 1U);
}

TEST_F(LedgerTest, RefusesWhatIsNoLedger) {
  EXPECT_THAT(refusal(Ledger::OpenMode::kWrite), HasSubstr("There is no ledger"));
  std::ofstream(file()) << "This is a letter, not a database. It is long enough to have a header of sixteen bytes.";
  EXPECT_THAT(refusal(Ledger::OpenMode::kWrite), HasSubstr("not a ledger"));
  std::filesystem::remove(file());
  soci::session(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string())) << "create table birds (name text)";
  EXPECT_THAT(refusal(Ledger::OpenMode::kCreate), HasSubstr("not a ledger of drover"));
}

TEST_F(LedgerTest, RefusesALedgerOfANewerDrover) {
  {
    Ledger ledger(file(), Ledger::OpenMode::kCreate);
  }
  soci::session(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string()))
      << "update meta set value = '99' where name = 'schema'";
  EXPECT_THAT(refusal(Ledger::OpenMode::kReadOnly), HasSubstr("newer drover (schema 99"));
}

TEST_F(LedgerTest, AFailedWriteIsOneSentenceWithoutTheValuesThatWereWritten) {
  Ledger ledger(file(), Ledger::OpenMode::kCreate);
  soci::session(soci::sqlite3, fmt::format("dbname=\"{}\"", file().string()))
      << "create trigger full before insert on runs begin select raise(abort, 'no room'); end";
  try {
    ledger.begin_run("name", "recipe", "a malformed line\nand one that is locked");
    FAIL();
  } catch (const base::SurroundingsError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no room"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("line")));
  }
}

// A child process adds replies and says so after each one; it is killed without warning at a random moment.
TEST_F(LedgerTest, AKilledProcessLosesNothingThatWasAcknowledged) {
  {
    Ledger ledger(file(), Ledger::OpenMode::kCreate);
  }
  base::RandomStream random(1, "kill");
  std::int64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      Ledger ledger(file());
      const auto prompt = ledger.add(sum_prompt());
      for (std::int64_t sample = round * 1'000'000;; ++sample) {
        ledger.add(reply_to(prompt, sample, std::to_string(sample)));
        if (write(pipe_ends[1], "+", 1) != 1) _exit(1);
      }
    }
    close(pipe_ends[1]);
    char byte = 0;
    ASSERT_EQ(read(pipe_ends[0], &byte, 1), 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(60)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (acknowledged += 1; read(pipe_ends[0], &byte, 1) == 1;) ++acknowledged;
    close(pipe_ends[0]);
  }
  const Ledger ledger(file(), Ledger::OpenMode::kReadOnly);
  const auto found = ledger.generations_of("collect-key");
  EXPECT_GE(static_cast<std::int64_t>(found.size()), acknowledged);
  EXPECT_LE(static_cast<std::int64_t>(found.size()),
            acknowledged + 5);  // one a round may have been written but not yet acknowledged
  for (const auto id : found) EXPECT_EQ(ledger.find(id)->log_probs.size(), 3U);
}

}  // namespace
}  // namespace drover::ledger
