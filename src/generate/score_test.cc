#include "generate/score.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/random_decoder.h"
#include "model/scores.h"

namespace drover::generate {
namespace {

std::vector<chat::Message> reply(const std::string& content, chat::Ending ending = chat::Ending::kTurn) {
  return {{.sender = chat::Sender::kAssistant, .content = content, .ending = ending}};
}

class ScoreReplies : public testing::Test {
 protected:
  ScoreReplies() {
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

TEST_F(ScoreReplies, EqualTheRewardAtTheTerminatorOfEachReplyAlone) {
  const std::vector<std::vector<chat::Message>> replies{reply("blue"), reply("I would say red."), reply("gre", chat::Ending::kCut)};
  const auto scores = score_replies(*model_, *format_, prompt_, replies);
  ASSERT_EQ(scores.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(scores[i], score_alone(replies[i]), 1e-5);
  EXPECT_NE(scores[0], scores[1]);
}

TEST_F(ScoreReplies, RefuseAReplyWithoutTokens) {
  const std::vector<std::vector<chat::Message>> nothing{{}};
  EXPECT_THROW(score_replies(*model_, *format_, prompt_, nothing), base::UserError);
  const std::vector<std::vector<chat::Message>> empty{reply("", chat::Ending::kCut)};
  EXPECT_THROW(score_replies(*model_, *format_, prompt_, empty), base::UserError);
  EXPECT_TRUE(score_replies(*model_, *format_, prompt_, {}).empty());
}

}  // namespace
}  // namespace drover::generate
