#include "model/cuda/device_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "model/cuda/device_attention.h"
#include "model/cuda/kernels_of_device.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/page_driver_test.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"

namespace drover::model {
namespace {

using text::TokenId;

DecoderConfig config_of(std::string_view kind) {
  DecoderConfig config = tiny_config(40, 64);
  if (kind == "qwen3") {
    config.architecture = Architecture::kQwen3;
    config.qk_norm = true;
  }
  if (kind == "biased") config.attention_bias = config.attention_output_bias = config.mlp_bias = true;
  if (kind == "window") config.sliding_window = 37;
  if (kind == "yarn") config.rope_scaling = {.kind = RopeScaling::Kind::kYarn, .factor = 4.0, .original_max_positions = 64};
  return config;
}

// Parameters large enough that attention is far from even.
std::shared_ptr<const Decoder> lively(const DecoderConfig& config, at::ScalarType type) {
  const c10::NoGradGuard no_gradients;
  NamedTensors parameters;
  const auto random = random_decoder(config, 5);
  for (const auto& [name, tensor] : random->parameters()) {
    const at::Tensor lively = tensor.dim() > 1 ? tensor * 12.0 : tensor + 0.1 * at::arange(tensor.numel()).to(at::kFloat).cos();
    parameters.emplace_back(name, lively.to(type));
  }
  return std::make_shared<const Decoder>(config, std::move(parameters));
}

std::vector<TokenId> random_ids(std::uint64_t seed, std::int64_t count) {
  base::RandomStream random(seed, "device paged");
  return random_tokens(random, count, 40);
}

class DeviceDecoderOf : public testing::TestWithParam<std::pair<const char*, at::ScalarType>> {
 protected:
  DeviceDecoderOf() : config_(config_of(GetParam().first)), decoder_(lively(config_, GetParam().second)), reference_(decoder_->to(at::kFloat, at::kCPU)) {}

  void expect_logits(const std::vector<float>& got, const std::vector<TokenId>& tokens) const {
    const c10::NoGradGuard no_gradients;
    const std::vector<std::int64_t> last{static_cast<std::int64_t>(tokens.size()) - 1};
    const at::Tensor want = reference_.logits(single_sequence(tokens), last, AttentionPath::kDense)[0];
    const at::Tensor values = at::from_blob(const_cast<float*>(got.data()), {want.size(0)}, at::kFloat);
    const double tolerance = GetParam().second == at::kFloat ? 2e-5 : 5e-2;
    EXPECT_LT(((values - want).abs().max() / want.abs().max()).item<double>(), tolerance) << tokens.size() << " tokens";
  }
  std::vector<TokenId> first(const PagedSequence& sequence) const { return {sequence.tokens.begin(), sequence.tokens.begin() + sequence.computed}; }

  DecoderConfig config_;
  std::shared_ptr<const Decoder> decoder_;
  Decoder reference_;
};

TEST_P(DeviceDecoderOf, GivesTheLogitsOfTheWholeSequenceHoweverItIsCut) {
  PageDriver driver(make_device_decoder(decoder_, emulated::kernels()), 100);
  PagedSequence a{.tokens = random_ids(1, 150), .pages = {}}, b{.tokens = random_ids(2, 50), .pages = {}};
  for (const auto& [of_a, of_b] : {std::pair{10, 1}, std::pair{1, 20}, std::pair{117, 1}, std::pair{1, 1}}) {
    const auto outputs = driver.forward({{&a, of_a}, {&b, of_b}});
    expect_logits(outputs[0], first(a));
    expect_logits(outputs[1], first(b));
  }
}

// Samples that share a prompt of one piece and a bit, each with its own continuation, decoded side by side with a stranger.
TEST_P(DeviceDecoderOf, SamplesOfAPromptReadItsPagesTogether) {
  PageDriver driver(make_device_decoder(decoder_, emulated::kernels()), 100);
  PagedSequence prompt{.tokens = random_ids(3, 138), .pages = {}}, stranger{.tokens = random_ids(4, 20), .pages = {}};
  driver.forward({{&prompt, 138}, {&stranger, 18}});
  std::vector<PagedSequence> samples(3, prompt);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].pages.back() = driver.new_page();
    driver.model().copy_page(prompt.pages.back(), samples[i].pages.back(), 138 % kDevicePageTokens);
    const auto own = random_ids(10 + i, 4);
    samples[i].tokens.insert(samples[i].tokens.end(), own.begin(), own.end());
  }
  driver.forward({{&samples[0], 1}, {&samples[1], 3}, {&samples[2], 2}});  // so that positions differ
  const auto outputs = driver.forward({{&stranger, 1}, {&samples[0], 1}, {&samples[1], 1}, {&samples[2], 1}});
  expect_logits(outputs[0], first(stranger));
  for (std::size_t i = 0; i < samples.size(); ++i) expect_logits(outputs[i + 1], first(samples[i]));
}

INSTANTIATE_TEST_SUITE_P(Models, DeviceDecoderOf,
                         testing::Values(std::pair{"llama", at::kFloat}, std::pair{"llama", at::kBFloat16}, std::pair{"qwen3", at::kFloat},
                                         std::pair{"biased", at::kBFloat16}, std::pair{"window", at::kFloat}, std::pair{"yarn", at::kFloat}));

TEST(DeviceDecoder, GivesTheScoresOfAnotherHead) {
  const c10::NoGradGuard no_gradients;
  const auto trunk = lively(config_of("llama"), at::kFloat);
  const auto decoder = std::make_shared<const Decoder>(*with_head(*trunk, {.kind = HeadKind::kReward, .num_labels = 1, .seed = 4}));
  const auto tokens = random_ids(2, 40);
  const std::vector<std::int64_t> last{39};
  PageDriver driver(make_device_decoder(decoder, emulated::kernels()), 100);
  EXPECT_NEAR(driver.whole(tokens)[0], decoder->scores(single_sequence(tokens), last)[0][0].item<double>(), 1e-4);
}

TEST(DeviceDecoder, ARowThroughTheKernelsEqualsTheReference) {
  const c10::NoGradGuard no_gradients;
  for (const char* kind : {"llama", "qwen3", "window"}) {
    const DecoderConfig config = config_of(kind);
    const auto decoder = lively(config, at::kFloat);
    base::RandomStream random(9, "row");
    TokenRow row;
    const auto prompt = row.add_segment(-1, random_tokens(random, 60, 40));
    for (const std::int64_t length : {20, 11}) row.add_segment(prompt, random_tokens(random, length, 40));
    const auto planned = make_device_row(visible_pieces(row, config.sliding_window), row.num_tokens(), config.sliding_window, 2, at::kFloat, at::kCPU, emulated::kernels());
    const at::Tensor got = decoder->hidden_with(row.tokens, row.positions, [&](std::size_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      return attend_on_device(q, k, v, planned);
    });
    const at::Tensor want = decoder->hidden(row, AttentionPath::kDense);
    EXPECT_LT(((got - want).abs().max() / want.abs().max()).item<double>(), 2e-5) << kind;
  }
}

TEST(DeviceDecoder, HeadsOfOddSizesAreLeftToLibTorch) {
  DecoderConfig config = config_of("llama");
  EXPECT_TRUE(heads_fit_kernels(config));
  config.head_dim = 136;
  EXPECT_FALSE(heads_fit_kernels(config));
  config.head_dim = 20;
  EXPECT_FALSE(heads_fit_kernels(config));
  config.head_dim = 64;
  config.num_heads = 64;
  EXPECT_FALSE(heads_fit_kernels(config));
}

}  // namespace
}  // namespace drover::model
