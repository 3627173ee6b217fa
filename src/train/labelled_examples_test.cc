#include "train/labelled_examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "train/labelled_rows.h"

namespace drover::train {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Optional;

std::string reason_of(const std::function<void()>& make) {
  try {
    make();
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(LabelledExamples, AnOutcomeIsTheLabelOfADialogsFinalTurn) {
  const auto example = outcome_example(R"({"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}], "label": true})");
  EXPECT_EQ(example.prompt.messages.size(), 1U);
  ASSERT_EQ(example.replies.size(), 1U);
  EXPECT_EQ(example.replies[0][0].content, "4");
  EXPECT_THAT(example.labels, ElementsAre(1.0F));
}

TEST(LabelledExamples, ManyRepliesShareOnePrompt) {
  const auto example = outcome_example(R"({"prompt": "2+2?", "responses": ["4", [{"role": "assistant", "content": "5"}]], "labels": [1, 0.25]})");
  EXPECT_EQ(example.prompt.messages.at(0).content, "2+2?");
  ASSERT_EQ(example.replies.size(), 2U);
  EXPECT_EQ(example.replies[1][0].content, "5");
  EXPECT_THAT(example.labels, ElementsAre(1.0F, 0.25F));
}

TEST(LabelledExamples, StepsAreLinesWithALabelEachOrNone) {
  const auto example = steps_example(R"({"prompt": "2+2?", "completion": "First.\n\nThen.", "labels": [0.5, null]})");
  EXPECT_EQ(example.dialog.messages.back().content, "First.\n\nThen.");
  EXPECT_THAT(example.labels, ElementsAre(Optional(0.5F), std::nullopt));
}

TEST(LabelledExamples, TrlsStepsAreJoinedAndLabelledAtTheirLastLine) {
  const auto example = steps_example(R"({"prompt": "2+2?", "completions": ["Add:\n 2 + 2\n", "It is 5."], "labels": [true, false]})");
  EXPECT_EQ(example.dialog.messages.at(0).content, "2+2?");
  EXPECT_EQ(example.dialog.messages.at(1).content, "Add:\n 2 + 2\nIt is 5.");
  EXPECT_THAT(example.labels, ElementsAre(std::nullopt, Optional(1.0F), Optional(0.0F)));
}

TEST(LabelledExamples, Prm800kGoesOnWithTheChosenOrTheHumanCompletionAndEndsAtTheError) {
  // The layout of github.com/openai/prm800k: a neutral step counts as right, a person's completion has no rating.
  const auto example = steps_example(R"({"labeler": "x", "question": {"problem": "2+2?", "ground_truth_answer": "4"}, "label": {"steps": [
      {"completions": [{"text": "no", "rating": -1, "flagged": false}, {"text": "Two and two.", "rating": 0, "flagged": false}],
       "human_completion": null, "chosen_completion": 1},
      {"completions": [{"text": "bad", "rating": -1}], "human_completion": {"text": "We add.", "rating": null}, "chosen_completion": null},
      {"completions": [{"text": "It is 5.", "rating": -1}], "human_completion": null, "chosen_completion": null}],
      "total_time": 3, "finish_reason": "found_error"}})");
  EXPECT_EQ(example.dialog.messages.at(1).content, "Two and two.\nWe add.\nIt is 5.");
  EXPECT_THAT(example.labels, ElementsAre(Optional(1.0F), std::nullopt, Optional(0.0F)));
  EXPECT_THAT(reason_of([] {
                steps_example(R"({"question": {"problem": "2+2?"}, "label": {"steps": [], "finish_reason": "give_up"}})");
              }),
              HasSubstr("did not judge"));
}

TEST(LabelledExamples, AClassIsANameOrANumber) {
  EXPECT_EQ(class_example(R"({"prompt": "2+2?", "completion": "4", "label": "math"})").label, "math");
  EXPECT_EQ(class_example(R"({"prompt": "2+2?", "completion": "4", "label": 3})").label, "3");
}

