#include "model/trained/trained_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "model/heads.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"

namespace drover::model {
namespace {

using at::Tensor;

DecoderConfig config_of(std::string_view kind) {
  DecoderConfig config = tiny_config(70);
  if (kind == "qwen3") {
    config.architecture = Architecture::kQwen3;
    config.qk_norm = true;
  }
  if (kind == "biased") config.attention_bias = config.attention_output_bias = config.mlp_bias = true;
  if (kind == "window") config.sliding_window = 5;
  if (kind == "untied") config.tied_embeddings = false;
  if (kind == "wide") {  // whole panels, and more than one
    config.hidden_size = 128;
    config.head_dim = 64;
    config.intermediate_size = 192;
  }
  if (kind == "long head") config.head_dim = 96;
  return config;
}

// A tiny decoder whose parameters are large enough that attention is far from even.
Decoder lively_decoder(const DecoderConfig& config, HeadKind head = HeadKind::kLanguage) {
  auto random = random_decoder(config, 1);
  if (head != HeadKind::kLanguage) random = with_head(*random, {.kind = head, .num_labels = head == HeadKind::kClasses ? 3 : 1, .seed = 5});
  const double size = 6.0 * std::sqrt(32.0 / static_cast<double>(config.hidden_size));
  NamedTensors parameters;
  at::manual_seed(3);
  for (const auto& [name, tensor] : random->parameters()) {
    parameters.emplace_back(name, tensor.dim() == 1 ? tensor + 0.3 * at::randn_like(tensor) : tensor * size);
  }
  return Decoder(random->config(), std::move(parameters));
}

// A different weight for each output, so that mixed-up gradients show.
Tensor output_gradients(const Tensor& outputs) { return at::cos(at::arange(outputs.numel()).to(at::kFloat) * 1.7).view(outputs.sizes()); }

// LibTorch's autograd over the same decoder: outputs and gradients, the plainly right path.
struct Reference {
  Tensor outputs;
  NamedTensors gradients;
};
Reference reference(const Decoder& start, const std::vector<TokenRow>& rows) {
  NamedTensors leaves;
  for (const auto& [name, tensor] : start.parameters()) leaves.emplace_back(name, tensor.detach().clone().set_requires_grad(true));
  const Decoder decoder(start.config(), leaves);
  Reference found;
  std::vector<Tensor> all;
  for (const TokenRow& row : rows) {
    std::vector<std::int64_t> positions;
    for (const auto& entry : row.learned) positions.push_back(entry.position);
    const Tensor outputs = start.config().head.kind == HeadKind::kLanguage ? decoder.log_probs(row, AttentionPath::kDense)
                                                                           : decoder.scores(row, positions, AttentionPath::kDense);
    if (outputs.numel() > 0) (outputs * output_gradients(outputs)).sum().backward();
    all.push_back(outputs.detach());
  }
  found.outputs = at::cat(all);
  for (const auto& [name, leaf] : leaves) found.gradients.emplace_back(name, leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf));
  return found;
}

double relative_error(const Tensor& value, const Tensor& expected) {
  const double size = expected.to(at::kDouble).norm().item<double>();
  return (value.to(at::kDouble) - expected.to(at::kDouble)).norm().item<double>() / std::max(size, 1e-3);
}

void expect_like_autograd(const Decoder& start, const std::vector<TokenRow>& rows, const TrainedDecoderOptions& options, double tolerance) {
  const Reference expected = reference(start, rows);
  const auto trained = TrainedDecoder::make(start, options);
  trained->clear_gradients();
  std::vector<Tensor> all;
  for (const TokenRow& row : rows) {
    all.push_back(trained->forward(row));
    trained->backward(output_gradients(all.back()));
  }
  EXPECT_LT(relative_error(at::cat(all), expected.outputs), tolerance);
  const NamedTensors gradients = trained->read(Kept::kGradient);
  ASSERT_EQ(gradients.size(), expected.gradients.size());
  double squares = 0.0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    EXPECT_EQ(gradients[i].first, expected.gradients[i].first);
    EXPECT_LT(relative_error(gradients[i].second, expected.gradients[i].second), 4 * tolerance) << gradients[i].first;
    squares += expected.gradients[i].second.to(at::kDouble).square().sum().item<double>();
  }
  EXPECT_NEAR(trained->gradient_norm() / std::sqrt(squares), 1.0, tolerance);
}

