#include "model/packed/training_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/packed/training_kernels_test.h"

namespace drover::model {
namespace {

using at::Tensor;

template <typename Element>
class TrainingKernelsFor : public testing::Test {
 protected:
  TrainingKernelsFor() { at::manual_seed(1); }
  // What rounding a result costs, relative to it.
  static constexpr double kRounding = std::is_same_v<Element, float> ? 3e-6 : 4e-3;
};
using Elements = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(TrainingKernelsFor, Elements);

// A product of a [rows, k] and b [64 panels, k], both in strides with gaps.
template <typename Element>
struct Operands {
  Operands(std::int64_t rows, std::int64_t panels)
      : a(at::randn({rows, kK + 6}).to(kTypeOf<Element>)),
        b(at::randn({64 * panels, kK}).to(kTypeOf<Element>)),
        bias(at::randn({64 * panels})),
        panels_of_b(as_panels<Element>(b)),
        plain(at::linear(a.slice(1, 0, kK).to(at::kDouble), b.to(at::kDouble))) {
    product = {.a = elements<Element>(a), .a_row = kK + 6, .a_unit = kUnit<Element>, .rows = rows,
               .b = elements<Element>(panels_of_b), .b_panel = kK * 64, .b_unit = 64 * kUnit<Element>, .panels = panels,
               .units = kK / kUnit<Element>};
  }
  static constexpr std::int64_t kK = 38;
  Tensor a, b, bias, panels_of_b, plain;
  TileProduct<Element> product;
};

TYPED_TEST(TrainingKernelsFor, ProductsAreStoredOrAddedOrRounded) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 13, 64}) {
      for (const std::int64_t panels : {1, 3}) {
        for (const bool has_bias : {false, true}) {
          Operands<TypeParam> of(rows, panels);
          const Tensor expected = has_bias ? of.plain + of.bias : of.plain;
          const std::int64_t width = 64 * panels;
          auto product = of.product;
          product.bias = has_bias ? floats(of.bias) : nullptr;
          const Tensor before = at::randn({rows, width + 5});
          for (const TileEnd end : {TileEnd::kStore, TileEnd::kAdd}) {
            const Tensor out = before.clone();
            product.end = end;
            product.out = mutable_floats(out);
            product.out_row = width + 5;
            kernels->multiply(product);
            const Tensor wanted = end == TileEnd::kAdd ? expected + before.slice(1, 0, width) : expected;
            EXPECT_LT((out.slice(1, 0, width) - wanted).abs().max().template item<double>(), 5e-5) << kernels->name << ", " << rows;
            EXPECT_TRUE(at::equal(out.slice(1, width), before.slice(1, width))) << "the gap between rows";
          }
          const Tensor rounded = at::full({rows, width + 5}, 7.0).to(kTypeOf<TypeParam>);
          product.end = TileEnd::kRound;
          product.rounded = mutable_elements<TypeParam>(rounded);
          product.rounded_row = width + 5;
          kernels->multiply(product);
          const Tensor gap = (rounded.slice(1, 0, width).to(at::kDouble) - expected).abs() / (expected.abs() + 0.01);
          EXPECT_LT(gap.max().template item<double>(), TestFixture::kRounding + 3e-4) << kernels->name;
          EXPECT_TRUE(rounded.slice(1, width).to(at::kFloat).eq(7.0).all().template item<bool>()) << "the gap between rows";
        }
      }
    }
  }
}

TYPED_TEST(TrainingKernelsFor, ProductsOfATransposedMatrixAndPanelsApart) {
  constexpr std::int64_t unit = kUnit<TypeParam>;
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    // The gradient of a matrix: x^T dy over 37 tokens, as pairs along the tokens, to panels that lie one behind the other.
    const Tensor x = at::randn({37, 64}).to(kTypeOf<TypeParam>), dy = at::randn({37, 128}).to(kTypeOf<TypeParam>);
    const Tensor x_pairs = as_pairs<TypeParam>(x), dy_pairs = as_pairs<TypeParam>(dy);
    const Tensor out = at::zeros({2, 64, 64});
    kernels->multiply({.a = elements<TypeParam>(x_pairs), .a_row = unit, .a_unit = 64 * unit, .rows = 64,
                       .b = elements<TypeParam>(dy_pairs), .b_panel = 64 * unit, .b_unit = 128 * unit, .panels = 2,
                       .units = (37 + unit - 1) / unit, .out = mutable_floats(out), .out_row = 64, .out_panel = 64 * 64});
    const Tensor expected = at::matmul(x.t().to(at::kDouble), dy.to(at::kDouble));
    EXPECT_LT(apart(at::cat({out[0], out[1]}, 1), expected), 5e-6) << kernels->name;
  }
}