TEST(LabelledExamples, BadRowsAreRefusedWithTheReason) {
  EXPECT_THAT(reason_of([] { outcome_example("{"); }), HasSubstr("not JSON"));
  EXPECT_THAT(reason_of([] { outcome_example("[]"); }), HasSubstr("JSON object"));
  EXPECT_THAT(reason_of([] { outcome_example(R"({"prompt": "a", "completion": "b", "labell": 1})"); }), HasSubstr("did you mean \"label\""));
  EXPECT_THAT(reason_of([] { outcome_example(R"({"prompt": "a", "completion": "b", "label": 2})"); }), HasSubstr("the label 2 is neither"));
  EXPECT_THAT(reason_of([] { outcome_example(R"({"prompt": "a", "completion": "b", "label": true, "extra": 1})"); }), HasSubstr("extra"));
  EXPECT_THAT(reason_of([] { outcome_example(R"({"prompt": "a", "label": true})"); }), HasSubstr("nothing to judge"));
  EXPECT_THAT(reason_of([] { outcome_example(R"({"prompt": "a", "responses": ["b"], "labels": []})"); }), HasSubstr("1 responses and 0 labels"));
  EXPECT_THAT(reason_of([] { steps_example(R"({"prompt": "a", "completions": ["b", " "], "labels": [1, 1]})"); }), HasSubstr("step 2 is empty"));
  EXPECT_THAT(reason_of([] { steps_example(R"({"prompt": "a", "completion": "b", "labels": 1})"); }), HasSubstr("must be a list"));
  EXPECT_THAT(reason_of([] {
                steps_example(R"({"question": {"problem": "p"}, "label": {"steps": [{"completions": [], "chosen_completion": 7}]}})");
              }),
              HasSubstr("chosen completion 7"));
  EXPECT_THAT(reason_of([] { class_example(R"({"prompt": "a", "completion": "b", "label": ""})"); }), HasSubstr("neither a name"));
}

class LabelledRows : public testing::Test {
 protected:
  static chat::Dialog dialog_of(const std::string& question, const std::string& answer) {
    chat::Dialog dialog;
    dialog.messages.push_back({.sender = chat::Sender::kUser, .content = question});
    if (!answer.empty()) dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = answer});
    return dialog;
  }
  /// What stands before and at each labelled position of a response: the text of its segment up to it.
  std::vector<std::string> labelled(const LabelledRow& made) const {
    made.row.validate();
    std::vector<std::string> texts;
    for (const auto& entry : made.row.learned) {
      const auto& segment = made.row.segments[static_cast<std::size_t>(entry.response) + 1];
      const auto tokens = std::span(made.row.tokens).subspan(static_cast<std::size_t>(segment.begin),
                                                             static_cast<std::size_t>(entry.position + 1 - segment.begin));
      texts.push_back(chat::text_of(format_->tokenizer(), tokens));
    }
    return texts;
  }

  std::shared_ptr<const chat::ChatFormat> format_ = chat::make_chat_format("chatml", chat::smollm2_bytes());
};

TEST_F(LabelledRows, OutcomesStandAtTheLastTokenOfEachReplyBelowOnePrompt) {
  const std::vector<std::vector<chat::Message>> replies{{{.sender = chat::Sender::kAssistant, .content = "4"}},
                                                        {{.sender = chat::Sender::kAssistant, .content = "five"}}};
  const std::vector<float> labels{1.0F, 0.0F};
  const auto made = outcome_row(*format_, dialog_of("2+2?", ""), replies, labels);
  EXPECT_THAT(labelled(made), ElementsAre("4<|im_end|>", "five<|im_end|>"));
  EXPECT_EQ(made.row.segments[2].parent, 0);
  EXPECT_EQ(made.labels, labels);
  EXPECT_THAT(reason_of([&] { outcome_row(*format_, dialog_of("2+2?", ""), replies, std::vector<float>{1.0F, 1.5F}); }),
              HasSubstr("no probability"));
}

