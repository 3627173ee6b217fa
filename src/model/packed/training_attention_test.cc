#include <gtest/gtest.h>

#include <random>

#include "model/packed/training_kernels_test.h"

namespace drover::model {
namespace {

using at::Tensor;

template <typename Element>
class TrainingAttentionFor : public testing::Test {
 protected:
  // bfloat16 rounds weights and results to 8 bits.
  static constexpr double kTolerance = std::is_same_v<Element, float> ? 2e-5 : 2e-2;
};
using Elements = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(TrainingAttentionFor, Elements);

// Queries that see random ranges of six blocks of keys, and attention over them by ATen in double.
template <typename Element>
struct Case {
  static constexpr std::int64_t kBlocks = 6;
  Case(std::int64_t rows, std::int64_t head_dim, double size) : rows(rows), dim(head_dim) {
    at::manual_seed(rows + head_dim);
    queries = (at::randn({rows, dim}) * size).to(kTypeOf<Element>);
    keys = at::randn({kBlocks * 64, dim}).to(kTypeOf<Element>);
    values = at::randn({kBlocks * 64, dim}).to(kTypeOf<Element>);
    out_gradients = at::randn({rows, dim}).to(kTypeOf<Element>);
    std::mt19937 random(static_cast<unsigned>(rows));
    const auto below = [&](std::int64_t count) { return static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(count)); };
    hidden = at::ones({rows, kBlocks * 64}, at::kBool);
    begins.assign(kBlocks * 64, 0);
    ends.assign(kBlocks * 64, 0);
    for (std::int64_t j = 0; j < kBlocks; ++j) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto at = static_cast<std::size_t>(j * 64 + r);
        const int kind = j + 1 == kBlocks ? 2 : below(4);  // nothing, all, up to some key, a window; something in the last block
        if (kind == 1) ends[at] = 64;
        if (kind >= 2) ends[at] = 1 + below(64);
        if (kind == 3) begins[at] = below(ends[at] + 1);
        hidden[r].slice(0, order[j] * 64 + begins[at], order[j] * 64 + ends[at]).fill_(false);
      }
    }
    Tensor q = queries.to(at::kDouble).set_requires_grad(true), k = keys.to(at::kDouble).set_requires_grad(true),
           v = values.to(at::kDouble).set_requires_grad(true);
    const Tensor scores = (at::matmul(q, k.t()) * scale).masked_fill(hidden, -1e300);
    log_sums = at::logsumexp(scores.detach(), 1);
    out = at::matmul(at::softmax(scores, 1), v);
    out.backward(out_gradients.to(at::kDouble));
    out = out.detach();
    q_gradient = q.grad(), k_gradient = k.grad(), v_gradient = v.grad();
  }
  std::int64_t rows, dim;
  double scale = 0.15;
  std::vector<std::int32_t> order{4, 0, 3, 5, 1, 2};  // in which the blocks are read
  std::vector<std::int32_t> begins, ends;
  Tensor queries, keys, values, out_gradients, hidden, log_sums, out, q_gradient, k_gradient, v_gradient;
};

template <typename Element>
void expect_attends(const TrainingKernels<Element>& kernels, const Case<Element>& c, double tolerance) {
  const Tensor key_panels = as_panels<Element>(c.keys);
  const Tensor value_pairs = as_pairs<Element>(c.values);
  const Tensor out = at::full({c.rows, c.dim}, 7.0).to(kTypeOf<Element>), log_sums = at::empty({c.rows});
  std::vector<float> scratch(static_cast<std::size_t>(query_scratch(c.dim)), std::numeric_limits<float>::quiet_NaN());
  kernels.attend({.rows = c.rows, .head_dim = c.dim, .scale = static_cast<float>(c.scale), .queries = elements<Element>(c.queries),
                  .query_row = c.dim, .num_blocks = Case<Element>::kBlocks, .blocks = c.order.data(), .begins = c.begins.data(),
                  .ends = c.ends.data(), .keys = elements<Element>(key_panels), .values = elements<Element>(value_pairs),
                  .out = mutable_elements<Element>(out), .log_sums = mutable_floats(log_sums), .scratch = scratch.data()});
  EXPECT_LT(apart(out, c.out), tolerance) << kernels.name << ", " << c.rows << " x " << c.dim;
  EXPECT_LT(apart(log_sums, c.log_sums), 1e-5) << kernels.name << ", " << c.rows << " x " << c.dim;
}

TYPED_TEST(TrainingAttentionFor, AttendsToWhatEachQuerySees) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 7, 37, 64}) {
      for (const std::int64_t dim : {64, 128}) expect_attends(*kernels, Case<TypeParam>(rows, dim, 1.0), TestFixture::kTolerance);
    }
  }
}

TYPED_TEST(TrainingAttentionFor, ScoresInTheHundredsDoNotOverflow) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) expect_attends(*kernels, Case<TypeParam>(37, 64, 200.0), 10 * TestFixture::kTolerance);
}

TYPED_TEST(TrainingAttentionFor, GradientsLikeAutograd) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 7, 37, 64}) {
      for (const std::int64_t dim : {64, 128}) {
        const Case<TypeParam> c(rows, dim, 1.0);
        const Tensor query_pairs = as_pairs<TypeParam>(c.queries), gradient_pairs = as_pairs<TypeParam>(c.out_gradients);
        const Tensor key_panels = as_panels<TypeParam>(c.keys), value_panels = as_panels<TypeParam>(c.values), key_pairs = as_pairs<TypeParam>(c.keys);
        const Tensor log_sums = c.log_sums.to(at::kFloat), dots = (c.out * c.out_gradients).sum(1).to(at::kFloat);
        const Tensor dq = at::zeros({rows, dim}), dk = at::zeros({Case<TypeParam>::kBlocks * 64, dim}), dv = at::zeros_like(dk);
        std::vector<float> scratch(static_cast<std::size_t>(pair_scratch()), std::numeric_limits<float>::quiet_NaN());
        for (std::int64_t j = 0; j < Case<TypeParam>::kBlocks; ++j) {
          const std::int64_t block = c.order[static_cast<std::size_t>(j)] * 64 * dim;
          kernels->attend_backward({.rows = rows, .head_dim = dim, .scale = static_cast<float>(c.scale), .begins = c.begins.data() + j * 64,
                                    .ends = c.ends.data() + j * 64, .queries = elements<TypeParam>(c.queries),
                                    .out_gradients = elements<TypeParam>(c.out_gradients), .query_row = dim,
                                    .query_pairs = elements<TypeParam>(query_pairs), .out_gradient_pairs = elements<TypeParam>(gradient_pairs),
                                    .log_sums = floats(log_sums), .dots = floats(dots), .keys = elements<TypeParam>(key_panels) + block,
                                    .values = elements<TypeParam>(value_panels) + block, .key_pairs = elements<TypeParam>(key_pairs) + block,
                                    .query_gradients = mutable_floats(dq), .query_gradient_row = dim, .key_gradients = mutable_floats(dk) + block,
                                    .value_gradients = mutable_floats(dv) + block, .scratch = scratch.data()});
        }
        EXPECT_LT(apart(dq, c.q_gradient), TestFixture::kTolerance) << kernels->name << ", " << rows << " x " << dim;
        EXPECT_LT(apart(dk, c.k_gradient), TestFixture::kTolerance) << kernels->name << ", " << rows << " x " << dim;
        EXPECT_LT(apart(dv, c.v_gradient), TestFixture::kTolerance) << kernels->name << ", " << rows << " x " << dim;
      }
    }
  }
}

}  // namespace
}  // namespace drover::model
