#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "model/config_json.h"
#include "model/rope.h"

namespace drover::model {
namespace {

using ::testing::HasSubstr;

// Llama 3.1 8B as transformers 4 wrote it.
constexpr const char* kLlama31 = R"({"architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 128000,
  "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
  "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32,
  "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
  "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0, "tie_word_embeddings": false,
  "torch_dtype": "bfloat16", "vocab_size": 128256})";

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  text.replace(text.find(what), what.size(), with);
  return text;
}

std::string fault_of(const std::string& json) {
  try {
    parse_config_json(json, "config.json");
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ConfigJson, ReadsLlama31) {
  const DecoderConfig config = parse_config_json(kLlama31, "config.json");
  EXPECT_EQ(config.architecture, Architecture::kLlama);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_EQ(config.num_kv_heads, 8);
  EXPECT_EQ(config.rope_theta, 500000.0);
  EXPECT_EQ(config.rope_scaling.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(config.eos, (std::vector{text::TokenId{128001}, text::TokenId{128008}, text::TokenId{128009}}));
}

TEST(ConfigJson, ReadsTheFormOfTransformers5) {
  const std::string old_form = kLlama31;
  std::string new_form = replaced(old_form, "\"rope_scaling\": {", "\"rope_parameters\": {\"rope_theta\": 500000.0, ");
  new_form = replaced(new_form, "\"rope_theta\": 500000.0, \"tie", "\"tie");
  new_form = replaced(new_form, "torch_dtype", "dtype");
  EXPECT_EQ(parse_config_json(new_form, "new"), parse_config_json(old_form, "old"));
}

TEST(ConfigJson, RefusesNestingThatIsThousandsOfLevelsDeep) {
  const std::string brackets = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_THAT(fault_of(replaced(kLlama31, "128256", brackets)), HasSubstr("nests deeper than 100 levels"));
}

TEST(ConfigJson, WhatIsWrittenReadsBackTheSame) {
  DecoderConfig config = parse_config_json(kLlama31, "config.json");
  const auto again = [&] { return parse_config_json(to_config_json(config, ComputeType::kBFloat16), "written"); };
  EXPECT_EQ(again(), config);
  config.rope_scaling = {.kind = RopeScaling::Kind::kYarn, .factor = 4.0, .original_max_positions = 8192, .truncate = false};
  config.head = {.kind = HeadKind::kReward, .num_labels = 1, .seed = 77};
  EXPECT_EQ(again(), config);
  config.architecture = Architecture::kMistral;
  config.sliding_window = 4096;
  EXPECT_EQ(again(), config);
}

TEST(ConfigJson, Qwen2HasBiasesOnQueriesKeysAndValuesOnly) {
  const DecoderConfig config = parse_config_json(replaced(replaced(kLlama31, "\"llama\"", "\"qwen2\""), "LlamaFor", "Qwen2For"), "config.json");
  EXPECT_TRUE(config.attention_bias);
  EXPECT_FALSE(config.attention_output_bias);
  EXPECT_FALSE(config.qk_norm);
}

TEST(ConfigJson, FaultsNameTheKeyAndItsValue) {
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"llama\"", "\"gpt2\"")), HasSubstr("'model_type' is \"gpt2\""));
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"silu\"", "\"gelu\"")), HasSubstr("'hidden_act' is \"gelu\""));
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"hidden_size\": 4096", "\"hidden_size\": 0")), HasSubstr("hidden_size is 0"));
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"vocab_size\": 128256", "\"vocab_size\": 99999999999")), HasSubstr("vocab_size is 99999999999"));
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"num_key_value_heads\": 8", "\"num_key_value_heads\": 5")), HasSubstr("not a multiple of num_key_value_heads (5)"));
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"num_hidden_layers\": 32", "\"num_hidden_layers\": \"many\"")), HasSubstr("'num_hidden_layers' is \"many\""));
  EXPECT_THAT(fault_of(replaced(kLlama31, "\"rope_type\": \"llama3\"", "\"rope_type\": \"longrope\"")), HasSubstr("'rope_type' is \"longrope\""));
  EXPECT_THAT(fault_of(replaced(kLlama31, "128009", "128256")), HasSubstr("eos_token_id 128256"));
  EXPECT_THAT(fault_of(replaced(kLlama31, "LlamaForCausalLM", "LlamaForQuestionAnswering")), HasSubstr("LlamaForQuestionAnswering"));
  EXPECT_THAT(fault_of("[1"), HasSubstr("not a JSON object"));
}

TEST(Rope, Llama3ScalingHasTheFrequenciesOfTheModelCard) {
  const RopeTable table = rope_table(parse_config_json(kLlama31, "config.json"));
  const auto plain = [](int i) { return std::pow(500000.0, -2.0 * i / 128.0); };
  for (int i = 0; i <= 28; ++i) EXPECT_NEAR(table.inverse_frequencies[static_cast<std::size_t>(i)] / plain(i), 1.0, 1e-5) << i;
  EXPECT_NEAR(table.inverse_frequencies[29], 0.00216657, 1e-8);
  EXPECT_NEAR(table.inverse_frequencies[32], 0.000524846, 1e-9);
  for (int i = 35; i < 64; ++i) EXPECT_NEAR(table.inverse_frequencies[static_cast<std::size_t>(i)] * 8.0 / plain(i), 1.0, 1e-5) << i;
  EXPECT_EQ(table.magnitude, 1.0);
}

}  // namespace
}  // namespace drover::model
