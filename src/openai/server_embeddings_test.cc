// Vectors over HTTP.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "openai/embedding_answer.h"
#include "openai/counting_encoder_test.h"
#include "openai/running_server_test.h"

namespace drover::openai {
namespace {

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
