#include "model/packed/kernels.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "model/packed/attention_tiles.h"
#include "model/packed/packed_matrix.h"

namespace drover::model {
namespace {

using engine::PageId;

float widened(float value) { return value; }
float widened(BFloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
  float wide = 0.0F;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

template <typename Element>
constexpr at::ScalarType kType = std::is_same_v<Element, float> ? at::kFloat : at::kBFloat16;

template <typename Element>
std::vector<const Kernels<Element>*> all_kernels() {
  std::vector<const Kernels<Element>*> found;
  for (const auto* kernels : {kernels_avx512<Element>(), kernels_avx2<Element>(), kernels_portable<Element>()}) {
    if (kernels != nullptr) found.push_back(kernels);
  }
  return found;
}

template <typename Element>
class KernelsFor : public testing::Test {
 protected:
  KernelsFor() { at::manual_seed(1); }
  // What rounding an input or a result of size 1 may cost.
  static constexpr double kRounding = std::is_same_v<Element, float> ? 3e-6 : 4e-3;
};
using Elements = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(KernelsFor, Elements);

TYPED_TEST(KernelsFor, MultiplyLikeTheFormula) {
  for (const auto* kernels : all_kernels<TypeParam>()) {
    for (const std::int64_t rows : {1, 5, 6, 7, 13, 64}) {
      for (const std::int64_t columns : {1, 64, 100, 192}) {
        const std::int64_t k = 38;
        const at::Tensor weight = at::randn({columns, k}).to(kType<TypeParam>);
        const at::Tensor bias = at::randn({columns}).to(kType<TypeParam>);
        const at::Tensor a = at::randn({rows, k}).to(kType<TypeParam>);
        const at::Tensor before = at::randn({rows, columns});
        const at::Tensor expected = before.to(at::kDouble) + at::linear(a.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
        const PackedMatrix matrix = pack_matrix(weight, bias);
        at::Tensor out = before.clone();
        const Multiplication<TypeParam> m{.a = static_cast<const TypeParam*>(a.const_data_ptr()),
                                          .a_stride = k,
                                          .rows = rows,
                                          .weights = matrix.template weights<TypeParam>(),
                                          .bias = matrix.bias_or_null(),
                                          .k = matrix.k,
                                          .columns = columns,
                                          .epilogue = Epilogue::kAdd,
                                          .out = out.mutable_data_ptr<float>(),
                                          .out_stride = columns};
        kernels->multiply(m, 0, kernels->tiles(m), nullptr);
        EXPECT_LT((out - expected).abs().max().item<double>(), 3e-5) << kernels->name << ", " << rows << " x " << columns;
      }
    }
  }
}

TYPED_TEST(KernelsFor, MultiplyByWholeNumbersAndAScaleForEachOutput) {
  for (const auto* kernels : all_kernels<TypeParam>()) {
    const std::int64_t rows = 7, columns = 100, k = 38;
    // Each output of another size.
    const at::Tensor weight = (at::randn({columns, k}) * at::arange(1, columns + 1).unsqueeze(1)).to(kType<TypeParam>).to(at::kFloat);
    const at::Tensor bias = at::randn({columns}).to(kType<TypeParam>);
    const at::Tensor a = at::randn({rows, k}).to(kType<TypeParam>);
    const at::Tensor scales = weight.abs().amax(1, true) / 127.0;
    const at::Tensor expected = at::linear(a.to(at::kDouble), ((weight / scales).round() * scales).to(at::kDouble), bias.to(at::kDouble));
    const PackedMatrix matrix = pack_matrix(weight.to(kType<TypeParam>), bias, 2, WeightForm::kInt8);
    at::Tensor out = at::zeros({rows, columns});
    std::vector<TypeParam> widened(static_cast<std::size_t>(kPanelColumns * matrix.k));
    auto m = matrix.product<TypeParam>();
    m.a = static_cast<const TypeParam*>(a.const_data_ptr());
    m.a_stride = k;
    m.rows = rows;
    m.out = out.mutable_data_ptr<float>();
    m.out_stride = columns;
    kernels->multiply(m, 0, kernels->tiles(m), widened.data());
    EXPECT_LT(((out - expected).abs() / scales.t()).max().item<double>(), 2e-2) << kernels->name;  // in steps of the whole numbers
    const at::Tensor exact = at::linear(a.to(at::kFloat), weight, bias.to(at::kFloat));
    EXPECT_LT(((out - exact).abs() / (scales.t() * std::sqrt(38.0))).max().item<double>(), 1.5) << "rounding to whole numbers costs no more";
  }
}

TYPED_TEST(KernelsFor, GateLikeTheFormula) {
  for (const auto* kernels : all_kernels<TypeParam>()) {
    const std::int64_t rows = 9, inner = 45, k = 16;
    const at::Tensor gate = at::randn({inner, k}).to(kType<TypeParam>);
    const at::Tensor up = at::randn({inner, k}).to(kType<TypeParam>);
    const at::Tensor a = (at::randn({rows, k}) * 6.0).to(kType<TypeParam>);  // some gates saturate
    const at::Tensor expected = at::silu(at::linear(a.to(at::kDouble), gate.to(at::kDouble))) * at::linear(a.to(at::kDouble), up.to(at::kDouble));
    const PackedMatrix matrix = pack_gate_and_up(gate, {}, up, {});
    at::Tensor out = at::full({rows, 64}, 7.0).to(kType<TypeParam>);
    const Multiplication<TypeParam> m{.a = static_cast<const TypeParam*>(a.const_data_ptr()),
                                      .a_stride = k,
                                      .rows = rows,
                                      .weights = matrix.template weights<TypeParam>(),
                                      .k = matrix.k,
                                      .columns = matrix.columns,
                                      .epilogue = Epilogue::kSwiGlu,
                                      .out_stride = 64,
                                      .gated = static_cast<TypeParam*>(out.mutable_data_ptr())};
    kernels->multiply(m, 0, kernels->tiles(m), nullptr);
    const at::Tensor gap = (out.slice(1, 0, inner).to(at::kDouble) - expected).abs() / (expected.abs() + 1.0);
    EXPECT_LT(gap.max().item<double>(), TestFixture::kRounding + 1e-4) << kernels->name;  // products of 6s with 16 terms in float32
    EXPECT_EQ(out.slice(1, inner).to(at::kFloat).abs().max().item<double>(), 0.0) << "padding is 0";
  }
}

TYPED_TEST(KernelsFor, NormaliseLikeTheFormula) {
  for (const auto* kernels : all_kernels<TypeParam>()) {
    for (const std::int64_t width : {1, 15, 16, 42, 576}) {
      const at::Tensor x = at::randn({width}) * 3.0;
      const at::Tensor weight = at::randn({width});
      std::vector<TypeParam> out(static_cast<std::size_t>((width + 15) / 16 * 16));
      kernels->normalise(x.const_data_ptr<float>(), weight.const_data_ptr<float>(), width, 1e-5F, out.data());
      const at::Tensor wide = x.to(at::kDouble);
      const at::Tensor expected = wide / (wide.square().mean() + 1e-5).sqrt() * weight;
      for (std::int64_t i = 0; i < width; ++i) {
        const double value = expected[i].item<double>();
        EXPECT_NEAR(widened(out[static_cast<std::size_t>(i)]), value, TestFixture::kRounding * (1.0 + std::abs(value))) << kernels->name;
      }
    }
  }
}

// One head's keys and values of a sequence in pages of shuffled numbers, by the kernels themselves, with angles of 0: nothing turns.
TYPED_TEST(KernelsFor, AttendLikeTheFormula) {
  for (const auto* kernels : all_kernels<TypeParam>()) {
    const std::int64_t head_dim = 40, padded = 64, tokens = 300, pages = 10, part = kPageTokens * padded;
    const at::Tensor inputs = at::randn({tokens, 3 * head_dim}) * 1.5;  // query, key, value
    std::vector<TypeParam> memory(static_cast<std::size_t>(pages * 2 * part));
    for (std::size_t i = 0; i < memory.size(); i += 3) memory[i] = TypeParam{1};  // what was there before
    std::vector<PageId> table;
    for (std::int64_t i = 0; i < pages; ++i) table.push_back(PageId{static_cast<std::int32_t>((i * 7 + 3) % pages)});
    const std::vector<float> ones(20, 1.0F), zeros(20, 0.0F);
    std::vector<TypeParam> queries(static_cast<std::size_t>(tokens * padded));
    for (std::int64_t t = 0; t < tokens; ++t) {
      kernels->prepare({.products = inputs.const_data_ptr<float>() + t * 3 * head_dim,
                        .num_heads = 1,
                        .num_kv_heads = 1,
                        .head_dim = head_dim,
                        .padded_head_dim = padded,
                        .cosines = ones.data(),
                        .sines = zeros.data(),
                        .queries = queries.data() + t * padded,
                        .page = memory.data() + static_cast<std::int64_t>(table[static_cast<std::size_t>(t / kPageTokens)]) * 2 * part,
                        .slot = t % kPageTokens});
    }
    const at::Tensor rounded = inputs.to(kType<TypeParam>).to(at::kDouble);
    const std::vector<std::int64_t> rows{0, 1, 31, 32, 100, 128, 129, 200, 255, 256, 299, 299, 299};
    std::vector<std::int64_t> begins, ends;
    std::vector<TypeParam> asked;
    for (const std::int64_t row : rows) {
      begins.push_back(row > 200 ? row - 150 : 0);
      ends.push_back(row + 1);
      asked.insert(asked.end(), queries.begin() + row * padded, queries.begin() + (row + 1) * padded);
    }
    const auto count = static_cast<std::int64_t>(rows.size());
    std::vector<float> largest(rows.size(), kNothingSeen), sum(rows.size(), 0.0F), weighted(static_cast<std::size_t>(count * padded), 0.0F);
    for (std::int64_t round = 0; round < 3; ++round) {  // in rising ranges
      kernels->attend({.head_dim = padded,
                       .scale = 0.3F,
                       .rows = count,
                       .queries = asked.data(),
                       .begins = begins.data(),
                       .ends = ends.data(),
                       .pages = table.data(),
                       .num_pages = pages,
                       .keys = memory.data(),
                       .values = memory.data() + part,
                       .page_stride = 2 * part,
                       .first_round = round,
                       .last_round = round + 1,
                       .largest = largest.data(),
                       .sum = sum.data(),
                       .weighted = weighted.data()});
    }
    for (std::int64_t r = 0; r < count; ++r) {
      const auto index = static_cast<std::size_t>(r);
      const at::Tensor key = rounded.slice(0, begins[index], ends[index]).slice(1, head_dim, 2 * head_dim);
      const at::Tensor value = rounded.slice(0, begins[index], ends[index]).slice(1, 2 * head_dim);
      const at::Tensor query = rounded[rows[index]].slice(0, 0, head_dim);
      const at::Tensor expected = at::matmul(at::softmax(at::matmul(key, query) * 0.3, 0), value);
      for (std::int64_t i = 0; i < head_dim; ++i) {
        const double got = weighted[static_cast<std::size_t>(r * padded + i)] / sum[index];
        EXPECT_NEAR(got, expected[i].item<double>(), 4.0 * TestFixture::kRounding) << kernels->name << ", row " << rows[index];
      }
    }
  }
}

TYPED_TEST(KernelsFor, RotateHalvesOfAHead) {
  for (const auto* kernels : all_kernels<TypeParam>()) {
    const std::vector<float> products{1.0F, 2.0F, 3.0F, 4.0F, 0.5F, 0.25F, -1.0F, -2.0F, 8.0F, 16.0F, 32.0F, 64.0F};
    const std::vector<float> cosines{0.0F, 1.0F}, sines{1.0F, 0.0F};  // a quarter turn, no turn
    std::vector<TypeParam> queries(32), page(2 * kPageTokens * 32);
    kernels->prepare({.products = products.data(),
                      .num_heads = 1,
                      .num_kv_heads = 1,
                      .head_dim = 4,
                      .padded_head_dim = 32,
                      .cosines = cosines.data(),
                      .sines = sines.data(),
                      .queries = queries.data(),
                      .page = page.data(),
                      .slot = 5});
    std::vector<float> query;
    for (int i = 0; i < 5; ++i) query.push_back(widened(queries[static_cast<std::size_t>(i)]));
    EXPECT_THAT(query, testing::ElementsAre(-3.0F, 2.0F, 1.0F, 4.0F, 0.0F)) << kernels->name;
    constexpr std::int64_t kUnit = std::is_same_v<TypeParam, float> ? 1 : 2;
    const auto key = [&](std::int64_t i) { return widened(page[static_cast<std::size_t>((i / kUnit * kPageTokens + 5) * kUnit + i % kUnit)]); };
    EXPECT_THAT((std::vector{key(0), key(1), key(2), key(3)}), testing::ElementsAre(1.0F, 0.25F, 0.5F, -2.0F)) << kernels->name;
    const auto value = [&](std::int64_t i) {
      return widened(page[static_cast<std::size_t>(kPageTokens * 32 + (5 / kUnit * 32 + i) * kUnit + 5 % kUnit)]);
    };
    EXPECT_THAT((std::vector{value(0), value(1), value(2), value(3)}), testing::ElementsAre(8.0F, 16.0F, 32.0F, 64.0F)) << kernels->name;
  }
}

/// Chunks over page tables that live as long as they do.
struct Pass {
  std::vector<std::vector<PageId>> tables;
  std::vector<text::TokenId> tokens = std::vector<text::TokenId>(200, text::TokenId{1});
  std::vector<engine::SequenceChunk> chunks;

  void add(std::int64_t begin, std::int64_t count, const std::vector<int>& pages) {
    auto& table = tables.emplace_back();
    for (const int page : pages) table.push_back(PageId{page});
    chunks.push_back({.tokens = std::span(tokens).first(static_cast<std::size_t>(count)), .begin = begin, .pages = table});
  }
};

TEST(AttentionTiles, JoinNeighboursOverTheRoundsThatTheyShare) {
  Pass pass;
  pass.tables.reserve(10);
  pass.add(290, 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 20});
  pass.add(291, 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 21});
  pass.add(290, 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 22});
  pass.add(290, 1, {0, 1, 2, 3, 9, 5, 6, 7, 8, 23});  // shares one round less
  pass.add(100, 1, {30, 31, 32, 33});
  const auto tiles = attention_tiles(pass.chunks, 4);
  ASSERT_EQ(tiles.size(), 3U);
  EXPECT_EQ(tiles[0].tokens, 3);
  EXPECT_EQ(tiles[0].shared_rounds, 2);
  EXPECT_FALSE(tiles[0].is_one_sequence);
  EXPECT_EQ(tiles[1].row, 3);
  EXPECT_TRUE(tiles[1].is_one_sequence);
  EXPECT_EQ(tiles[2].chunk, 4U);
  EXPECT_EQ(attention_tiles(pass.chunks, 2)[0].tokens, 2);
}

TEST(AttentionTiles, ARoundIsSharedOnlyWhenAllSeeAllOfIt) {
  Pass pass;
  pass.tables.reserve(2);
  pass.add(127, 1, {0, 1, 2, 3});
  pass.add(300, 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_EQ(attention_tiles(pass.chunks, 4).size(), 2U);
}

TEST(AttentionTiles, CutPromptsIntoTilesOfTheirOwn) {
  Pass pass;
  pass.tables.reserve(2);
  pass.add(0, 10, {0});
  pass.add(5, 1, {1});
  const auto tiles = attention_tiles(pass.chunks, 4);
  ASSERT_EQ(tiles.size(), 4U);
  EXPECT_EQ(tiles[2].row, 8);
  EXPECT_EQ(tiles[2].tokens, 2);
  EXPECT_EQ(tiles[3].row, 10);
}

}  // namespace
}  // namespace drover::model