// Gate (0) or up (1) of columns that hold them in turns of 32.
Tensor turn(const Tensor& both, std::int64_t which) { return both.view({both.size(0), -1, 2, 32}).select(2, which).reshape({both.size(0), -1}); }

TYPED_TEST(TrainingKernelsFor, SwiGluLikeTheFormula) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 7, 64}) {
      Operands<TypeParam> of(rows, 3);
      const Tensor gate = turn(of.plain, 0), up = turn(of.plain, 1);
      const Tensor rounded = at::empty({rows, 192}, kTypeOf<TypeParam>), gated = at::empty({rows, 96}, kTypeOf<TypeParam>);
      auto product = of.product;
      product.end = TileEnd::kSwiGlu;
      product.rounded = mutable_elements<TypeParam>(rounded);
      product.rounded_row = 192;
      product.gated = mutable_elements<TypeParam>(gated);
      product.gated_row = 96;
      kernels->multiply(product);
      EXPECT_LT(apart(rounded, of.plain), TestFixture::kRounding) << kernels->name;
      const Tensor expected = at::silu(gate) * up;
      const Tensor gap = (gated.to(at::kDouble) - expected).abs() / (expected.abs() + 1.0);
      EXPECT_LT(gap.max().template item<double>(), TestFixture::kRounding + 1e-4) << kernels->name;
    }
  }
}

TYPED_TEST(TrainingKernelsFor, SwiGluBackwardLikeAutograd) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 7, 64}) {
      Operands<TypeParam> of(rows, 2);
      const Tensor both = (at::randn({rows, 256}) * 4.0).to(kTypeOf<TypeParam>);
      const Tensor leaf = both.to(at::kDouble).set_requires_grad(true);
      const Tensor expected = at::silu(turn(leaf, 0)) * turn(leaf, 1);
      expected.backward(of.plain);
      for (const bool in_place : {false, true}) {
        const Tensor given = both.clone(), rounded = in_place ? given : at::empty_like(both);
        const Tensor gated = at::empty({rows, 128}, kTypeOf<TypeParam>);
        auto product = of.product;
        product.end = TileEnd::kSwiGluBackward;
        product.gate_up = elements<TypeParam>(given);
        product.rounded = mutable_elements<TypeParam>(rounded);
        product.rounded_row = 256;
        product.gated = mutable_elements<TypeParam>(gated);
        product.gated_row = 128;
        kernels->multiply(product);
        const Tensor gap = (rounded.to(at::kDouble) - leaf.grad()).abs() / (leaf.grad().abs() + 1.0);
        EXPECT_LT(gap.max().template item<double>(), TestFixture::kRounding + 1e-4) << kernels->name;
        EXPECT_LT(apart(gated, expected.detach()), TestFixture::kRounding) << kernels->name;
      }
    }
  }
}

TYPED_TEST(TrainingKernelsFor, NormaliseForwardAndBackwardLikeAutograd) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t width : {1, 15, 16, 42, 64, 576}) {
      const std::int64_t padded = (width + 63) / 64 * 64;
      const auto pad = [&](const Tensor& t) { return at::constant_pad_nd(t, {0, padded - width}); };
      const Tensor x = pad(at::randn({width}) * 3.0), weight = pad(at::randn({width})), gradient = pad(at::randn({width}));
      const Tensor leaf = x.slice(0, 0, width).to(at::kDouble).set_requires_grad(true);
      const Tensor weight_leaf = weight.slice(0, 0, width).to(at::kDouble).set_requires_grad(true);
      const Tensor expected = leaf / (leaf.square().mean() + 1e-5).sqrt() * weight_leaf;
      expected.backward(gradient.slice(0, 0, width).to(at::kDouble));

      const Tensor out = at::full({padded}, 7.0).to(kTypeOf<TypeParam>);
      kernels->normalise(floats(x), floats(weight), width, padded, 1e-5F, mutable_elements<TypeParam>(out));
      EXPECT_LT(apart(out, pad(expected.detach())), TestFixture::kRounding) << kernels->name << ", " << width;

      const Tensor before = pad(at::randn({width})), weight_before = pad(at::randn({width}));
      const Tensor dx = before.clone(), dw = weight_before.clone();
      kernels->normalise_backward(floats(x), floats(weight), floats(gradient), width, padded, 1e-5F, mutable_floats(dx), mutable_floats(dw));
      EXPECT_LT(apart(dx, pad(leaf.grad()) + before), 3e-6) << kernels->name << ", " << width;
      EXPECT_LT(apart(dw, pad(weight_leaf.grad()) + weight_before), 3e-6) << kernels->name << ", " << width;
    }
  }
}