std::vector<TokenRow> random_rows(std::uint64_t seed, std::int64_t count) {
  base::RandomStream random(seed, "rows");
  std::vector<TokenRow> rows;
  for (std::int64_t i = 0; i < count; ++i) rows.push_back(random_row(random, 70));
  return rows;
}

// A prompt with three replies, each longer than a block of attention, and a second tree behind it.
TokenRow long_row() {
  base::RandomStream random(9, "long");
  TokenRow row;
  const auto add = [&](std::int32_t parent, std::int64_t length) {
    const std::int32_t segment = row.add_segment(parent, random_tokens(random, length, 70));
    if (parent >= 0) {
      for (std::int64_t t = row.segments.back().begin; t < row.segments.back().end; ++t) {
        const std::int64_t before = t == row.segments.back().begin ? row.position_before(segment) : t - 1;
        row.learned.push_back({.position = before, .target = row.tokens[static_cast<std::size_t>(t)], .weight = 1.0F, .response = segment});
      }
    }
    return segment;
  };
  const auto prompt = add(-1, 150);
  for (const std::int64_t length : {70, 129, 3}) add(prompt, length);
  add(add(-1, 65), 64);
  return row;
}

class OutputsAndGradientsEqualAutograds : public testing::TestWithParam<std::string_view> {};

TEST_P(OutputsAndGradientsEqualAutograds, InFloat32) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_like_autograd(start, random_rows(4, 6), {.compute_type = ComputeType::kFloat32}, 2e-5);
}
TEST_P(OutputsAndGradientsEqualAutograds, InFloat32OverLongRows) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_like_autograd(start, {long_row()}, {.compute_type = ComputeType::kFloat32}, 2e-5);
}
TEST_P(OutputsAndGradientsEqualAutograds, InBFloat16WithinItsRounding) {
  const Decoder start = lively_decoder(config_of(GetParam())).to(at::kBFloat16, at::kCPU).to(at::kFloat, at::kCPU);
  expect_like_autograd(start, {long_row()}, {.compute_type = ComputeType::kBFloat16}, 2e-2);
}
TEST_P(OutputsAndGradientsEqualAutograds, WhenLayersAreComputedAgain) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_like_autograd(start, random_rows(5, 3), {.compute_type = ComputeType::kFloat32, .recompute_layers = true}, 2e-5);
}
const auto kShapes = testing::Values("llama", "qwen3", "biased", "window", "untied", "wide", "long head");
std::string name_of_shape(const testing::TestParamInfo<std::string_view>& info) {
  std::string name(info.param);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Shapes, OutputsAndGradientsEqualAutograds, kShapes, name_of_shape);

// An adapter in the middle of its training: B is no longer zero.
Adapter lively_adapter(const Decoder& start, const LoraOptions& options) {
  Adapter adapter = fresh_adapter(start, options, 11);
  at::manual_seed(12);
  for (auto& pair : adapter.pairs) pair.b = 0.3 * at::randn_like(pair.b);
  return adapter;
}

// LibTorch's autograd over the frozen decoder with the pairs beside its weights.
Reference adapted_reference(const Decoder& start, const Adapter& adapter, const std::vector<TokenRow>& rows) {
  NamedTensors leaves;
  for (const auto& [name, tensor] : tensors_of(adapter)) leaves.emplace_back(name, tensor.detach().clone().set_requires_grad(true));
  const Adapter learning = with_tensors(adapter, leaves);
  NamedTensors parameters = start.parameters();
  for (auto& [name, tensor] : parameters) {
    for (const auto& [whole, leaf] : learning.whole) {
      if (name == whole) tensor = leaf;
    }
  }
  const Decoder decoder(start.config(), parameters, learning.pairs);
  Reference found;
  std::vector<Tensor> all;
  for (const TokenRow& row : rows) {
    std::vector<std::int64_t> positions;
    for (const auto& entry : row.learned) positions.push_back(entry.position);
    const Tensor outputs = start.config().head.kind == HeadKind::kLanguage ? decoder.log_probs(row, AttentionPath::kDense)
                                                                           : decoder.scores(row, positions, AttentionPath::kDense);
    if (outputs.numel() > 0) (outputs * output_gradients(outputs)).sum().backward();
    all.push_back(outputs.detach());
  }
  found.outputs = at::cat(all);
  for (const auto& [name, leaf] : leaves) found.gradients.emplace_back(name, leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf));
  return found;
}

