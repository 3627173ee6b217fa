// Adapters: what they begin with, what merging them gives, and their folders.
#include "model/adapter.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "model/adapter_config.h"
#include "model/adapter_folder.h"
#include "model/heads.h"
#include "model/lineage.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"
#include "model/tensor_of_view.h"
#include "text/load_tokenizer.h"
#include "weights/safetensors_writer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Adapter adapter_with_b(const Decoder& start, const LoraOptions& options) {
  Adapter adapter = fresh_adapter(start, options, 3);
  at::manual_seed(4);
  for (auto& pair : adapter.pairs) pair.b = at::randn_like(pair.b);
  return adapter;
}

TEST(FreshAdapter, BeginsAsPeftsDoesAndDependsOnTheSeedOnly) {
  const auto start = random_decoder(tiny_config(70, 64), 1);
  const auto adapter = fresh_adapter(*start, {.rank = 8}, 5);
  ASSERT_EQ(adapter.pairs.size(), 14U) << "seven weights in each of two layers";
  for (const auto& pair : adapter.pairs) {
    const auto& weight = start->parameter(pair.weight);
    EXPECT_EQ(pair.a.sizes(), (std::vector<std::int64_t>{8, weight.size(1)}));
    EXPECT_EQ(pair.b.sizes(), (std::vector<std::int64_t>{weight.size(0), 8}));
    EXPECT_EQ(pair.b.abs().max().item<double>(), 0.0);
    // Kaiming uniform with a = sqrt 5: the bound is sqrt(6 / ((1 + 5) in)), the variance a third of its square.
    const double bound = 1.0 / std::sqrt(static_cast<double>(weight.size(1)));
    EXPECT_LE(pair.a.abs().max().item<double>(), bound);
    EXPECT_NEAR(pair.a.std().item<double>(), bound / std::sqrt(3.0), 0.1 * bound);
    EXPECT_DOUBLE_EQ(pair.scale, 2.0) << "alpha is twice the rank";
  }
  EXPECT_TRUE(adapter.whole.empty()) << "a language head is frozen";
  EXPECT_TRUE(at::equal(fresh_adapter(*start, {.rank = 8}, 5).pairs[3].a, adapter.pairs[3].a));
  EXPECT_FALSE(at::equal(fresh_adapter(*start, {.rank = 8}, 6).pairs[3].a, adapter.pairs[3].a));
}

TEST(FreshAdapter, TrainsTheTargetsThatWereAskedForAndHeadsWhole) {
  const auto start = with_head(*random_decoder(tiny_config(70), 1), {.kind = HeadKind::kSteps, .num_labels = 1, .seed = 2});
  const auto adapter = fresh_adapter(*start, {.rank = 2, .alpha = 3.0, .targets = {"v_proj", "q_proj"}}, 5);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_of(adapter)) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.0.self_attn.q_proj.lora_B.weight",
                                          "model.layers.0.self_attn.v_proj.lora_A.weight", "model.layers.0.self_attn.v_proj.lora_B.weight",
                                          "model.layers.1.self_attn.q_proj.lora_A.weight", "model.layers.1.self_attn.q_proj.lora_B.weight",
                                          "model.layers.1.self_attn.v_proj.lora_A.weight", "model.layers.1.self_attn.v_proj.lora_B.weight",
                                          "score.weight", "score.bias"));
  EXPECT_DOUBLE_EQ(adapter.pairs[0].scale, 1.5);
}

TEST(LoraOptions, NameWhatIsNotPossible) {
  const auto message = [](const LoraOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({}), "accepted");
  EXPECT_EQ(message({.rank = 16, .alpha = 0.5, .targets = {"down_proj"}}), "accepted");
  EXPECT_THAT(message({.rank = -1}), HasSubstr("lora_rank = -1"));
  EXPECT_THAT(message({.rank = 1025}), HasSubstr("from 0 (off) to 1024"));
  EXPECT_THAT(message({.rank = 8, .alpha = std::nan("")}), HasSubstr("lora_alpha = nan"));
  EXPECT_THAT(message({.rank = 8, .targets = {"q_porj"}}), HasSubstr("'q_porj' (did you mean \"q_proj\"?)"));
  EXPECT_THAT(message({.rank = 8, .targets = {"q_proj", "q_proj"}}), HasSubstr("twice"));
  EXPECT_THAT(message({.alpha = 8.0}), HasSubstr("give lora_rank too"));
}

