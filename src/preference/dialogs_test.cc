#include "preference/dialogs.h"

#include <gmock/gmock.h>

#include <set>

#include "base/error.h"
#include "evaluate/scripted_generator_test.h"
#include "preference/new_ledger_test.h"

namespace drover::preference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> by_length(const chat::Dialog&, std::span<const std::vector<chat::Message>> replies) {
  std::vector<double> values;
  for (const auto& reply : replies) values.push_back(static_cast<double>(reply[0].content.size()));
  return values;
}

chat::Message user(const std::string& text) { return {.sender = chat::Sender::kUser, .content = text}; }
chat::Message assistant(const std::string& text) { return {.sender = chat::Sender::kAssistant, .content = text}; }

std::vector<std::string> contents_of(const chat::Dialog& dialog) {
  std::vector<std::string> contents;
  for (const auto& message : dialog.messages) contents.push_back(message.content);
  return contents;
}

class DialogsTest : public WithLedger {
 protected:
  Collected collect(std::vector<ledger::PromptId> openings, DialogPlan plan) {
    plan.collect.stage = "key";
    const std::vector<evaluate::Responder> models = {{&short_, "t"}, {&long_, "t"}};
    return collect_dialogs(openings, models, *annotator_, plan, *ledger_);
  }

  evaluate::ScriptedGenerator short_{"short", [](const std::string&, std::int64_t) { return "no"; }};
  evaluate::ScriptedGenerator long_{"long", [](const std::string& asked, std::int64_t) { return "well, " + asked; }};
  std::unique_ptr<Annotator> annotator_ = make_reward_annotator("length", by_length);
};

TEST_F(DialogsTest, AreComparedAtEveryTurnAndGoOnWithTheChosenReply) {
  auto whole = open_prompt("a");
  whole.dialog.messages = {user("a"), assistant("forgotten"), user("b"), assistant("forgotten"), user("c")};
  const auto split = split_dialogs(std::vector<ledger::Prompt>{whole});
  EXPECT_THAT(contents_of(split.openings[0].dialog), ElementsAre("a"));
  DialogPlan plan{.collect = {}, .max_turns = 3, .next_user_turns = imported_user_turns(split.user_turns)};
  const auto collected = collect({ledger_->add(split.openings[0])}, plan);
  ASSERT_EQ(collected.comparisons.size(), 3U);
  // One example a turn: the dialog so far, and two replies.
  const auto last = ledger_->find(collected.comparisons[2]);
  EXPECT_EQ(last->unit, ledger::ComparisonUnit::kTurn);
  const auto row = preference_row(*last, *ledger_);
  EXPECT_THAT(contents_of(row.prompt), ElementsAre("a", "well, a", "b", "well, b", "c"));
  EXPECT_EQ(row.responses[0][0].content, "well, c");
  const auto prompt = ledger_->find(last->prompt);
  EXPECT_EQ(prompt->turn, 2);
  EXPECT_EQ(prompt->parent, ledger_->find(collected.comparisons[1])->prompt);
}

TEST_F(DialogsTest, EndWhereTheNextTurnWouldLeaveNoRoomForAReply) {
  DialogPlan plan{.collect = {}, .max_turns = 3, .next_user_turns = imported_user_turns({{user("b"), user("c")}, {user("d"), user("e")}})};
  plan.has_room = [](const chat::Dialog& dialog) { return dialog.messages.front().content == "long" ? dialog.messages.size() < 3 : true; };
  const auto collected = collect({ledger_->add(open_prompt("a")), ledger_->add(open_prompt("long"))}, plan);
  EXPECT_EQ(collected.comparisons.size(), 4U);  // three turns of one, the opening of the other
}

TEST_F(DialogsTest, EndWhenTheUserHasNothingMoreToSay) {
  DialogPlan plan{.collect = {}, .max_turns = 9, .next_user_turns = imported_user_turns({{user("b")}, {}})};
  const auto collected = collect({ledger_->add(open_prompt("a")), ledger_->add(open_prompt("x"))}, plan);
  EXPECT_EQ(collected.comparisons.size(), 3U);  // two of the first dialog, one of the second
}

