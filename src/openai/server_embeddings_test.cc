// Vectors over HTTP.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "openai/embedding_answer.h"
#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

/// Two numbers a text: the number of tokens, and 0.5.
class CountingEncoder final : public model::Encoder {
 public:
  std::int64_t dimension() const override { return 2; }
  std::int64_t max_tokens() const override { return 10; }
  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::vector<std::vector<float>> embed(std::span<const std::string>) const override { throw std::logic_error("not used"); }
  std::vector<std::vector<float>> embed_tokens(std::span<const std::vector<text::TokenId>> texts) const override {
    std::vector<std::vector<float>> vectors;
    for (const auto& text : texts) vectors.push_back({static_cast<float>(text.size()), 0.5F});
    return vectors;
  }

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_ = chat::qwen_bytes();
};

TEST_F(ServerTest, AnEncoderMakesVectors) {
  ServedModel model{.name = "vectors"};
  model.encoder = std::make_shared<CountingEncoder>();
  begin(model);
  const auto answer = post("/v1/embeddings", {{"model", "vectors"}, {"input", {"abc", "de"}}});
  EXPECT_EQ(answer["data"][0]["embedding"], Json({3.0, 0.5}));
  EXPECT_EQ(answer["data"][1]["embedding"], Json({2.0, 0.5}));
  EXPECT_EQ(answer["data"][1]["index"], 1);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 5);
  // 3.0 and 0.5 are 0x40400000 and 0x3f000000 (IEEE 754).
  EXPECT_EQ(post("/v1/embeddings", {{"input", "abc"}, {"encoding_format", "base64"}})["data"][0]["embedding"], "AABAQAAAAD8=");
  EXPECT_EQ(post("/v1/embeddings", {{"input", {1, 2, 3, 4}}})["data"][0]["embedding"][0], 4.0);
  EXPECT_EQ(post("/v1/embeddings", {{"input", "longer than ten"}}, 400)["error"]["param"], "input");
  EXPECT_EQ(post("/v1/embeddings", {{"input", ""}}, 400)["error"]["param"], "input");
  EXPECT_EQ(post("/v1/embeddings", {{"input", {999999}}}, 400)["error"]["param"], "input");
  chat(say("x", {{"model", "vectors"}}), 400);
}

TEST(Base64, IsThatOfTheStandard) {
  // RFC 4648 in float32: 4 bytes end with "==", 8 with "=", 12 without.
  EXPECT_EQ(base64_of({1.0F}), "AACAPw==");
  EXPECT_EQ(base64_of({1.0F, 1.0F}), "AACAPwAAgD8=");
  EXPECT_EQ(base64_of({1.0F, 1.0F, 1.0F}), "AACAPwAAgD8AAIA/");
}

}  // namespace
}  // namespace drover::openai