// One token's heads in double: RMSNorm where there is a weight, then pairs (i, i + half) turned.
Tensor turned_heads(const Tensor& heads, const Tensor& norm, const Tensor& cosines, const Tensor& sines) {
  const Tensor x = norm.defined() ? heads / (heads.square().mean(-1, true) + 1e-4).sqrt() * norm : heads;
  const std::int64_t half = x.size(1) / 2;
  const Tensor a = x.slice(1, 0, half), b = x.slice(1, half);
  return at::cat({a * cosines - b * sines, b * cosines + a * sines}, 1);
}

TYPED_TEST(TrainingKernelsFor, RotateForwardAndBackwardLikeAutograd) {
  constexpr std::int64_t kHeads = 6, kKvHeads = 2, kParts = kHeads / kKvHeads;
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t dim : {2, 40, 64, 96}) {
      for (const bool has_norms : {false, true}) {
        const std::int64_t padded = (dim + 63) / 64 * 64;
        const auto pad = [&](const Tensor& heads) { return at::constant_pad_nd(heads, {0, padded - dim}); };
        const Tensor angles = at::randn({dim / 2}) * 3.0, cosines = angles.cos(), sines = angles.sin();
        const Tensor q_norm = at::randn({dim}), k_norm = at::randn({dim});
        const Tensor products = pad(at::randn({kHeads + 2 * kKvHeads, dim}) * 2.0);
        HeadRotation<TypeParam> how{.num_heads = kHeads, .num_kv_heads = kKvHeads, .head_dim = dim, .padded_head_dim = padded,
                                    .cosines = floats(cosines), .sines = floats(sines), .norm_eps = 1e-4F};
        if (has_norms) {
          how.query_norm = floats(q_norm);
          how.key_norm = floats(k_norm);
        }
        const Tensor leaf = products.slice(1, 0, dim).to(at::kDouble).set_requires_grad(true);
        const Tensor q_leaf = q_norm.to(at::kDouble).set_requires_grad(true), k_leaf = k_norm.to(at::kDouble).set_requires_grad(true);
        const Tensor expected = at::cat({turned_heads(leaf.slice(0, 0, kHeads), has_norms ? q_leaf : Tensor(), cosines, sines),
                                         turned_heads(leaf.slice(0, kHeads, kHeads + kKvHeads), has_norms ? k_leaf : Tensor(), cosines, sines),
                                         leaf.slice(0, kHeads + kKvHeads)});
        const Tensor out = at::full_like(products, 7.0).to(kTypeOf<TypeParam>);
        kernels->rotate(how, floats(products), mutable_elements<TypeParam>(out));
        EXPECT_LT(apart(out, pad(expected.detach())), TestFixture::kRounding) << kernels->name << ", " << dim;

        // Gradients of keys and values: one part for each query head, further apart than they are wide.
        const std::int64_t stride = padded + 64;
        const Tensor dq = pad(at::randn({kHeads, dim}));
        const Tensor dk = at::constant_pad_nd(at::randn({kHeads, dim}), {0, stride - dim}), dv = at::constant_pad_nd(at::randn({kHeads, dim}), {0, stride - dim});
        const auto summed = [&](const Tensor& parts) { return parts.slice(1, 0, dim).view({kKvHeads, kParts, dim}).sum(1); };
        expected.backward(at::cat({dq.slice(1, 0, dim), summed(dk), summed(dv)}).to(at::kDouble));
        const Tensor q_before = at::randn({padded}), k_before = at::randn({padded});
        const Tensor q_gradient = q_before.clone(), k_gradient = k_before.clone();
        const Tensor back = at::full_like(products, 7.0).to(kTypeOf<TypeParam>);
        kernels->rotate_backward(how, has_norms ? floats(products) : nullptr, floats(dq), floats(dk), floats(dv), stride,
                                 mutable_floats(q_gradient), mutable_floats(k_gradient), mutable_elements<TypeParam>(back));
        EXPECT_LT(apart(back, pad(leaf.grad())), TestFixture::kRounding) << kernels->name << ", " << dim;
        const auto with_norm = [&](const Tensor& before, const Tensor& gradient) {
          return has_norms ? before.to(at::kDouble) + at::constant_pad_nd(gradient, {0, padded - dim}) : before;
        };
        EXPECT_LT(apart(q_gradient, with_norm(q_before, q_leaf.grad())), 5e-6) << kernels->name << ", " << dim;
        EXPECT_LT(apart(k_gradient, with_norm(k_before, k_leaf.grad())), 5e-6) << kernels->name << ", " << dim;
      }
    }
  }
}

