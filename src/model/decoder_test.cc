#include "model/decoder.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/head_log_probs.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"

namespace drover::model {
namespace {

using ::testing::HasSubstr;

// A tiny decoder whose parameters are large enough that attention is far from even, as leaves that take gradients.
Decoder lively_decoder(DecoderConfig config, std::uint64_t seed) {
  NamedTensors parameters;
  const auto random = random_decoder(config, seed);
  for (const auto& [name, tensor] : random->parameters()) {
    at::Tensor scaled = tensor.dim() == 1 ? tensor.clone() : tensor * 12.0;
    parameters.emplace_back(name, scaled.set_requires_grad(true));
  }
  return Decoder(std::move(config), std::move(parameters));
}

DecoderConfig config_of(std::string_view kind) {
  DecoderConfig config = tiny_config(40);
  if (kind == "qwen3") {
    config.architecture = Architecture::kQwen3;
    config.qk_norm = true;
  }
  if (kind == "biased") config.attention_bias = config.attention_output_bias = config.mlp_bias = true;
  if (kind == "window") config.sliding_window = 5;
  if (kind == "untied") config.tied_embeddings = false;
  return config;
}

// Every path from a root to a leaf as a row of its own, with the learned entries of the leaf's segment only.
TokenRow path_row(const TokenRow& row, std::int32_t segment) {
  std::vector<text::TokenId> tokens;
  for (const std::int32_t s : path_to(row, segment)) {
    const Segment& part = row.segments[static_cast<std::size_t>(s)];
    tokens.insert(tokens.end(), row.tokens.begin() + part.begin, row.tokens.begin() + part.end);
  }
  TokenRow path = single_sequence(tokens);
  const Segment& own = row.segments[static_cast<std::size_t>(segment)];
  const std::int64_t length = own.end - own.begin;
  for (std::int64_t t = path.num_tokens() - length; t < path.num_tokens(); ++t) {
    if (t > 0) path.learned.push_back({.position = t - 1, .target = tokens[static_cast<std::size_t>(t)]});
  }
  return path;
}

// A different weight for each learned entry, so that mixed-up gradients show.
at::Tensor weights_for(std::int64_t count, std::int64_t offset) { return at::cos(at::arange(offset, offset + count).to(at::kFloat) * 1.7); }

std::vector<at::Tensor> gradients_of(const Decoder& decoder) {
  std::vector<at::Tensor> gradients;
  for (const auto& [name, tensor] : decoder.parameters()) {
    gradients.push_back(tensor.grad().defined() ? tensor.grad().clone() : at::zeros_like(tensor));
    at::Tensor leaf = tensor;
    leaf.mutable_grad().reset();
  }
  return gradients;
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0.0;
  const double scale = b.abs().max().item<double>();
  const double difference = (a - b).abs().max().item<double>();
  return scale == 0.0 ? difference : difference / scale;
}

class TreeRows : public ::testing::TestWithParam<std::tuple<const char*, AttentionPath>> {};

TEST_P(TreeRows, EqualSeparateRowsInOutputsAndGradients) {
  const auto [kind, path] = GetParam();
  const Decoder decoder = lively_decoder(config_of(kind), 3);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    base::RandomStream random(seed, "trees");
    const TokenRow row = random_row(random, 40);
    if (row.learned.empty()) continue;
    const at::Tensor together = decoder.log_probs(row, path);
    (together * weights_for(together.numel(), 0)).sum().backward();
    const std::vector<at::Tensor> tree_gradients = gradients_of(decoder);

    std::vector<at::Tensor> parts;
    at::Tensor loss = at::zeros({});
    std::int64_t done = 0;
    for (std::int32_t s = 0; s < static_cast<std::int32_t>(row.segments.size()); ++s) {
      const TokenRow separate = path_row(row, s);
      if (separate.learned.empty()) continue;
      parts.push_back(decoder.log_probs(separate, AttentionPath::kDense));
      loss = loss + (parts.back() * weights_for(parts.back().numel(), done)).sum();
      done += parts.back().numel();
    }
    loss.backward();
    const std::vector<at::Tensor> separate_gradients = gradients_of(decoder);
    EXPECT_LT(relative(together.detach(), at::cat(parts).detach()), 1e-5) << "seed " << seed;
    for (std::size_t i = 0; i < tree_gradients.size(); ++i) {
      EXPECT_LT(relative(tree_gradients[i], separate_gradients[i]), 1e-4) << "seed " << seed << ", " << decoder.parameters()[i].first;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TreeRows,
                         ::testing::Combine(::testing::Values("llama", "qwen3", "biased", "window", "untied"),
                                            ::testing::Values(AttentionPath::kBlocks, AttentionPath::kDense)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) == AttentionPath::kBlocks ? "Blocks" : "Dense");
                         });

TEST(Decoder, BlocksEqualTheDenseMaskInBfloat16UpToItsRounding) {
  const Decoder decoder = lively_decoder(config_of("llama"), 3).to(at::kBFloat16, at::kCPU);
  base::RandomStream random(4, "trees");
  TokenRow row;
  const auto prompt = row.add_segment(-1, random_tokens(random, 60, 40));
  for (int i = 0; i < 3; ++i) row.add_segment(prompt, random_tokens(random, 30, 40));
  const at::Tensor blocks = decoder.hidden(row, AttentionPath::kBlocks).to(at::kFloat);
  EXPECT_LT(relative(blocks, decoder.hidden(row, AttentionPath::kDense).to(at::kFloat)), 3e-2);
}

TEST(Decoder, RowsWithoutTokensHaveNoOutputs) {
  const Decoder decoder = lively_decoder(config_of("llama"), 3);
  EXPECT_EQ(decoder.hidden(TokenRow{}).sizes(), (at::IntArrayRef{0, 32}));
  EXPECT_EQ(decoder.log_probs(TokenRow{}).numel(), 0);
}

TEST(Decoder, FaultsNameTheTensor) {
  const DecoderConfig config = config_of("llama");
  const auto decoder = random_decoder(config, 1);
  const NamedTensors& good = decoder->parameters();
  const auto fault = [&](auto&& change) -> std::string {
    NamedTensors parameters = good;
    change(parameters);
    try {
      const Decoder changed(config, parameters);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(fault([](NamedTensors& p) { p.pop_back(); }), HasSubstr("'model.norm.weight' is missing"));
  EXPECT_THAT(fault([](NamedTensors& p) { p.emplace_back("lm_head.weight", at::zeros({40, 32})); }), HasSubstr("'lm_head.weight' is surplus"));
  EXPECT_THAT(fault([](NamedTensors& p) { p[0].second = at::zeros({41, 32}); }), HasSubstr("'model.embed_tokens.weight' has shape [41, 32]"));
  EXPECT_THAT(fault([](NamedTensors& p) { p[1].second = at::zeros({32}, at::kDouble); }), HasSubstr("input_layernorm.weight' has the type Double"));
}

TEST(HeadLogProbs, EqualLogSoftmaxInValuesAndGradients) {
  // 5,000 rows are more than one chunk of logits holds (4,096), so chunks meet.
  const at::Tensor hidden = at::sin(at::arange(5000 * 8).to(at::kFloat)).view({5000, 8}).set_requires_grad(true);
  const at::Tensor weight = at::cos(at::arange(24 * 8).to(at::kFloat) * 0.7).view({24, 8}).set_requires_grad(true);
  const at::Tensor targets = at::arange(5000).remainder(24);
  const at::Tensor scale = weights_for(5000, 0);
  const at::Tensor want = at::log_softmax(at::linear(hidden, weight), 1).gather(1, targets.unsqueeze(1)).squeeze(1);
  (want * scale).sum().backward();
  const at::Tensor want_hidden = hidden.grad().clone(), want_weight = weight.grad().clone();
  hidden.mutable_grad().reset();
  weight.mutable_grad().reset();
  const at::Tensor got = head_log_probs(hidden, weight, targets);
  (got * scale).sum().backward();
  EXPECT_LT(relative(got.detach(), want.detach()), 1e-5);
  EXPECT_LT(relative(hidden.grad(), want_hidden), 1e-5);
  EXPECT_LT(relative(weight.grad(), want_weight), 1e-5);
}

}  // namespace
}  // namespace drover::model
