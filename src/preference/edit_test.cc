#include "preference/edit.h"

#include <gmock/gmock.h>

#include <cmath>

#include "evaluate/scripted_generator_test.h"
#include "preference/collect.h"
#include "preference/new_ledger_test.h"

namespace drover::preference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The longer a reply, the better.
std::vector<double> by_length(const chat::Dialog&, std::span<const std::vector<chat::Message>> replies) {
  std::vector<double> values;
  for (const auto& reply : replies) values.push_back(static_cast<double>(reply[0].content.size()));
  return values;
}

std::vector<double> by_shortness(const chat::Dialog&, std::span<const std::vector<chat::Message>> replies) {
  std::vector<double> values;
  for (const auto& reply : replies) values.push_back(-static_cast<double>(reply[0].content.size()));
  return values;
}

class EditTest : public WithLedger {
 protected:
  // The edit of `chosen` that a model makes who always answers `edited`; empty: refused.
  std::optional<std::string> edit_of(const ledger::Prompt& prompt, const std::string& chosen, const std::string& edited,
                                     const ReplyScorer& reward = {}, const ReplyScorer& judge = {}) {
    evaluate::ScriptedGenerator model("editor", [&](const std::string& asked, std::int64_t) {
      last_asked_ = asked;
      return edited;
    });
    const auto id = ledger_->add(prompt);
    const auto reply = add_reply(id, "m" + std::to_string(num_replies_++), chosen);
    EditOptions options{.stage = "edits", .sampling = {}};
    options.reward = reward;
    options.judge = judge;
    const auto editor = make_model_editor({&model, "t"}, options, *ledger_);
    const EditTask task{.prompt = prompt, .chosen = reply};
    const auto made = editor->edit(std::span(&task, 1)).at(0);
    const auto again = editor->edit(std::span(&task, 1)).at(0);
    EXPECT_EQ(model.num_requests, 1) << "a recorded edit is not made again";
    EXPECT_EQ(again, made);
    if (!made) return std::nullopt;
    const auto generation = ledger_->find(*made);
    EXPECT_EQ(generation->kind, ledger::GenerationKind::kEdited);
    EXPECT_EQ(generation->edited_from, ledger::id_of(reply));
    EXPECT_EQ(generation->origin, "editor");
    EXPECT_TRUE(generation->log_probs.empty());
    return evaluate::text_of(generation->reply);
  }

  std::string last_reason() const { return ledger_->decisions_of("edits").back().reason; }

  std::string last_asked_;
  int num_replies_ = 0;
};

TEST_F(EditTest, OfAWrongReplyIsAcceptedWhenTheVerifierAgrees) {
  const auto prompt = evaluate::question("3+4", "7");
  EXPECT_EQ(edit_of(prompt, "8", "7"), "7");
  EXPECT_THAT(last_asked_, HasSubstr("\"8\" is not right"));
  EXPECT_THAT(last_asked_, Not(HasSubstr("7")));  // the feedback does not give the answer away
  EXPECT_EQ(edit_of(prompt, "8", "9", by_length), std::nullopt);
  EXPECT_THAT(last_reason(), HasSubstr("the verifier does not agree"));
}

TEST_F(EditTest, OfARightReplyMustStayRightAndScoreHigher) {
  const auto prompt = evaluate::question("3+4", "7");
  EXPECT_EQ(edit_of(prompt, "7", "3+4 is 7", by_length), "3+4 is 7");
  EXPECT_EQ(edit_of(prompt, "7", "3+4 is 8", by_length), std::nullopt);
  EXPECT_EQ(edit_of(prompt, "7", "3+4 is 7", by_shortness), std::nullopt);
  EXPECT_EQ(edit_of(prompt, "7", "3+4 is 7"), std::nullopt);
  EXPECT_THAT(last_reason(), HasSubstr("nobody can say"));
}

TEST_F(EditTest, WithoutACheckerAScorerMustPreferIt) {
  EXPECT_EQ(edit_of(open_prompt("q"), "short", "much longer", by_length), "much longer");
  EXPECT_EQ(edit_of(open_prompt("q"), "short", "s", by_length), std::nullopt);
  EXPECT_EQ(edit_of(open_prompt("q"), "short", "much longer", by_length, by_shortness), std::nullopt);  // they disagree
  const ReplyScorer unknown = [](const chat::Dialog&, std::span<const std::vector<chat::Message>> replies) {
    return std::vector<double>(replies.size(), std::nan(""));
  };
  EXPECT_EQ(edit_of(open_prompt("q"), "short", "much longer", {}, unknown), std::nullopt);
}

TEST_F(EditTest, ThatIsCutEmptyOrTheSameIsRefused) {
  for (const std::string edited : {"much longer...", "   ", "short"}) {
    EXPECT_EQ(edit_of(open_prompt("q"), "short", edited, by_length), std::nullopt) << edited;
  }
}

TEST_F(EditTest, RepliesThatCallToolsAreLeftAlone) {
  evaluate::ScriptedGenerator model("editor", [](const std::string&, std::int64_t) { return "x"; });
  const auto editor = make_model_editor({&model, "t"}, {.stage = "edits", .sampling = {}}, *ledger_);
  ledger::Generation reply;
  reply.prompt = ledger_->add(open_prompt("q"));
  reply.reply = {{.sender = chat::Sender::kAssistant, .calls = {{.name = "add"}}}};
  ledger_->add(reply);
  const EditTask task{.prompt = open_prompt("q"), .chosen = reply};
  EXPECT_FALSE(editor->edit(std::span(&task, 1)).at(0).has_value());
  EXPECT_EQ(model.num_requests, 0);
}

