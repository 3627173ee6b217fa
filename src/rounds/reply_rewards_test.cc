#include "rounds/reply_rewards.h"

#include <gmock/gmock.h>

#include <memory>

#include "chat/chat_format.h"
#include "model/heads.h"
#include "model/random_decoder.h"
#include "rounds/tiny_recipe_test.h"
#include "text/load_tokenizer.h"

namespace drover::rounds {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<chat::Message> reply(const std::string& content) {
  return {{.sender = chat::Sender::kAssistant, .content = content}};
}

TEST(ReplyRewards, AReplyThatIsTooLongHasNoneAndCostsTheOthersNothing) {
  const auto tokenizer = text::load_tokenizer(std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes/tiny");
  auto config = model::tiny_config(tokenizer->vocab_size(), 16);
  config.max_positions = 64;
  const auto trunk = model::random_decoder(config, 1);
  const auto model = std::make_shared<const model::Model>(
      model::with_head(*trunk, {.kind = model::HeadKind::kReward, .num_labels = 1, .seed = 4}), tokenizer, std::nullopt, "");
  generate::Scorer scorer(model, chat::make_chat_format("chatml", tokenizer));
  chat::Dialog prompt;
  prompt.messages = {{.sender = chat::Sender::kUser, .content = "3+4"}};
  const std::vector<std::vector<chat::Message>> replies = {reply("=7"), reply(std::string(100, '1')), reply("=8")};
  const auto rewards = reply_rewards(scorer, prompt, replies);
  ASSERT_EQ(rewards.size(), 3U);
  for (const std::size_t i : {0U, 2U}) {
    EXPECT_EQ(rewards[i].value, scorer.rewards(prompt, std::span(replies).subspan(i, 1)).at(0));
    EXPECT_THAT(rewards[i].fault, IsEmpty());
  }
  EXPECT_FALSE(rewards[1].value.has_value());
  EXPECT_THAT(rewards[1].fault, HasSubstr("tokens"));
  EXPECT_THAT(reply_rewards(scorer, prompt, {}), IsEmpty());
}

}  // namespace
}  // namespace drover::rounds
