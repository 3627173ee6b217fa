#include "generate/scorer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/log_probs.h"
#include "model/random_decoder.h"
#include "model/scores.h"

namespace drover::generate {
namespace {

std::vector<chat::Message> reply(const std::string& content, chat::Ending ending = chat::Ending::kTurn) {
  return {{.sender = chat::Sender::kAssistant, .content = content, .ending = ending}};
}

class Scoring : public testing::Test {
 protected:
  Scoring() {
    const auto tokenizer = chat::smollm2_bytes();
    const auto decoder = model::random_decoder(model::tiny_config(tokenizer->vocab_size()), 5);
    model_ = std::make_shared<const model::Model>(
        model::with_head(*decoder, {.kind = model::HeadKind::kReward, .num_labels = 1, .seed = 4}), tokenizer, std::nullopt, "");
    format_ = chat::make_chat_format("chatml", tokenizer);
    prompt_.messages.push_back({.sender = chat::Sender::kUser, .content = "Name a colour."});
  }

  /// The reward at the last token of one plain sequence.
  float score_alone(const std::vector<chat::Message>& messages) const {
    const auto& tokenizer = model_->tokenizer();
    std::string text = "<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n" + messages[0].content;
    if (messages[0].ending == chat::Ending::kTurn) text += "<|im_end|>";
    std::vector<text::TokenId> ids;
    for (std::size_t i = 0; i < text.size();) {
      bool found = false;
      for (const std::string control : {"<|im_start|>", "<|im_end|>"}) {
        if (text.compare(i, control.size(), control) == 0) {
          ids.push_back(*tokenizer.special(control));
          i += control.size();
          found = true;
        }
      }
      if (!found) tokenizer.encode_into(text.substr(i++, 1), {}, ids);
    }
    const std::vector<std::int64_t> last{static_cast<std::int64_t>(ids.size()) - 1};
    return model::scores(*model_, model::single_sequence(ids), last)[0][0];
  }

  std::shared_ptr<const model::Model> model_;
  std::shared_ptr<const chat::ChatFormat> format_;
  chat::Dialog prompt_;
};

TEST_F(Scoring, RewardsEqualThoseAtTheTerminatorOfEachReplyAlone) {
  Scorer scorer(model_, format_);
  const std::vector<std::vector<chat::Message>> replies{reply("blue"), reply("I would say red."), reply("gre", chat::Ending::kCut)};
  const auto scores = scorer.rewards(prompt_, replies);
  ASSERT_EQ(scores.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(scores[i], score_alone(replies[i]), 1e-5);
  EXPECT_NE(scores[0], scores[1]);
  EXPECT_EQ(scorer.rewards(prompt_, std::span(replies).subspan(1, 1))[0], scores[1]) << "whatever else is scored";
}

TEST_F(Scoring, RefusesAReplyWithoutTokens) {
  Scorer scorer(model_, format_);
  const std::vector<std::vector<chat::Message>> nothing{{}};
  EXPECT_THROW(scorer.rewards(prompt_, nothing), base::UserError);
  const std::vector<std::vector<chat::Message>> empty{reply("", chat::Ending::kCut)};
  EXPECT_THROW(scorer.rewards(prompt_, empty), base::UserError);
  EXPECT_TRUE(scorer.rewards(prompt_, {}).empty());
}

TEST_F(Scoring, StepsAndClassesHaveOutputsAtEachTokenOfAReply) {
  const auto trunk = model::random_decoder(model::tiny_config(model_->tokenizer().vocab_size()), 5);
  const auto classes = std::make_shared<const model::Model>(model::with_head(*trunk, {.kind = model::HeadKind::kClasses, .num_labels = 3, .seed = 4}),
                                                            model_->shared_tokenizer(), std::nullopt, "");
  const std::vector<text::TokenId> prompt{text::TokenId{1}, text::TokenId{2}, text::TokenId{3}};
  const std::vector<std::vector<text::TokenId>> replies{{text::TokenId{4}, text::TokenId{5}}, {text::TokenId{6}}};
  const auto outputs = Scorer(classes, nullptr).outputs(prompt, replies);
  const std::vector<std::int64_t> positions{3, 4};
  const auto expected = model::scores(*classes, model::single_sequence(std::vector<text::TokenId>{prompt[0], prompt[1], prompt[2], replies[0][0], replies[0][1]}), positions);
  ASSERT_EQ(outputs[0].size(), 2U);
  ASSERT_EQ(outputs[1].size(), 1U);
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t label = 0; label < 3; ++label) EXPECT_NEAR(outputs[0][t][label], expected[t][label], 1e-5);
  }
}

TEST_F(Scoring, LogProbabilitiesEqualThoseOfTraining) {
  const auto decoder = model::random_decoder(model::tiny_config(model_->tokenizer().vocab_size()), 5);
  const auto language = std::make_shared<const model::Model>(decoder, model_->shared_tokenizer(), std::nullopt, "");
  std::vector<text::TokenId> text;
  for (int i = 0; i < 150; ++i) text.push_back(text::TokenId{i * 7 % 200});
  const auto expected = model::log_probs(*language, model::score_all(text));  // expected[i] belongs to token i + 1
  const std::vector<std::vector<text::TokenId>> replies{{text.begin() + 40, text.end()}, {}};
  const auto got = Scorer(language, nullptr).log_probs(std::span(text).first(40), replies);
  ASSERT_EQ(got[0].size(), 110U);
  for (std::size_t i = 0; i < 110; ++i) EXPECT_NEAR(got[0][i], expected[39 + i], 1e-4);
  EXPECT_TRUE(got[1].empty());
  EXPECT_THROW(Scorer(language, nullptr).rewards(text, replies), base::UserError);
}

}  // namespace
}  // namespace drover::generate