TEST_F(DialogsTest, AnEditedReplyIsWhatTheDialogGoesOnWith) {
  evaluate::ScriptedGenerator better("better", [](const std::string&, std::int64_t) { return "a very much longer answer"; });
  EditOptions options{.stage = "key", .sampling = {}};
  options.reward = by_length;
  const auto editor = make_model_editor({&better, "t"}, options, *ledger_);
  DialogPlan plan{.collect = {}, .max_turns = 2, .next_user_turns = imported_user_turns({{user("b")}})};
  plan.collect.editor = editor.get();
  const auto collected = collect({ledger_->add(open_prompt("a"))}, plan);
  ASSERT_EQ(collected.comparisons.size(), 2U);
  EXPECT_EQ(collected.num_edited, 2);
  const auto row = preference_row(*ledger_->find(collected.comparisons[1]), *ledger_);
  EXPECT_THAT(contents_of(row.prompt), ElementsAre("a", "a very much longer answer", "b"));
}

TEST_F(DialogsTest, ASimulatedUserIsAskedOnceForEachTurn) {
  int num_turns = 0;
  evaluate::ScriptedGenerator player("player", [&](const std::string& asked, std::int64_t) -> std::string {
    EXPECT_THAT(asked, HasSubstr("You are a pirate"));
    return ++num_turns < 3 ? "and then? " + std::to_string(num_turns) : "DONE.";
  });
  SimulatedUserOptions options;
  options.persona = "a pirate";
  DialogPlan plan{.collect = {}, .max_turns = 9, .next_user_turns = simulated_user(player, options)};
  const std::vector<ledger::PromptId> openings = {ledger_->add(open_prompt("a"))};
  const auto collected = collect(openings, plan);
  EXPECT_EQ(collected.comparisons.size(), 3U);
  EXPECT_EQ(num_turns, 3);
  const auto counts = ledger_->counts();
  // Done again, nothing but the open end is asked or written again.
  num_turns = 2;
  const auto again = collect(openings, plan);
  EXPECT_EQ(again.comparisons, collected.comparisons);
  EXPECT_EQ(num_turns, 3);
  EXPECT_EQ(ledger_->counts(), counts);
}

TEST_F(DialogsTest, WaitForPeopleAndGoOnWithTheirEditedReply) {
  annotator_ = make_people_annotator(*ledger_, "key");
  DialogPlan plan{.collect = {}, .max_turns = 2, .next_user_turns = imported_user_turns({{user("b")}})};
  const std::vector<ledger::PromptId> openings = {ledger_->add(open_prompt("a"))};
  EXPECT_EQ(collect(openings, plan).num_waiting, 1);
  const auto requests = ledger_->pending_requests("key");
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(ledger_->find(requests[0])->unit, ledger::ComparisonUnit::kTurn);
  ledger_->add(ledger::ComparisonAnswer{.request = requests[0],
                                        .annotator = "anna",
                                        .preferred = ledger::ComparisonAnswer::Preferred::kFirst,
                                        .level = chat::PreferenceLevel::kBetter,
                                        .edited = {assistant("edited by anna")}});
  const auto next = collect(openings, plan);
  EXPECT_EQ(next.comparisons.size(), 1U);
  EXPECT_EQ(next.num_edited, 1);
  EXPECT_EQ(next.num_waiting, 1);  // the second turn
  const auto asked = ledger_->find(ledger_->pending_requests("key").at(0));
  EXPECT_THAT(contents_of(ledger_->find(asked->prompt)->dialog), ElementsAre("a", "edited by anna", "b"));
}