TYPED_TEST(TrainingKernelsFor, LayOutRowsAsPairsAndPanels) {
  constexpr std::int64_t unit = kUnit<TypeParam>;
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 2, 7, 63, 64}) {
      const Tensor from = at::randn({rows, 192 + 3}).to(kTypeOf<TypeParam>);
      const Tensor x = from.slice(1, 0, 192).contiguous();
      const std::int64_t units = (rows + unit - 1) / unit;
      // By panel: [3][units][64][unit].
      const Tensor by_panel = at::full({3, units, 64, unit}, 7.0).to(kTypeOf<TypeParam>);
      kernels->pair_rows(elements<TypeParam>(from), 195, rows, 192, mutable_elements<TypeParam>(by_panel), units * 64 * unit, 64 * unit);
      const Tensor expected = as_pairs<TypeParam>(x);  // [units][192][unit]
      EXPECT_TRUE(at::equal(by_panel, expected.view({units, 3, 64, unit}).transpose(0, 1))) << kernels->name << ", " << rows;
      // By unit, as attention reads it.
      const Tensor by_unit = at::full({units, 192, unit}, 7.0).to(kTypeOf<TypeParam>);
      kernels->pair_rows(elements<TypeParam>(from), 195, rows, 192, mutable_elements<TypeParam>(by_unit), 64 * unit, 192 * unit);
      EXPECT_TRUE(at::equal(by_unit, expected)) << kernels->name << ", " << rows;

      const Tensor panel = at::full({1, 192 / unit, 64, unit}, 7.0).to(kTypeOf<TypeParam>);
      kernels->panel_of_rows(elements<TypeParam>(from), 195, rows, 192, mutable_elements<TypeParam>(panel));
      EXPECT_TRUE(at::equal(panel, as_panels<TypeParam>(at::constant_pad_nd(x, {0, 0, 0, 64 - rows})))) << kernels->name << ", " << rows;

      const Tensor factors = at::randn({rows});
      const Tensor scaled = at::full({units, 64, unit}, 7.0).to(kTypeOf<TypeParam>);
      kernels->scaled_pairs(elements<TypeParam>(from), 195, rows, floats(factors), mutable_elements<TypeParam>(scaled));
      const Tensor product = (x.slice(1, 0, 64).to(at::kFloat) * factors.unsqueeze(1)).to(kTypeOf<TypeParam>);
      EXPECT_TRUE(at::equal(scaled, as_pairs<TypeParam>(product))) << kernels->name << ", " << rows;
    }
  }
}

TYPED_TEST(TrainingKernelsFor, TransposeABlockOfAPanel) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    const Tensor weights = at::randn({64, 192}).to(kTypeOf<TypeParam>);  // [outputs, inputs]
    const Tensor panel = as_panels<TypeParam>(weights);
    for (std::int64_t block = 0; block < 3; ++block) {
      const Tensor out = at::empty({64 / kUnit<TypeParam>, 64, kUnit<TypeParam>}, kTypeOf<TypeParam>);
      kernels->transpose_block(elements<TypeParam>(panel), block, mutable_elements<TypeParam>(out));
      EXPECT_TRUE(at::equal(out, as_pairs<TypeParam>(weights.slice(1, 64 * block, 64 * (block + 1)).contiguous()))) << kernels->name;
    }
  }
}