TEST(Merged, ComputesWhatPairsBesideTheWeightsCompute) {
  DecoderConfig config = tiny_config(70);
  config.attention_bias = config.mlp_bias = config.attention_output_bias = true;
  const auto start = random_decoder(config, 1);
  const auto adapter = adapter_with_b(*start, {.rank = 4});
  const Decoder beside(start->config(), start->parameters(), adapter.pairs);
  const auto both = merged(*start, adapter);
  base::RandomStream random(1, "rows");
  const TokenRow row = random_row(random, 70);
  EXPECT_LT((beside.log_probs(row) - both->log_probs(row)).abs().max().item<double>(), 1e-4);
  EXPECT_GT((start->log_probs(row) - both->log_probs(row)).abs().max().item<double>(), 1e-2) << "the adapter changes something";
}

TEST(Merged, RoundsOnceToTheBasesType) {
  const at::Tensor weight = at::full({1, 1}, 1.0, at::kBFloat16);
  const auto pair_of = [](double product) { return LowRankPair{.weight = "w", .a = at::full({1, 1}, product), .b = at::ones({1, 1}), .scale = 0.5}; };
  // 1 + 2^-7 is the next bfloat16 after 1: half a step is rounded to even, more than half up.
  EXPECT_EQ(merged_weight(weight, pair_of(2.0 * 0x1p-8)).item<float>(), 1.0F);
  EXPECT_EQ(merged_weight(weight, pair_of(2.0 * (0x1p-8 + 0x1p-12))).item<float>(), 1.0F + 0x1p-7F);
  EXPECT_EQ(merged_weight(weight, pair_of(2.0 * 0x1p-8)).scalar_type(), at::kBFloat16);
}

// --- adapter_config.json ---

std::string plain_config(const nlohmann::json& changes = nlohmann::json::object()) {
  nlohmann::json config = {{"peft_type", "LORA"}, {"r", 8}, {"lora_alpha", 16}, {"base_model_name_or_path", "base"}, {"bias", "none"}};
  if (!changes.is_null()) config.update(changes);
  return config.dump();
}

