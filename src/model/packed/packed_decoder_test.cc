#include "model/packed/packed_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/random_stream.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/packed/kernels.h"
#include "model/page_driver_test.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"
#include "model/threads.h"

namespace drover::model {
namespace {

using engine::PageId;
using text::TokenId;

// Parameters large enough that attention is far from even.
std::shared_ptr<const Decoder> lively(const DecoderConfig& config, at::ScalarType type = at::kFloat) {
  const c10::NoGradGuard no_gradients;
  NamedTensors parameters;
  const auto random = random_decoder(config, 5);
  for (const auto& [name, tensor] : random->parameters()) {
    parameters.emplace_back(name, (tensor.dim() == 1 ? at::cos(at::arange(tensor.numel())) : tensor * 8.0).to(type));
  }
  return std::make_shared<const Decoder>(config, std::move(parameters));
}

DecoderConfig config_of(std::string_view kind) {
  DecoderConfig config = tiny_config(90);
  config.max_positions = 2048;
  if (kind == "qwen3") {
    config.architecture = Architecture::kQwen3;
    config.qk_norm = true;
  }
  if (kind == "biased") config.attention_bias = config.attention_output_bias = config.mlp_bias = true;
  if (kind == "window") config.sliding_window = 70;
  if (kind == "untied") config.tied_embeddings = false;
  if (kind == "odd sizes") {
    config.vocab_size = 131;
    config.hidden_size = 42;
    config.intermediate_size = 75;
    config.num_heads = 6;
    config.num_kv_heads = 2;
    config.head_dim = 38;
  }
  if (kind == "many heads") {
    config.num_heads = 26;
    config.num_kv_heads = 1;
    config.head_dim = 64;
  }
  if (kind == "yarn") {
    config.rope_scaling.kind = RopeScaling::Kind::kYarn;
    config.rope_scaling.factor = 4.0;
    config.rope_scaling.original_max_positions = 64;
  }
  return config;
}

std::vector<TokenId> random_ids(std::uint64_t seed, std::int64_t count, std::int64_t vocab) {
  base::RandomStream random(seed, "packed");
  return random_tokens(random, count, static_cast<std::int32_t>(vocab));
}

/// Largest difference over the largest number.
double relative_gap(const std::vector<float>& got, const at::Tensor& expected) {
  const at::Tensor values = at::from_blob(const_cast<float*>(got.data()), {static_cast<std::int64_t>(got.size())}, at::kFloat);
  return ((values - expected).abs().max() / expected.abs().max()).item<double>();
}

class PackedDecoderOf : public testing::TestWithParam<const char*> {
 protected:
  PackedDecoderOf() { use_threads(2); }
};

TEST_P(PackedDecoderOf, EqualsTheDecoderInFloat32) {
  const c10::NoGradGuard no_gradients;
  const auto decoder = lively(config_of(GetParam()));
  PageDriver driver(make_packed_decoder(decoder));
  for (const std::int64_t length : {1, 2, 31, 32, 33, 127, 128, 129, 300}) {
    const auto tokens = random_ids(static_cast<std::uint64_t>(length), length, decoder->config().vocab_size);
    const std::vector<std::int64_t> last{length - 1};
    const at::Tensor expected = decoder->logits(single_sequence(tokens), last, AttentionPath::kDense)[0];
    EXPECT_LT(relative_gap(driver.whole(tokens), expected), 1e-5) << length << " tokens";
  }
}

TEST_P(PackedDecoderOf, ComputesTheSameBitsHoweverSequencesAreCutAndBatched) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const auto decoder = lively(config_of(GetParam()), type);
    PageDriver driver(make_packed_decoder(decoder));
    base::RandomStream random(3, "cuts");
    for (int round = 0; round < 4; ++round) {
      std::vector<PagedSequence> sequences(5);
      std::vector<std::vector<float>> alone;
      for (auto& sequence : sequences) {
        sequence.tokens = random_ids(random.next_u64(), 1 + static_cast<std::int64_t>(random.below(290)), decoder->config().vocab_size);
        alone.push_back(driver.whole(sequence.tokens));
      }
      std::vector<std::vector<float>> got(sequences.size());
      const auto left = [](const PagedSequence& s) { return static_cast<std::int64_t>(s.tokens.size()) - s.computed; };
      while (std::any_of(sequences.begin(), sequences.end(), [&](const PagedSequence& s) { return left(s) > 0; })) {
        std::vector<PageDriver::Step> steps;
        std::vector<std::size_t> who;
        for (std::size_t i = 0; i < sequences.size(); ++i) {
          if (left(sequences[i]) == 0 || random.below(3) == 0) continue;
          const std::int64_t count = random.below(2) == 0 ? 1 : 1 + static_cast<std::int64_t>(random.below(80));
          steps.push_back({&sequences[i], std::min(left(sequences[i]), count)});
          who.push_back(i);
        }
        const auto outputs = driver.forward(steps);
        for (std::size_t i = 0; i < who.size(); ++i) got[who[i]] = outputs[i];
      }
      for (std::size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(got[i], alone[i]) << sequences[i].tokens.size() << " tokens";
    }
  }
}

TEST_P(PackedDecoderOf, ComputesTheSameBitsWhenSamplesShareThePagesOfTheirPrompt) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const auto decoder = lively(config_of(GetParam()), type);
    PageDriver driver(make_packed_decoder(decoder));
    for (const std::int64_t prompt_length : {20, 130, 270, 384}) {
      const auto vocab = decoder->config().vocab_size;
      PagedSequence prompt{.tokens = random_ids(7, prompt_length, vocab), .pages = {}};
      driver.forward({{&prompt, prompt_length}});
      std::vector<PagedSequence> samples(7);
      std::vector<PageDriver::Step> steps;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        samples[i] = prompt;
        if (prompt_length % kPageTokens != 0) {
          samples[i].pages.back() = driver.new_page();
          driver.model().copy_page(prompt.pages.back(), samples[i].pages.back(), prompt_length % kPageTokens);
        }
        const auto reply = random_ids(100 + i, 9, vocab);
        samples[i].tokens.insert(samples[i].tokens.end(), reply.begin(), reply.end());
        steps.push_back({&samples[i], 1});
      }
      std::vector<std::vector<float>> outputs;
      for (int token = 0; token < 9; ++token) outputs = driver.forward(steps);
      for (std::size_t i = 0; i < samples.size(); ++i) EXPECT_EQ(outputs[i], driver.whole(samples[i].tokens)) << "prompt of " << prompt_length;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Configurations, PackedDecoderOf,
                         testing::Values("plain", "qwen3", "biased", "window", "untied", "odd sizes", "many heads", "yarn"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(PackedDecoder, StaysCloseToTheFloat32ModelInBFloat16) {
  const c10::NoGradGuard no_gradients;
  const auto narrow = lively(config_of("plain"), at::kBFloat16);
  const auto wide = std::make_shared<const Decoder>(narrow->to(at::kFloat, at::kCPU));
  const auto tokens = random_ids(1, 200, 90);
  const std::vector<std::int64_t> last{199};
  const at::Tensor expected = wide->logits(single_sequence(tokens), last)[0];
  PageDriver driver(make_packed_decoder(narrow));
  EXPECT_LT(relative_gap(driver.whole(tokens), expected), 0.05);
}

TEST(PackedDecoder, GivesTheScoresOfAnotherHead) {
  const c10::NoGradGuard no_gradients;
  const auto decoder = std::make_shared<const Decoder>(
      *with_head(*lively(config_of("plain")), {.kind = HeadKind::kClasses, .num_labels = 3, .seed = 4}));
  const auto tokens = random_ids(2, 40, 90);
  const std::vector<std::int64_t> last{39};
  PageDriver driver(make_packed_decoder(decoder));
  EXPECT_EQ(driver.model().output_width(), 3);
  EXPECT_LT(relative_gap(driver.whole(tokens), decoder->scores(single_sequence(tokens), last)[0]), 1e-5);
}

TEST(PackedDecoder, IgnoresWhatAnEarlierSequenceLeftInAPage) {
  const c10::NoGradGuard no_gradients;
  NamedTensors parameters = lively(config_of("untied"), at::kBFloat16)->parameters();
  for (auto& [name, tensor] : parameters) {
    if (name == "model.embed_tokens.weight") tensor[89].fill_(NAN);  // token 89 leaves NaN in its page
  }
  const auto decoder = std::make_shared<const Decoder>(config_of("untied"), std::move(parameters));
  PageDriver driver(make_packed_decoder(decoder));
  const auto tokens = random_ids(8, 40, 89);
  const auto expected = driver.whole(tokens);
  PagedSequence used{.tokens = std::vector<TokenId>(64, TokenId{89}), .pages = {}};
  EXPECT_TRUE(std::isnan(driver.forward({{&used, 64}})[0][0]));
  PagedSequence again{.tokens = tokens, .pages = used.pages};
  EXPECT_EQ(driver.forward({{&again, 40}})[0], expected);
}

TEST(PackedDecoder, ACopyOfAPagesFirstTokensKnowsNothingOfTheOthers) {
  const c10::NoGradGuard no_gradients;
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    NamedTensors parameters = lively(config_of("untied"), type)->parameters();
    for (auto& [name, tensor] : parameters) {
      if (name == "model.embed_tokens.weight") tensor[89].fill_(NAN);  // token 89 leaves NaN in its page
    }
    const auto decoder = std::make_shared<const Decoder>(config_of("untied"), std::move(parameters));
    PageDriver driver(make_packed_decoder(decoder));
    for (const std::int64_t agreed : {1, 2, 7, 31}) {
      PagedSequence damaged{.tokens = random_ids(8, 64, 89), .pages = {}};
      std::fill(damaged.tokens.begin() + 32 + agreed, damaged.tokens.end(), TokenId{89});
      driver.forward({{&damaged, 32 + agreed}});
      driver.forward({{&damaged, 32 - agreed}});
      PagedSequence fork{.tokens = damaged.tokens, .pages = damaged.pages, .computed = 32 + agreed};
      fork.tokens.resize(static_cast<std::size_t>(32 + agreed));
      fork.tokens.push_back(TokenId{5});
      fork.pages.back() = driver.new_page();
      driver.model().copy_page(damaged.pages.back(), fork.pages.back(), agreed);
      EXPECT_EQ(driver.forward({{&fork, 1}})[0], driver.whole(fork.tokens)) << agreed << " tokens of the page";
    }
  }
}

}  // namespace
}  // namespace drover::model