// Always calls f(x=1), as a chat format reads calls: outside the text.
class Caller final : public generate::Generator {
 public:
  std::vector<generate::GenerationResult> generate(std::span<const generate::GenerationRequest> requests,
                                                   const generate::GenerationCallbacks&) override {
    std::vector<generate::GenerationResult> results(requests.size());
    for (auto& result : results) {
      auto& response = result.responses.emplace_back();
      response.finish = generate::Finish::kTerminator;
      response.reply.messages = {{.sender = chat::Sender::kAssistant,
                                  .calls = {{.name = "f", .arguments = {{"x", 1}}}},
                                  .ending = chat::Ending::kMessage}};
    }
    return results;
  }
  std::string model_name() const override { return "caller"; }
};

TEST_F(EditTest, AMissingCallCanBeRepaired) {
  const auto expecting = [](int x) {
    return R"({"category":"simple","functions":[{"name":"f","parameters":{"type":"dict","properties":{"x":{"type":"integer"}},"required":["x"]}}],)"
           R"("answer":[{"f":{"x":[)" + std::to_string(x) + "]}}]}";
  };
  Caller model;
  const auto editor = make_model_editor({&model, "t"}, {.stage = "edits", .sampling = {}}, *ledger_);
  for (const int x : {1, 2}) {
    auto prompt = open_prompt("Call f with " + std::to_string(x) + ".");
    prompt.checker = "bfcl";
    prompt.expected = expecting(x);
    const EditTask task{.prompt = prompt, .chosen = add_reply(ledger_->add(prompt), "m", "I could call f.")};
    const auto edit = editor->edit(std::span(&task, 1)).at(0);
    EXPECT_EQ(edit.has_value(), x == 1) << last_reason();
    if (edit) {
      EXPECT_EQ(ledger_->find(*edit)->reply.at(0).calls.at(0).name, "f");
    }
  }
}

TEST(SaysTheSame, ComparesTextAndCallsButNotTheNamesOfCalls) {
  const auto call = [](int x, const std::string& id) {
    return std::vector<chat::Message>{{.sender = chat::Sender::kAssistant, .calls = {{.id = id, .name = "f", .arguments = {{"x", x}}}}}};
  };
  EXPECT_TRUE(says_the_same(call(1, "a"), call(1, "b")));
  EXPECT_FALSE(says_the_same(call(1, "a"), call(2, "a"))) << "neither has a text";
  EXPECT_FALSE(says_the_same(call(1, "a"), std::vector<chat::Message>{{.sender = chat::Sender::kAssistant}}));
}

TEST_F(EditTest, TheJudgesFirstUnmetCriterionIsFeedback) {
  evaluate::ScriptedGenerator model("judge", [](const std::string& asked, std::int64_t) {
    return asked.find("correct.") != std::string::npos ? "1" : "0";
  });
  judge::Judge judge(model);
  const auto feedback = first_feedback({verifier_feedback(), judge_feedback(judge, judge::general_rubric())});
  ledger::Generation reply;
  reply.reply = {{.sender = chat::Sender::kAssistant, .content = "x"}};
  EXPECT_THAT(feedback(open_prompt("q"), reply), HasSubstr(judge::general_rubric().criteria[1].property));
  const auto scorer = judge_scorer(judge, judge::general_rubric());
  EXPECT_THAT(scorer(open_prompt("q").dialog, std::vector<std::vector<chat::Message>>{reply.reply}), ElementsAre(1.0));
}

TEST_F(EditTest, MakesThreeWayRowsOfComparisons) {
  std::vector<ledger::PromptId> prompts;
  for (int i = 0; i < 6; ++i) prompts.push_back(ledger_->add(open_prompt("question " + std::to_string(i))));
  evaluate::ScriptedGenerator one("one", [](const std::string&, std::int64_t) { return "1"; });
  evaluate::ScriptedGenerator two("two", [](const std::string&, std::int64_t) { return "22"; });
  evaluate::ScriptedGenerator better("better", [](const std::string&, std::int64_t) { return "333"; });
  const auto annotator = make_reward_annotator("length", by_length);
  EditOptions options{.stage = "key", .sampling = {}};
  options.reward = by_length;
  const auto editor = make_model_editor({&better, "t"}, options, *ledger_);
  CollectPlan plan{.stage = "key", .sampling = {}};
  plan.editor = editor.get();
  const std::vector<evaluate::Responder> models = {{&one, "t"}, {&two, "t"}};
  const auto collected = collect_comparisons(prompts, models, *annotator, plan, *ledger_);
  EXPECT_EQ(collected.num_edited, 6);
  for (const auto id : collected.comparisons) {
    const auto row = preference_row(*ledger_->find(id), *ledger_);
    ASSERT_EQ(row.responses.size(), 3U);
    EXPECT_EQ(row.responses[0][0].content, "333");
    EXPECT_EQ(row.responses[1][0].content, "22");
    EXPECT_EQ(row.responses[2][0].content, "1");
    EXPECT_THAT(row.levels, ElementsAre(chat::PreferenceLevel::kBetter, chat::PreferenceLevel::kSlight));  // sigmoid(1) is 0.73
    // What a reader of training files takes.
    EXPECT_EQ(chat::preference_row_from_json(chat::preference_row_to_json(row)), row);
  }
}

}  // namespace
}  // namespace drover::preference