TYPED_TEST(TrainingKernelsFor, LogSumExpOfAnyCountAndSize) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    for (const std::int64_t count : {1, 2, 15, 16, 17, 70, 1000}) {
      for (const double shift : {0.0, 1e4, -1e4, 3e38, -1e30}) {
        const Tensor x = (at::randn({count}) * 5.0 + shift).to(at::kFloat);
        const double expected = at::logsumexp(x.to(at::kDouble), 0).template item<double>();
        EXPECT_NEAR(kernels->log_sum_exp(floats(x), count), expected, 2e-6 * (1.0 + std::abs(expected))) << kernels->name << ", " << count;
      }
    }
    const Tensor apart_by_much = at::full({33}, -1e30F);
    apart_by_much[32] = 1e4F;
    EXPECT_EQ(kernels->log_sum_exp(floats(apart_by_much), 33), 1e4F) << "the last is all that counts: " << kernels->name;
  }
}

TYPED_TEST(TrainingKernelsFor, ExponentialsAreProbabilitiesAndVanishForHiddenLogits) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    Tensor x = at::randn({64}) * 8.0;
    x.slice(0, 50).fill_(-1e30F);
    const auto shift = static_cast<float>(at::logsumexp(x, 0).template item<double>());
    const Tensor out = at::full({64}, 7.0).to(kTypeOf<TypeParam>);
    kernels->exponentials(floats(x), shift, 64, mutable_elements<TypeParam>(out));
    const Tensor expected = (x.to(at::kDouble) - shift).exp();
    EXPECT_LT(((out.to(at::kDouble) - expected).abs() / (expected + 1e-20)).max().template item<double>(), TestFixture::kRounding) << kernels->name;
    EXPECT_EQ(out.slice(0, 50).to(at::kFloat).abs().max().template item<double>(), 0.0) << kernels->name;
  }
}

TYPED_TEST(TrainingKernelsFor, RoundToNearestEvenLikeATen) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    // 1 + 2^-8 and 1 + 3 * 2^-8 lie halfway between neighbours of bfloat16.
    Tensor x = at::randn({64}) * at::pow(10.0, at::randn({64}) * 8.0);
    const std::vector<float> special{1.00390625F, 1.01171875F, -1.00390625F, -1.01171875F, 0.0F, -0.0F, kInfinity, -kInfinity, 3.4028235e38F};
    for (std::size_t i = 0; i < special.size(); ++i) x[static_cast<std::int64_t>(i)] = special[i];
    const Tensor out = at::empty({64}, kTypeOf<TypeParam>);
    kernels->round(floats(x), 64, mutable_elements<TypeParam>(out));
    EXPECT_TRUE(at::equal(out, x.to(kTypeOf<TypeParam>))) << kernels->name;
    EXPECT_TRUE(std::signbit(out[5].to(at::kFloat).template item<float>())) << "negative zero: " << kernels->name;
  }
}

TYPED_TEST(TrainingKernelsFor, SumsLikeTheFormula) {
  for (const auto* kernels : all_training_kernels<TypeParam>()) {
    const Tensor a = at::randn({192}).to(kTypeOf<TypeParam>), b = at::randn({192}).to(kTypeOf<TypeParam>);
    EXPECT_NEAR(kernels->dot(elements<TypeParam>(a), elements<TypeParam>(b), 192), (a.to(at::kDouble) * b.to(at::kDouble)).sum().template item<double>(), 3e-5);
    for (const std::int64_t count : {0, 1, 15, 16, 47, 4095, 4096, 4097, 20000}) {
      const Tensor x = at::randn({count + 1}), y = at::randn({count + 1});
      const double squares = x.slice(0, 0, count).to(at::kDouble).square().sum().template item<double>();
      EXPECT_NEAR(kernels->sum_of_squares(floats(x), count), squares, 2e-6 * squares) << kernels->name << ", " << count;
      const Tensor to = y.clone();
      kernels->add_scaled(floats(x), -1.5F, count, mutable_floats(to));
      EXPECT_TRUE(at::allclose(to.slice(0, 0, count), (y - 1.5 * x).slice(0, 0, count), 0.0, 2e-6)) << kernels->name << ", " << count;
      EXPECT_TRUE(at::equal(to[count], y[count])) << "only as many as asked for change: " << kernels->name;
    }
  }
}

}  // namespace
}  // namespace drover::model
