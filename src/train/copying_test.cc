#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "base/random_stream.h"
#include "chat/byte_tokenizer_test.h"
#include "model/decoder.h"
#include "model/random_decoder.h"
#include "train/held_out.h"
#include "train/trainer.h"

namespace drover::train {
namespace {

/// A dialog that asks for a word and answers with it.
model::TokenRow copying_row(const chat::ChatFormat& format, const std::string& word) {
  chat::Dialog dialog;
  dialog.messages.push_back({.sender = chat::Sender::kUser, .content = word});
  dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = word});
  return sft_row(format, dialog);
}

TEST(Copying, ATinyModelLearnsToRepeatWordsThatItHasNotSeen) {
  const auto tokenizer = chat::smollm2_bytes();
  const auto start = std::make_shared<const model::Model>(model::random_decoder(model::tiny_config(tokenizer->vocab_size(), 32), 7),
                                                          tokenizer, std::nullopt, "");
  const auto format = chat::make_chat_format("chatml", tokenizer);
  base::RandomStream stream(3, "words to copy");
  std::set<std::string> words;
  while (words.size() < 60) {
    std::string word;
    for (int letter = 0; letter < 3; ++letter) word += static_cast<char>('a' + static_cast<char>(stream.uniform() * 4));
    words.insert(word);
  }
  std::vector<std::string> order(words.begin(), words.end());
  stream.shuffle(std::span(order));
  std::vector<model::TokenRow> seen, unseen;
  for (const auto& word : order) (unseen.size() < 10 ? unseen : seen).push_back(copying_row(*format, word));
  const double before = mean_log_prob(*start, unseen);
  const auto trained = train_sft(start, seen, {.learning_rate = 5e-3, .schedule = {.warmup_steps = 20}, .steps = 300, .rows_per_step = 16});
  EXPECT_LT(before, -3.0);
  // Guessing one of four letters costs ln 4 = 1.39 nats at each of three, so 1.04 on average with the terminator, which is sure.
  EXPECT_GT(mean_log_prob(*trained, unseen), -0.3);
}

}  // namespace
}  // namespace drover::train