void expect_adapter_like_autograd(const Decoder& start, const LoraOptions& lora, const std::vector<TokenRow>& rows, const TrainedDecoderOptions& options,
                                  double tolerance) {
  const Adapter adapter = lively_adapter(start, lora);
  const Reference expected = adapted_reference(start, adapter, rows);
  const auto trained = TrainedDecoder::make(start, options, &adapter);
  trained->clear_gradients();
  std::vector<Tensor> all;
  for (const TokenRow& row : rows) {
    all.push_back(trained->forward(row));
    trained->backward(output_gradients(all.back()));
  }
  EXPECT_LT(relative_error(at::cat(all), expected.outputs), tolerance);
  const NamedTensors gradients = trained->read(Kept::kGradient);
  ASSERT_EQ(gradients.size(), expected.gradients.size());
  double squares = 0.0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    EXPECT_EQ(gradients[i].first, expected.gradients[i].first);
    EXPECT_LT(relative_error(gradients[i].second, expected.gradients[i].second), 4 * tolerance) << gradients[i].first;
    squares += expected.gradients[i].second.to(at::kDouble).square().sum().item<double>();
  }
  EXPECT_NEAR(trained->gradient_norm() / std::sqrt(squares), 1.0, tolerance);
}

class AdaptersGradientsEqualAutograds : public testing::TestWithParam<std::string_view> {};

TEST_P(AdaptersGradientsEqualAutograds, InFloat32) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_adapter_like_autograd(start, {.rank = 4}, random_rows(4, 6), {.compute_type = ComputeType::kFloat32}, 2e-5);
}
TEST_P(AdaptersGradientsEqualAutograds, InFloat32OverLongRowsWithRanksThatFillMoreThanAPanel) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_adapter_like_autograd(start, {.rank = 24, .alpha = 7.0}, {long_row()}, {.compute_type = ComputeType::kFloat32}, 2e-5);
}
TEST_P(AdaptersGradientsEqualAutograds, InBFloat16WithinItsRounding) {
  const Decoder start = lively_decoder(config_of(GetParam())).to(at::kBFloat16, at::kCPU).to(at::kFloat, at::kCPU);
  expect_adapter_like_autograd(start, {.rank = 4}, {long_row()}, {.compute_type = ComputeType::kBFloat16}, 2e-2);
}
TEST_P(AdaptersGradientsEqualAutograds, WhenLayersAreComputedAgain) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_adapter_like_autograd(start, {.rank = 2}, random_rows(5, 3), {.compute_type = ComputeType::kFloat32, .recompute_layers = true}, 2e-5);
}
TEST_P(AdaptersGradientsEqualAutograds, OfSomeTargets) {
  const Decoder start = lively_decoder(config_of(GetParam()));
  expect_adapter_like_autograd(start, {.rank = 3, .targets = {"q_proj", "v_proj", "down_proj"}}, random_rows(7, 3), {.compute_type = ComputeType::kFloat32}, 2e-5);
}
INSTANTIATE_TEST_SUITE_P(Shapes, AdaptersGradientsEqualAutograds, kShapes, name_of_shape);

TEST(TrainedDecoder, TeachesEveryKindOfHeadWholeBesideAnAdapter) {
  for (const HeadKind kind : {HeadKind::kReward, HeadKind::kSteps, HeadKind::kClasses}) {
    const Decoder start = lively_decoder(config_of("llama"), kind);
    expect_adapter_like_autograd(start, {.rank = 4}, random_rows(6, 4), {.compute_type = ComputeType::kFloat32}, 2e-5);
  }
}

TEST(TrainedDecoder, AFreshAdapterChangesNoBitOfTheOutputs) {
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const Decoder start = lively_decoder(config_of("llama"));
    const Adapter adapter = fresh_adapter(start, {.rank = 4}, 1);
    EXPECT_TRUE(at::equal(TrainedDecoder::make(start, {.compute_type = type}, &adapter)->forward(long_row()),
                          TrainedDecoder::make(start, {.compute_type = type})->forward(long_row())));
  }
}

TEST(TrainedDecoder, UnderAnAdapterItHoldsWeightsAloneInsteadOfMastersGradientsAndMoments) {
  DecoderConfig config = tiny_config(70, 512);
  config.intermediate_size = 1024;
  config.head_dim = 128;
  const auto start = random_decoder(config, 1);
  const Adapter adapter = fresh_adapter(*start, {.rank = 4}, 1);
  EXPECT_LT(5 * TrainedDecoder::make(*start, {}, &adapter)->parameter_bytes(), TrainedDecoder::make(*start, {})->parameter_bytes());
}