TEST_F(DialogsTest, WaitingForAPersonInOneDialogChangesNothingInTheOthers) {
  annotator_ = make_people_annotator(*ledger_, "key");
  std::vector<ledger::PromptId> openings;
  std::vector<std::vector<chat::Message>> turns;
  for (const auto* text : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
    openings.push_back(ledger_->add(open_prompt(text)));
    turns.push_back({user(std::string(text) + ", more")});
  }
  const DialogPlan plan{.collect = {}, .max_turns = 2, .next_user_turns = imported_user_turns(turns)};
  // Answers what is open, but in the first dialog only when told to.
  const auto answer = [&](bool first_too) {
    for (const auto id : ledger_->pending_requests("key")) {
      if (!first_too && ledger_->find(id)->prompt == openings[0]) continue;
      ledger_->add(ledger::ComparisonAnswer{.request = id,
                                            .annotator = "anna",
                                            .preferred = ledger::ComparisonAnswer::Preferred::kFirst,
                                            .level = chat::PreferenceLevel::kBetter});
    }
  };
  collect(openings, plan);
  answer(false);
  EXPECT_EQ(collect(openings, plan).num_waiting, 10);  // one opening, and nine second turns
  answer(true);
  EXPECT_EQ(collect(openings, plan).num_waiting, 1);  // the second turn of the first dialog
  answer(true);
  EXPECT_EQ(collect(openings, plan).num_waiting, 0);
  EXPECT_EQ(ledger_->requests_of("key").size(), 20U);
  EXPECT_EQ(ledger_->comparisons_of("key").size(), 20U);
}

// Calls a tool until it has seen a result.
class ToolUser final : public generate::Generator {
 public:
  explicit ToolUser(std::string name) : name_(std::move(name)) {}
  std::vector<generate::GenerationResult> generate(std::span<const generate::GenerationRequest> requests,
                                                   const generate::GenerationCallbacks& callbacks) override {
    std::vector<generate::GenerationResult> results(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto& last = requests[i].dialog.messages.back();
      generate::Response response;
      response.finish = generate::Finish::kTerminator;
      chat::Message message = assistant(name_ + " says " + last.content);
      if (last.sender == chat::Sender::kUser) {
        message.content.clear();
        message.calls = {{.name = "look_up", .arguments = {{"by", name_}}}};
        message.ending = chat::Ending::kMessage;
      }
      response.reply.messages = {message};
      if (callbacks.on_response) callbacks.on_response(i, 0, response);
      results[i].responses = {response};
    }
    return results;
  }
  std::string model_name() const override { return name_; }

 private:
  std::string name_;
};

TEST_F(DialogsTest, WithToolsEachMessageIsComparedAndResultsAreNot) {
  ToolUser one("one");
  ToolUser two("two");
  auto opening = open_prompt("a");
  opening.dialog.tools = {{.name = "look_up"}};
  DialogPlan plan{.collect = {}, .max_turns = 1};
  plan.collect.stage = "key";
  plan.tool_results = [](const chat::Dialog&, const chat::Message& call) {
    return std::vector<chat::Message>{{.sender = chat::Sender::kTool,
                                       .content = "found by " + call.calls[0].arguments["by"].get<std::string>(),
                                       .tool_name = "look_up"}};
  };
  const std::vector<evaluate::Responder> models = {{&one, "t"}, {&two, "t"}};
  const std::vector<ledger::PromptId> openings = {ledger_->add(opening)};
  const auto collected = collect_dialogs(openings, models, *annotator_, plan, *ledger_);
  ASSERT_EQ(collected.comparisons.size(), 2U);
  for (const auto id : collected.comparisons) {
    const auto comparison = ledger_->find(id);
    EXPECT_EQ(comparison->unit, ledger::ComparisonUnit::kMessage);
    for (const auto reply : {comparison->preferred, comparison->other}) {
      const auto stored = ledger_->find(reply);
      for (const auto& message : stored->reply) EXPECT_EQ(message.sender, chat::Sender::kAssistant);
    }
  }
  const auto last = ledger_->find(ledger_->find(collected.comparisons[1])->prompt);
  EXPECT_EQ(last->turn, 0);  // still the first turn of the user
  EXPECT_EQ(last->dialog.messages.back().sender, chat::Sender::kTool);
}

TEST_F(DialogsTest, NeedAUserAndATurn) {
  ledger::Prompt silent;
  silent.dialog.messages = {assistant("hello?")};
  EXPECT_THROW(split_dialogs(std::vector<ledger::Prompt>{silent}), base::UserError);
  EXPECT_THROW(collect({ledger_->add(open_prompt("a"))}, {.collect = {}, .max_turns = 0}), base::UserError);
}

}  // namespace
}  // namespace drover::preference