TEST_F(LabelledRows, StepsStandAtTheEndOfEachLine) {
  const std::vector<std::optional<float>> labels{1.0F, std::nullopt, 0.5F};
  const auto made = steps_row(*format_, dialog_of("how?", "add\n\nhalve\ndone"), labels);
  EXPECT_THAT(labelled(made), ElementsAre("add", "add\n\nhalve\ndone"));
  EXPECT_THAT(made.labels, ElementsAre(1.0F, 0.5F));
  EXPECT_THAT(reason_of([&] { steps_row(*format_, dialog_of("how?", "add"), labels); }), HasSubstr("1 steps"));
  EXPECT_THAT(reason_of([&] { steps_row(*format_, dialog_of("how?", "add"), std::vector<std::optional<float>>{std::nullopt}); }),
              HasSubstr("no step has a label"));
}

TEST_F(LabelledRows, StepsAfterTheFirstErrorAreNotLearnedUnlessAsked) {
  const std::vector<std::optional<float>> labels{1.0F, 0.0F, 1.0F};
  const auto dialog = dialog_of("how?", "a\nb\nc");
  EXPECT_THAT(steps_row(*format_, dialog, labels).labels, ElementsAre(1.0F, 0.0F));
  EXPECT_THAT(steps_row(*format_, dialog, labels, {.rows = {}, .after_error = true}).labels, ElementsAre(1.0F, 0.0F, 1.0F));
}

TEST_F(LabelledRows, AClassStandsAtTheEndOfTheReplyOrWhereOneWouldBegin) {
  const auto text = [&](const LabelledRow& made) {
    made.row.validate();
    EXPECT_THAT(made.labels, ElementsAre(2.0F));
    EXPECT_EQ(made.row.learned.at(0).position, made.row.num_tokens() - 1);
    return chat::text_of(format_->tokenizer(), made.row.tokens);
  };
  EXPECT_THAT(text(class_row(*format_, dialog_of("2+2?", "4"), 2)), EndsWith("2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>"));
  EXPECT_THAT(text(class_row(*format_, dialog_of("2+2?", ""), 2)), EndsWith("2+2?<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_THAT(reason_of([&] { class_row(*format_, dialog_of("2+2?", "4"), 2, {.max_tokens = 5}); }), HasSubstr("max_tokens = 5"));
  auto empty = dialog_of("2+2?", "4");
  empty.messages.back().content.clear();
  EXPECT_THAT(reason_of([&] { class_row(*format_, empty, 2); }), HasSubstr("nothing to classify: the assistant's last turn is empty"));
}

TEST(LabelledExamples, SayHowTheirRowWasWritten) {
  const std::string messages = R"("messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}])";
  EXPECT_EQ(outcome_example("{" + messages + R"(, "label": true})").shape, "OpenAI messages");
  EXPECT_NE(outcome_example(R"({"prompt": "2+2?", "completion": "4", "label": true})").shape,
            outcome_example(R"({"prompt": "2+2?", "responses": ["4"], "labels": [true]})").shape);
  EXPECT_NE(steps_example(R"({"prompt": "2+2?", "completion": "4", "labels": [true]})").shape,
            steps_example(R"({"prompt": "2+2?", "completions": ["4"], "labels": [true]})").shape);
  EXPECT_NE(class_example(R"({"prompt": "2+2?", "label": "math"})").shape, class_example(R"({"prompt": "2+2?", "completion": "4", "label": "math"})").shape);
  EXPECT_NE(class_example(R"({"messages": [{"role": "user", "content": "2+2?"}], "label": "math"})").shape, class_example("{" + messages + R"(, "label": "math"})").shape)
      << "a question alone is labelled at another place than an answer";
  EXPECT_NE(class_example("{" + messages + R"(, "label": "math"})").shape, class_example("{" + messages + R"(, "label": 1})").shape);
}

}  // namespace
}  // namespace drover::train