std::string refusal(const std::string& text) {
  try {
    parse_adapter_config(text, "adapter_config.json");
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(AdapterConfig, ScalesAsPeftDoes) {
  const auto config = parse_adapter_config(
      plain_config({{"alpha_pattern", {{"down_proj", 4}, {"model.layers.1.self_attn.q_proj", 1}, {"q_proj", 2}}}, {"rank_pattern", {{"layers.0.mlp.up_proj", 2}}}}), "test");
  EXPECT_DOUBLE_EQ(config.scale("model.layers.0.self_attn.k_proj", 8), 2.0);
  EXPECT_DOUBLE_EQ(config.scale("model.layers.0.mlp.down_proj", 8), 0.5);
  EXPECT_DOUBLE_EQ(config.scale("model.layers.1.self_attn.q_proj", 8), 0.125) << "the longest ending";
  EXPECT_DOUBLE_EQ(config.scale("model.layers.0.self_attn.q_proj", 8), 0.25);
  EXPECT_EQ(config.rank_of("model.layers.0.mlp.up_proj"), 2);
  EXPECT_EQ(config.rank_of("model.layers.10.mlp.up_proj"), 8);
  EXPECT_DOUBLE_EQ(config.scale("model.layers.0.mlp.up_proj", 2), 8.0);
  EXPECT_DOUBLE_EQ(parse_adapter_config(plain_config({{"use_rslora", true}}), "test").scale("x", 16), 4.0) << "alpha / sqrt(rank)";
}

TEST(AdapterConfig, RefusesWhatItDoesNotCompute) {
  EXPECT_EQ(refusal(plain_config({{"some_new_key", {{"x", 1}}}, {"use_dora", false}, {"layer_replication", nullptr}})), "accepted");
  EXPECT_THAT(refusal(plain_config({{"use_dora", true}})), HasSubstr("use_dora = true is not supported (DoRA"));
  EXPECT_THAT(refusal(plain_config({{"fan_in_fan_out", true}})), HasSubstr("fan_in_fan_out"));
  EXPECT_THAT(refusal(plain_config({{"lora_bias", true}})), HasSubstr("B has a bias"));
  EXPECT_THAT(refusal(plain_config({{"bias", "lora_only"}})), HasSubstr("bias = \"lora_only\" is not supported"));
  EXPECT_THAT(refusal(plain_config({{"peft_type", "IA3"}})), HasSubstr("only LORA"));
  EXPECT_THAT(refusal(plain_config({{"init_lora_weights", "pissa"}})), HasSubstr("changes the weights of the base model"));
  EXPECT_THAT(refusal(plain_config({{"trainable_token_indices", {1, 2}}})), HasSubstr("trainable_token_indices"));
  EXPECT_THAT(refusal(plain_config({{"alpha_pattern", {{"layers\\.\\d+\\.q_proj", 4}}}})), HasSubstr("is a regular expression"));
}

TEST(AdapterConfig, RefusesHostileText) {
  EXPECT_THAT(refusal(""), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(std::string(100000, '[')), HasSubstr("adapter_config.json"));
  EXPECT_THAT(refusal(R"({"peft_type": "LORA", "lora_alpha": 1})"), HasSubstr("the key r is missing"));
  EXPECT_THAT(refusal(plain_config({{"r", 0}})), HasSubstr("r = 0 is not possible"));
  EXPECT_THAT(refusal(plain_config({{"r", 1e300}})), HasSubstr("is not possible"));
  EXPECT_THAT(refusal(plain_config({{"r", 18446744073709551615ULL}})), HasSubstr("is not possible"));
  EXPECT_THAT(refusal(plain_config({{"lora_alpha", "16"}})), HasSubstr("lora_alpha = \"16\""));
  EXPECT_THAT(refusal(plain_config({{"rank_pattern", {1, 2}}})), HasSubstr("must be an object"));
  EXPECT_THAT(refusal(plain_config({{"base_model_name_or_path", 7}})), HasSubstr("is not a text"));
  EXPECT_THAT(refusal(plain_config({{"modules_to_save", {1}}})), HasSubstr("not a list of names"));
}

// --- Folders ---

class AdapterFolder : public testing::Test {
 protected:
  AdapterFolder() {
    folder_ = fs::path(testing::TempDir()) / (std::string("drover_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    const auto tokenizer = text::load_tokenizer(kTokenizer);
    const DecoderConfig config = tiny_config(tokenizer->vocab_size());
    base_ = std::make_shared<const Model>(random_decoder(config, 1), tokenizer, std::nullopt, kTokenizer);
    base_->save(folder_ / "base");
  }
  ~AdapterFolder() override { fs::remove_all(folder_); }

  AdapterOrigin origin() const {
    return {.base = folder_ / "base", .start = weights_hash(*base_), .seed = 3, .tokenizer_source = kTokenizer};
  }
  void save(const Adapter& adapter, const LoraOptions& options) const { save_adapter(adapter, options, origin(), folder_ / "adapter"); }

  std::string refusal_of_merge() const {
    try {
      merge_adapter(folder_ / "adapter", folder_ / "base", folder_ / "out");
    } catch (const base::UserError& error) {
      EXPECT_FALSE(fs::exists(folder_ / "out"));
      return error.what();
    }
    return "accepted";
  }

  /// A PEFT folder as another program writes it: no word about the start.
  void write_foreign(const nlohmann::json& config, const NamedTensors& tensors) const {
    fs::create_directories(folder_ / "adapter");
    base::write_file_atomically(folder_ / "adapter/adapter_config.json", plain_config(config));
    std::vector<weights::TensorView> views;
    for (const auto& [name, tensor] : tensors) views.push_back(view_of_tensor(name, tensor));
    weights::write_safetensors(folder_ / "adapter/adapter_model.safetensors", views);
  }

  static inline const fs::path kTokenizer = fs::path(DROVER_SOURCE_FOLDER) / "recipes/tiny";
  fs::path folder_;
  std::shared_ptr<const Model> base_;
};

constexpr const char* kQ = "base_model.model.model.layers.0.self_attn.q_proj";

TEST_F(AdapterFolder, SavedAndMergedIsTheModelThatWasTrained) {
  const LoraOptions options{.rank = 4, .alpha = 6.0};
  const auto adapter = adapter_with_b(base_->decoder(), options);
  save(adapter, options);
  const auto report = merge_adapter(folder_ / "adapter", folder_ / "base", folder_ / "out");
  EXPECT_EQ(report.pairs, 14);
  EXPECT_TRUE(report.is_start_known);
  EXPECT_EQ(report.type, ComputeType::kFloat32) << "as the base is stored";
  const auto out = Model::load(folder_ / "out", {.compute_type = ComputeType::kFloat32});
  for (const auto& pair : adapter.pairs) {
    const auto expected = base_->decoder().parameter(pair.weight).to(at::kDouble) + 1.5 * pair.b.to(at::kDouble).matmul(pair.a.to(at::kDouble));
    EXPECT_LT((out->decoder().parameter(pair.weight).to(at::kDouble) - expected).abs().max().item<double>(), 1e-5) << pair.weight;
  }
  EXPECT_TRUE(at::equal(out->decoder().parameter("model.embed_tokens.weight"), base_->decoder().parameter("model.embed_tokens.weight")));
  EXPECT_EQ(read_lineage(folder_ / "out").start, weights_hash(*base_));
  const auto loaded = Model::load(folder_ / "adapter", {.compute_type = ComputeType::kFloat32});
  EXPECT_EQ(weights_hash(*loaded), weights_hash(*out)) << "an adapter's folder loads as a model";
}

TEST_F(AdapterFolder, HeadsComeWithTheAdapter) {
  const Head head{.kind = HeadKind::kClasses, .num_labels = 2, .seed = 9, .labels = {"code", "math"}};
  const auto start = with_head(base_->decoder(), head);
  const LoraOptions options{.rank = 2, .targets = {"q_proj"}};
  save(fresh_adapter(*start, options, 1), options);
  merge_adapter(folder_ / "adapter", folder_ / "base", folder_ / "out");
  const auto out = Model::load(folder_ / "out", {.compute_type = ComputeType::kFloat32});
  EXPECT_EQ(out->config().head, head);
  EXPECT_TRUE(at::equal(out->decoder().parameter("score.weight"), start->parameter("score.weight")));
  const auto json = nlohmann::json::parse(base::read_file(folder_ / "adapter/adapter_config.json", 1 << 20));
  EXPECT_EQ(json.at("task_type"), "SEQ_CLS");
  EXPECT_EQ(json.at("modules_to_save"), nlohmann::json::array({"score"}));
}

TEST_F(AdapterFolder, ForeignAdaptersAreReadWithTheirScales) {
  const auto& weight = base_->decoder().parameter("model.layers.0.self_attn.q_proj.weight");
  const auto a = at::randn({4, weight.size(1)}), b = at::randn({weight.size(0), 4});
  write_foreign({{"r", 4}, {"lora_alpha", 3}, {"use_rslora", true}}, {{std::string(kQ) + ".lora_A.weight", a.to(at::kBFloat16)}, {std::string(kQ) + ".lora_B.weight", b}});
  const auto report = merge_adapter(folder_ / "adapter", folder_ / "base", folder_ / "out");
  EXPECT_FALSE(report.is_start_known);
  const auto out = Model::load(folder_ / "out", {.compute_type = ComputeType::kFloat32});
  const auto expected = weight + 1.5 * b.matmul(a.to(at::kBFloat16).to(at::kFloat));
  EXPECT_LT((out->decoder().parameter("model.layers.0.self_attn.q_proj.weight") - expected).abs().max().item<double>(), 1e-5);
}

TEST_F(AdapterFolder, AnotherBaseIsRefused) {
  const LoraOptions options{.rank = 4};
  save(fresh_adapter(base_->decoder(), options, 1), options);
  base_->with_decoder(random_decoder(base_->config(), 2))->save(folder_ / "base");
  EXPECT_THAT(refusal_of_merge(), HasSubstr("was trained over other weights"));
  fs::remove_all(folder_ / "base");
  EXPECT_THAT(refusal_of_merge(), HasSubstr("which is not here"));
}

TEST_F(AdapterFolder, DamagedAndUnsuitableFilesAreNamed) {
  const auto& weight = base_->decoder().parameter("model.layers.0.self_attn.q_proj.weight");
  const auto in = weight.size(1), out = weight.size(0);
  const std::string a = std::string(kQ) + ".lora_A.weight", b = std::string(kQ) + ".lora_B.weight";
  write_foreign({}, {{a, at::zeros({8, in})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("has no lora_B beside it"));
  write_foreign({}, {{b, at::zeros({out, 8})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("has no lora_A beside it"));
  write_foreign({}, {{a, at::zeros({8, in})}, {b, at::zeros({out, 7})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("do not fit each other"));
  write_foreign({}, {{a, at::zeros({4, in})}, {b, at::zeros({out, 4})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("has rank 4, but adapter_config.json says 8"));
  write_foreign({}, {{a, at::zeros({8, in + 1})}, {b, at::zeros({out, 8})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("Was it made for another base?"));
  write_foreign({}, {{a, at::full({8, in}, NAN)}, {b, at::zeros({out, 8})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("no numbers"));
  write_foreign({}, {{"base_model.model.transformer.h.0.c_attn.lora_A.weight", at::zeros({8, 4})}, {"base_model.model.transformer.h.0.c_attn.lora_B.weight", at::zeros({4, 8})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("'transformer.h.0.c_attn.weight', which the base model does not have"));
  write_foreign({}, {{"model.layers.0.self_attn.q_proj.weight", at::zeros({8, 4})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("is none of a LoRA adapter"));
  write_foreign({}, {{"base_model.model.model.embed_tokens.weight", at::zeros({base_->config().vocab_size, in})}});
  EXPECT_THAT(refusal_of_merge(), HasSubstr("is the same tensor"));
  base::write_file_atomically(folder_ / "adapter/adapter_model.safetensors", std::string(200, '\xff'));
  EXPECT_THAT(refusal_of_merge(), HasSubstr("adapter_model.safetensors"));
  fs::remove(folder_ / "adapter/adapter_model.safetensors");
  base::write_file_atomically(folder_ / "adapter/adapter_model.bin", "x");
  EXPECT_THAT(refusal_of_merge(), HasSubstr("is a pickle"));
}

}  // namespace
}  // namespace drover::model
