#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/random_decoder.h"
#include "model/random_row_test.h"
#include "model/trained/trained_decoder.h"

namespace drover::model {
namespace {

using at::Tensor;

// Parameters large enough that attention is far from even.
Decoder lively_decoder(DecoderConfig config) {
  NamedTensors parameters;
  at::manual_seed(3);
  const auto random = random_decoder(config, 1);
  for (const auto& [name, tensor] : random->parameters()) {
    parameters.emplace_back(name, tensor.dim() == 1 ? tensor + 0.3 * at::randn_like(tensor) : tensor * 6.0);
  }
  return Decoder(config, std::move(parameters));
}

// Trees of one prompt each with replies; each learned position carries a derivative of its own as its weight.
std::vector<TokenRow> some_trees() {
  base::RandomStream random(11, "trees");
  std::vector<TokenRow> trees;
  for (int i = 0; i < 12; ++i) {
    TokenRow tree;
    tree.add_segment(-1, random_tokens(random, 1 + static_cast<std::int64_t>(random.below(90)), 70));
    for (std::uint64_t reply = 0; reply < 1 + random.below(3); ++reply) {
      const std::int32_t segment = tree.add_segment(0, random_tokens(random, 1 + static_cast<std::int64_t>(random.below(80)), 70));
      std::int64_t before = tree.position_before(segment);
      for (std::int64_t t = tree.segments.back().begin; t < tree.segments.back().end; before = t++) {
        tree.learned.push_back({.position = before, .target = tree.tokens[static_cast<std::size_t>(t)],
                                .weight = static_cast<float>(std::cos(static_cast<double>(17 * i + t))), .response = static_cast<std::int32_t>(reply)});
      }
    }
    trees.push_back(std::move(tree));
  }
  return trees;
}

NamedTensors gradients(TrainedDecoder& decoder, const std::vector<TokenRow>& rows) {
  decoder.clear_gradients();
  for (const TokenRow& row : rows) {
    std::vector<float> weights;
    for (const auto& entry : row.learned) weights.push_back(entry.weight);
    decoder.forward(row);
    decoder.backward(at::tensor(weights));
  }
  return decoder.read(Kept::kGradient);
}

double largest_difference(const NamedTensors& a, const NamedTensors& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double size = b[i].second.norm().item<double>();
    EXPECT_GT(size, 0.0) << b[i].first;
    largest = std::max(largest, (a[i].second - b[i].second).norm().item<double>() / size);
  }
  return largest;
}

TEST(Packing, ChangesGradientsByNoMoreThanRounding) {
  DecoderConfig windowed = tiny_config(70);
  windowed.sliding_window = 40;
  for (const DecoderConfig& config : {tiny_config(70), windowed}) {
    const auto decoder = TrainedDecoder::make(lively_decoder(config), {.compute_type = ComputeType::kFloat32});
    std::vector<TokenRow> trees = some_trees();
    const NamedTensors apart = gradients(*decoder, trees);
    const auto one_row = pack(trees, 1'000'000);
    ASSERT_EQ(one_row.rows.size(), 1U);
    EXPECT_LT(largest_difference(gradients(*decoder, one_row.rows), apart), 1e-5) << "all in one row";
    const auto some_rows = pack(trees, 400);
    ASSERT_GT(some_rows.rows.size(), 2U);
    EXPECT_LT(largest_difference(gradients(*decoder, some_rows.rows), apart), 1e-5) << "in some rows";
    std::reverse(trees.begin(), trees.end());
    EXPECT_LT(largest_difference(gradients(*decoder, trees), apart), 1e-5) << "in another order";
  }
}

TEST(Packing, GradientsRepeatBitForBit) {
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const auto decoder = TrainedDecoder::make(lively_decoder(tiny_config(70)), {.compute_type = type});
    const auto rows = pack(some_trees(), 400).rows;
    const NamedTensors once = gradients(*decoder, rows);
    gradients(*decoder, some_trees());  // leaves nothing behind
    const NamedTensors again = gradients(*decoder, rows);
    for (std::size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(at::equal(once[i].second, again[i].second)) << once[i].first;
  }
}

TEST(TrainedDecoderUpdate, DecaysMatricesAndNothingElse) {
  DecoderConfig config = tiny_config(70);
  config.tied_embeddings = false;
  config.attention_bias = config.mlp_bias = true;
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const Decoder start = lively_decoder(config);
    const auto decoder = TrainedDecoder::make(start, {.compute_type = type});
    decoder->clear_gradients();
    decoder->update({.beta1 = 0.9F, .beta2 = 0.95F, .epsilon = 1e-8F, .decay = 0.5F, .rate = 0.1F});
    const NamedTensors masters = decoder->read(Kept::kMaster);
    for (std::size_t i = 0; i < masters.size(); ++i) {
      const Tensor& before = start.parameters()[i].second;
      EXPECT_TRUE(at::equal(masters[i].second, before.dim() > 1 ? before * 0.5 : before)) << masters[i].first;
    }
  }
}

}  // namespace
}  // namespace drover::model