TEST(TrainedDecoder, UnderAnAdapterItTakesStepsReadsAndWritesWhatLearnsAndLeavesTheTrunkAlone) {
  const Decoder start = lively_decoder(config_of("untied"), HeadKind::kReward);
  const Adapter adapter = lively_adapter(start, {.rank = 4});
  const auto trained = TrainedDecoder::make(start, {.compute_type = ComputeType::kFloat32}, &adapter);
  const auto begin = trained->read(Kept::kMaster);
  const auto expected = tensors_of(adapter);
  for (std::size_t i = 0; i < begin.size(); ++i) EXPECT_TRUE(at::equal(begin[i].second, expected[i].second)) << begin[i].first;
  trained->clear_gradients();
  trained->backward(output_gradients(trained->forward(long_row())));
  // AdamW's first step of rate r moves each number by r against its gradient's sign.
  trained->update({.beta1 = 0.9F, .beta2 = 0.999F, .epsilon = 1e-12F, .rate = 1e-2F / 0.1F, .root_correction = 1.0F / std::sqrt(0.001F)});
  const auto after = trained->read(Kept::kMaster), gradients = trained->read(Kept::kGradient);
  for (std::size_t i = 0; i < after.size(); ++i) {
    const Tensor moved = after[i].second - begin[i].second;
    EXPECT_LT((moved + 1e-2 * gradients[i].second.sign()).abs().max().item<double>(), 1e-5) << after[i].first;
  }
  const auto weights = trained->read(Kept::kWeights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(at::equal(weights[i].second, start.parameters()[i].second), weights[i].first != "score.weight") << weights[i].first;
  }
  const Tensor outputs = trained->outputs(long_row());
  trained->write(Kept::kMaster, begin);
  EXPECT_FALSE(at::equal(trained->outputs(long_row()), outputs));
  trained->write(Kept::kMaster, after);
  EXPECT_TRUE(at::equal(trained->outputs(long_row()), outputs));
}

TEST(TrainedDecoder, TeachesEveryKindOfHead) {
  for (const HeadKind kind : {HeadKind::kReward, HeadKind::kSteps, HeadKind::kClasses}) {
    const Decoder start = lively_decoder(config_of("llama"), kind);
    expect_like_autograd(start, random_rows(6, 4), {.compute_type = ComputeType::kFloat32}, 2e-5);
  }
}

TEST(TrainedDecoder, HeadsLargerThanTheKernelsTakeAreRefused) {
  DecoderConfig config = tiny_config(70);
  config.head_dim = 1026;
  const auto start = random_decoder(config, 1);
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    EXPECT_THROW(TrainedDecoder::make(*start, {.compute_type = type}), base::UserError);
  }
}

TEST(TrainedDecoder, OutputsAreThoseOfForwardAndLeaveGradientsAlone) {
  const Decoder start = lively_decoder(config_of("llama"));
  const auto trained = TrainedDecoder::make(start, {.compute_type = ComputeType::kBFloat16});
  const TokenRow row = long_row();
  trained->clear_gradients();
  const Tensor outputs = trained->outputs(row);
  EXPECT_EQ(trained->gradient_norm(), 0.0);
  EXPECT_TRUE(at::equal(outputs, trained->forward(row)));
}

TEST(TrainedDecoder, ReadsBackTheMastersItWasGivenBitForBit) {
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const Decoder start = lively_decoder(config_of("biased"));
    const auto trained = TrainedDecoder::make(start, {.compute_type = type});
    const NamedTensors masters = trained->read(Kept::kMaster);
    const NamedTensors weights = trained->read(Kept::kWeights);
    for (std::size_t i = 0; i < masters.size(); ++i) {
      EXPECT_EQ(masters[i].first, start.parameters()[i].first);
      EXPECT_TRUE(at::equal(masters[i].second, start.parameters()[i].second)) << masters[i].first;
      EXPECT_TRUE(type == ComputeType::kFloat32 ? at::equal(weights[i].second, masters[i].second)
                                                : at::equal(weights[i].second, masters[i].second.to(at::kBFloat16)))
          << masters[i].first;
    }
  }
}

}  // namespace
}  // namespace drover::model
