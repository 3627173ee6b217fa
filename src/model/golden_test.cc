// Logits, scores and sentence vectors against transformers and sentence-transformers (scripts/golden/make_model_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "model/load_decoder.h"
#include "model/numbered_tokenizer_test.h"
#include "model/tensor_of_view.h"
#include "weights/safetensors.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;

const fs::path kTestData = fs::path(DROVER_SOURCE_FOLDER) / "src/model/testdata";

// A model that scripts/setup installs.
fs::path installed(const std::string& name) {
  const char* home = std::getenv("DROVER_HOME");
  const char* user = std::getenv("HOME");
  const fs::path path = (home != nullptr ? fs::path(home) : fs::path(user != nullptr ? user : "") / ".local/share/drover") / "models" / name;
  EXPECT_TRUE(fs::exists(path)) << "The model '" << path.string() << "' is missing: run scripts/setup, which installs it.";
  return path;
}

class Golden {
 public:
  explicit Golden(const fs::path& file) : file_(weights::SafetensorsFile::open(file)) {}

  at::Tensor numbers(const std::string& name) const { return tensor_of_view(file_.at(name), at::kFloat, file_.owner()); }
  std::vector<std::int64_t> integers(const std::string& name) const {
    const weights::TensorView& view = file_.at(name);
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i + 4 <= view.bytes.size(); i += 4) {
      std::int32_t value = 0;
      std::memcpy(&value, view.bytes.data() + i, 4);
      values.push_back(value);
    }
    return values;
  }
  std::vector<text::TokenId> tokens(const std::string& name) const {
    std::vector<text::TokenId> ids;
    for (const std::int64_t value : integers(name)) ids.push_back(text::TokenId{static_cast<std::int32_t>(value)});
    return ids;
  }

 private:
  weights::SafetensorsFile file_;
};

std::vector<std::int64_t> all_positions(const TokenRow& row) {
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < row.num_tokens(); ++i) positions.push_back(i);
  return positions;
}

const LoadOptions kFloat = {.compute_type = ComputeType::kFloat32, .device = "cpu"};

class TinyModels : public ::testing::TestWithParam<const char*> {};

TEST_P(TinyModels, HaveTheLogitsOfTransformers) {
  const fs::path folder = kTestData / GetParam();
  const auto decoder = load_decoder(folder, kFloat);
  const Golden golden(folder / "golden.safetensors");
  const TokenRow row = single_sequence(golden.tokens("tokens"));
  const at::Tensor want = golden.numbers("logits");
  for (const AttentionPath path : {AttentionPath::kBlocks, AttentionPath::kDense}) {
    const at::Tensor got = decoder->logits(row, all_positions(row), path);
    EXPECT_LT((got - want).abs().max().item<double>() / want.abs().max().item<double>(), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, TinyModels,
                         ::testing::Values("llama", "llama_tied_biased", "llama_llama3", "llama_linear", "llama_yarn", "llama_wide_heads",
                                           "mistral_window", "qwen2", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(RewardModel, HasTheScoreOfTransformers) {
  const auto decoder = load_decoder(kTestData / "llama_reward", kFloat);
  EXPECT_EQ(decoder->config().head.kind, HeadKind::kReward);
  const Golden golden(kTestData / "llama_reward/golden.safetensors");
  const TokenRow row = single_sequence(golden.tokens("tokens"));
  const std::int64_t last = row.num_tokens() - 1;
  EXPECT_NEAR(decoder->scores(row, std::span(&last, 1)).item<double>(), golden.numbers("score").item<double>(), 1e-4);
}

TEST(SmolLm2, HasTheLogitsOfTransformers) {
  const auto decoder = load_decoder(installed("smollm2-135m-instruct.gguf"), kFloat);
  const Golden golden(kTestData / "smollm2_135m.safetensors");
  const std::vector<std::int64_t> columns = golden.integers("columns");
  const at::Tensor picked = at::tensor(columns, at::kLong);
  for (const std::string number : {"0", "1", "2"}) {
    const TokenRow row = single_sequence(golden.tokens("tokens_" + number));
    const at::Tensor logits = decoder->logits(row, all_positions(row));
    const double largest = golden.numbers("largest_" + number).item<double>();
    EXPECT_LT((logits.index_select(1, picked) - golden.numbers("logits_" + number)).abs().max().item<double>() / largest, 1e-4);
    EXPECT_LT((at::logsumexp(logits, 1) - golden.numbers("log_sum_exp_" + number)).abs().max().item<double>() / largest, 1e-4);
  }
}

TEST(Encoder, OfMiniLmGivesTheVectorsOfSentenceTransformers) {
  const auto encoder = Encoder::load(installed("all-minilm-l6-v2"));
  EXPECT_EQ(encoder->dimension(), 384);
  EXPECT_EQ(encoder->max_tokens(), 256);
  const auto texts = nlohmann::json::parse(base::read_file(kTestData / "minilm_texts.json")).get<std::vector<std::string>>();
  const at::Tensor want = Golden(kTestData / "minilm_vectors.safetensors").numbers("vectors");
  const auto got = encoder->embed(texts);
  ASSERT_EQ(got.size(), texts.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const at::Tensor vector = at::tensor(got[i]);
    const at::Tensor reference = want[static_cast<std::int64_t>(i)];
    EXPECT_LT((vector - reference).abs().max().item<double>(), 1e-5) << texts[i];
    EXPECT_NEAR(at::cosine_similarity(vector, reference, 0).item<double>(), 1.0, 1e-5) << texts[i];
    EXPECT_LT((vector - at::tensor(encoder->embed_one(texts[i]))).abs().max().item<double>(), 1e-5) << "alone: " << texts[i];
  }
}

TEST(Encoder, InBfloat16GivesNearlyTheSameVectors) {
  const auto encoder = Encoder::load(installed("all-minilm-l6-v2"), {.compute_type = ComputeType::kBFloat16});
  const auto texts = nlohmann::json::parse(base::read_file(kTestData / "minilm_texts.json")).get<std::vector<std::string>>();
  const at::Tensor want = Golden(kTestData / "minilm_vectors.safetensors").numbers("vectors");
  const auto got = encoder->embed(texts);
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_GT(at::cosine_similarity(at::tensor(got[i]), want[static_cast<std::int64_t>(i)], 0).item<double>(), 0.999) << texts[i];
  }
}

TEST(Encoder, OfRobertaCountsPositionsFromBehindThePaddingId) {
  const auto encoder = Encoder::load(kTestData / "roberta", std::make_shared<NumberedTokenizer>(96));
  EXPECT_EQ(encoder->max_tokens(), 64);
  const Golden golden(kTestData / "roberta/golden.safetensors");
  const std::vector<std::vector<text::TokenId>> texts = {golden.tokens("tokens")};
  EXPECT_LT((at::tensor(encoder->embed_tokens(texts).front()) - golden.numbers("mean")).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace drover::model
