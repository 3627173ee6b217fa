#include "model/cuda/device_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "model/attention.h"
#include "model/cuda/emulated_block.h"
#include "model/random_row_test.h"
#include "model/random_tensor.h"

namespace drover::model {
namespace {

using at::Tensor;

struct Shape {
  std::int64_t heads, kv_heads, head_dim;
};

struct Results {
  Tensor output, dq, dk, dv;
};

struct Given {
  Tensor q, k, v, gradient;
};

Given random_given(std::int64_t tokens, const Shape& shape, at::ScalarType type, std::uint64_t seed) {
  const auto draw = [&](const char* name, std::int64_t heads) { return normal_tensor({tokens, heads, shape.head_dim}, 1.0, base::RandomStream(seed, name)).to(type); };
  return {draw("q", shape.heads), draw("k", shape.kv_heads), draw("v", shape.kv_heads), draw("gradient", shape.heads)};
}

Results results_of(const Given& given, const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& attend) {
  const auto leaf = [](const Tensor& tensor) { return tensor.detach().clone().requires_grad_(true); };
  const Tensor q = leaf(given.q), k = leaf(given.k), v = leaf(given.v);
  const Tensor output = attend(q, k, v);
  output.backward(given.gradient.to(output.scalar_type()));
  return {output.detach(), q.grad(), k.grad(), v.grad()};
}

Results by_kernels(const Given& given, std::span<const VisiblePiece> pieces, std::int64_t window) {
  const auto row = make_device_row(pieces, given.q.size(0), window, given.q.size(1) / given.k.size(1), given.q.scalar_type(), at::kCPU, emulated::kernels());
  return results_of(given, [&](const Tensor& q, const Tensor& k, const Tensor& v) { return attend_on_device(q, k, v, row); });
}

// The reference in float32 over the same, rounded, numbers.
Results by_mask(const Given& given, const Tensor& mask) {
  const Given wide{given.q.to(at::kFloat), given.k.to(at::kFloat), given.v.to(at::kFloat), given.gradient.to(at::kFloat)};
  return results_of(wide, [&](const Tensor& q, const Tensor& k, const Tensor& v) { return attend_masked(q, k, v, mask); });
}

// Inputs are of size 1, and gradients differences of numbers of that size: where they cancel, their rounding stays.
double apart(const Tensor& a, const Tensor& b) {
  return (a.to(at::kFloat) - b).abs().max().item<double>() / std::max(b.abs().max().item<double>(), 1.0);
}

void expect_near(const Results& got, const Results& want, double tolerance, const std::string& what) {
  EXPECT_LT(apart(got.output, want.output), tolerance) << what;
  EXPECT_LT(apart(got.dq, want.dq), tolerance) << what;
  EXPECT_LT(apart(got.dk, want.dk), tolerance) << what;
  EXPECT_LT(apart(got.dv, want.dv), tolerance) << what;
}

// bfloat16 rounds the weights and the results: 8 bits.
double tolerance_of(at::ScalarType type) { return type == at::kFloat ? 2e-6 : 1e-2; }

/// The definition: own segment causally and ancestors, less than `window` positions back.
Tensor mask_of_row(const TokenRow& row, std::int64_t window) {
  Tensor mask = mask_of(attention_blocks(row), row.num_tokens(), row.num_tokens());
  if (window == 0) return mask;
  Tensor positions = at::empty({row.num_tokens()}, at::kInt);
  std::copy(row.positions.begin(), row.positions.end(), positions.mutable_data_ptr<std::int32_t>());
  return mask.logical_and((positions.unsqueeze(1) - positions.unsqueeze(0)) < window);
}

// Prompts with responses, and what is left over from tiles of any size.
TokenRow prompt_with_responses(std::initializer_list<std::int64_t> lengths) {
  base::RandomStream random(3, "row");
  TokenRow row;
  std::int32_t prompt = -1;
  for (const std::int64_t length : lengths) {
    const auto index = row.add_segment(prompt, random_tokens(random, length, 50));
    if (prompt < 0) prompt = index;
  }
  return row;
}

class DeviceAttentionOf : public testing::TestWithParam<std::tuple<at::ScalarType, Shape>> {};

TEST_P(DeviceAttentionOf, APromptWithResponsesEqualsTheMaskedReference) {
  const auto& [type, shape] = GetParam();
  for (const std::int64_t window : {0, 20}) {
    const TokenRow row = prompt_with_responses({40, 9, 26, 1});
    const Given given = random_given(row.num_tokens(), shape, type, 1);
    expect_near(by_kernels(given, visible_pieces(row, window), window), by_mask(given, mask_of_row(row, window)), tolerance_of(type), "window " + std::to_string(window));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DeviceAttentionOf,
                         testing::Combine(testing::Values(at::kFloat, at::kBFloat16),
                                          testing::Values(Shape{4, 2, 64}, Shape{3, 1, 8}, Shape{2, 2, 40}, Shape{1, 1, 80}, Shape{8, 1, 128}, Shape{7, 1, 96}, Shape{16, 1, 16})));

TEST(DeviceAttention, RandomTreesEqualTheMaskedReference) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    base::RandomStream random(seed, "device trees");
    const TokenRow row = random_row(random, 50);
    if (row.num_tokens() == 0) continue;
    const std::int64_t window = seed % 3 == 0 ? 0 : static_cast<std::int64_t>(seed % 7 + 1);
    const auto type = seed % 2 == 0 ? at::kFloat : at::kBFloat16;
    const Given given = random_given(row.num_tokens(), {4, 2, 16}, type, seed);
    expect_near(by_kernels(given, visible_pieces(row, window), window), by_mask(given, mask_of_row(row, window)), tolerance_of(type), "seed " + std::to_string(seed));
  }
}

TEST(DeviceAttention, TokensThatSeeNothingGetZerosAndGiveNone) {
  const Given given = random_given(50, {2, 1, 32}, at::kFloat, 4);
  const std::vector<VisiblePiece> pieces{{.query_begin = 20, .query_end = 30, .key_begin = 5, .key_end = 8, .diagonal = kAllVisible}};
  const Results got = by_kernels(given, pieces, 0);
  EXPECT_EQ(got.output.slice(0, 0, 20).abs().max().item<float>(), 0.0F);
  EXPECT_EQ(got.output.slice(0, 30).abs().max().item<float>(), 0.0F);
  EXPECT_EQ(got.dq.slice(0, 30).abs().max().item<float>(), 0.0F);
  EXPECT_EQ(got.dk.slice(0, 8).abs().max().item<float>(), 0.0F);
  EXPECT_GT(got.dv.slice(0, 5, 8).abs().max().item<float>(), 0.0F);
}

TEST(DeviceAttention, ScoresOfAnySizeStayFinite) {
  Given given = random_given(40, {2, 1, 32}, at::kFloat, 5);
  given.q = given.q * 300.0;
  const TokenRow row = prompt_with_responses({40});
  const Results got = by_kernels(given, visible_pieces(row, 0), 0);
  expect_near(got, by_mask(given, mask_of_row(row, 0)), 1e-4, "large scores");
}

// Threads that race would see other numbers in another order.
TEST(DeviceAttention, GivesTheSameBitsInWhateverOrderThreadsRun) {
  const TokenRow row = prompt_with_responses({70, 9, 33, 1});
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const Given given = random_given(row.num_tokens(), {4, 2, 32}, type, 6);
    const Results first = by_kernels(given, visible_pieces(row, 0), 0);
    for (const auto order : {emulated::ThreadOrder::kFalling, emulated::ThreadOrder::kMixed}) {
      emulated::thread_order() = order;
      const Results again = by_kernels(given, visible_pieces(row, 0), 0);
      EXPECT_TRUE(at::equal(first.output, again.output));
      EXPECT_TRUE(at::equal(first.dq, again.dq));
      EXPECT_TRUE(at::equal(first.dk, again.dk));
      EXPECT_TRUE(at::equal(first.dv, again.dv));
    }
    emulated::thread_order() = emulated::ThreadOrder::kRising;
  }
}

}  // namespace
}  // namespace drover::model
