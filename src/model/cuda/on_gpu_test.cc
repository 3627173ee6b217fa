// What only a GPU can show. Skipped where there is none, and in builds without DROVER_CUDA. `scripts/test --cuda` runs them.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "model/attention.h"
#include "model/cuda/device_attention.h"
#include "model/cuda/kernels_of_device.h"
#include "model/decoder.h"
#include "model/packed/packed_decoder.h"
#include "model/page_driver_test.h"
#include "model/paged_decoder.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"
#include "model/random_tensor.h"

namespace drover::model {
namespace {

using at::Tensor;

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA() || kernels_of(gpu_) == nullptr) GTEST_SKIP() << "needs a GPU, LibTorch for CUDA and the preset cuda";
  }
  const at::Device gpu_{at::kCUDA, 0};
};

double apart(const Tensor& a, const Tensor& b) {
  return (a.to(at::kCPU, at::kFloat) - b).abs().max().item<double>() / std::max(b.abs().max().item<double>(), 1.0);
}

// A prompt and three responses, longer than several tiles.
TokenRow long_row(std::int32_t vocab) {
  base::RandomStream random(3, "row");
  TokenRow row;
  const auto prompt = row.add_segment(-1, random_tokens(random, 333, vocab));
  for (const std::int64_t length : {150, 1, 90}) {
    const auto response = row.add_segment(prompt, random_tokens(random, length, vocab));
    std::int64_t before = row.position_before(response);
    for (std::int64_t t = row.segments.back().begin; t < row.segments.back().end; before = t++) {
      row.learned.push_back({.position = before, .target = row.tokens[static_cast<std::size_t>(t)], .weight = 1.0F, .response = response});
    }
  }
  row.add_segment(-1, random_tokens(random, 77, vocab));
  return row;
}

struct Results {
  Tensor output, dq, dk, dv;
};

Results attended(const std::vector<Tensor>& given, const Tensor& gradient, const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& attend) {
  const auto leaf = [](const Tensor& tensor) { return tensor.detach().clone().requires_grad_(true); };
  const Tensor q = leaf(given[0]), k = leaf(given[1]), v = leaf(given[2]);
  const Tensor output = attend(q, k, v);
  output.backward(gradient);
  return {output.detach(), q.grad(), k.grad(), v.grad()};
}

TEST_F(OnGpu, AttentionAndItsGradientsEqualTheMaskedReferenceAndRepeatBitForBit) {
  const TokenRow row = long_row(50);
  const Tensor mask = mask_of(attention_blocks(row), row.num_tokens(), row.num_tokens());
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    for (const auto& [heads, kv_heads, head_dim] : {std::tuple{8, 2, 64}, std::tuple{9, 3, 64}, std::tuple{4, 4, 128}, std::tuple{7, 1, 96}, std::tuple{16, 1, 40}}) {
      std::vector<Tensor> given, wide, on_gpu;
      for (const int count : {heads, kv_heads, kv_heads, heads}) {
        given.push_back(normal_tensor({row.num_tokens(), count, head_dim}, 1.0, base::RandomStream(given.size(), "given")).to(type));
        wide.push_back(given.back().to(at::kFloat));
        on_gpu.push_back(given.back().to(gpu_));
      }
      const auto planned = make_device_row(visible_pieces(row, 0), row.num_tokens(), 0, heads / kv_heads, type, gpu_, *kernels_of(gpu_));
      const auto run = [&] { return attended(on_gpu, on_gpu[3], [&](const Tensor& q, const Tensor& k, const Tensor& v) { return attend_on_device(q, k, v, planned); }); };
      const Results got = run(), again = run();
      const Results want = attended(wide, wide[3], [&](const Tensor& q, const Tensor& k, const Tensor& v) { return attend_masked(q, k, v, mask); });
      const double tolerance = type == at::kFloat ? 1e-5 : 1e-2;
      const std::string what = std::to_string(heads) + " heads of " + std::to_string(head_dim) + ", " + at::toString(type);
      EXPECT_LT(apart(got.output, want.output), tolerance) << what;
      EXPECT_LT(apart(got.dq, want.dq), tolerance) << what;
      EXPECT_LT(apart(got.dk, want.dk), tolerance) << what;
      EXPECT_LT(apart(got.dv, want.dv), tolerance) << what;
      EXPECT_TRUE(at::equal(got.output, again.output) && at::equal(got.dq, again.dq) && at::equal(got.dk, again.dk) && at::equal(got.dv, again.dv)) << what;
    }
  }
}

DecoderConfig small_config(std::string_view kind) {
  DecoderConfig config = tiny_config(500, 256);  // heads of 64
  config.num_layers = 3;
  if (kind == "qwen3") {
    config.architecture = Architecture::kQwen3;
    config.qk_norm = true;
  }
  if (kind == "biased") config.attention_bias = config.attention_output_bias = config.mlp_bias = true;
  if (kind == "window") config.sliding_window = 100;
  return config;
}

std::shared_ptr<const Decoder> lively(const DecoderConfig& config, const at::Device& device, bool learns) {
  const c10::NoGradGuard no_gradients;
  NamedTensors parameters;
  const auto random = random_decoder(config, 5);
  for (const auto& [name, tensor] : random->parameters()) {
    const Tensor scaled = (tensor.dim() == 1 ? tensor.clone() : tensor * 3.0).to(device);
    parameters.emplace_back(name, scaled.set_requires_grad(learns));
  }
  return std::make_shared<const Decoder>(config, std::move(parameters));
}

TEST_F(OnGpu, LogProbabilitiesAndGradientsOfARowEqualTheCpusWithinAThousandth) {
  for (const char* kind : {"llama", "qwen3", "biased", "window"}) {
    const auto here = lively(small_config(kind), at::kCPU, true), there = lively(small_config(kind), gpu_, true);
    const TokenRow row = long_row(500);
    const Tensor want = here->log_probs(row, AttentionPath::kDense), got = there->log_probs(row);
    EXPECT_LT((got.to(at::kCPU) - want).abs().max().item<double>(), 1e-3) << kind;
    want.sum().backward();
    got.sum().backward();
    for (std::size_t i = 0; i < here->parameters().size(); ++i) {
      const Tensor& expected = here->parameters()[i].second.grad();
      EXPECT_LT(((there->parameters()[i].second.grad().to(at::kCPU) - expected).abs().max() / expected.abs().max()).item<double>(), 1e-3) << kind << ", " << here->parameters()[i].first;
    }
  }
}

TEST_F(OnGpu, LogitsOverPagesEqualTheCpusWithinAThousandth) {
  for (const char* kind : {"llama", "qwen3", "biased", "window"}) {
    const auto here = lively(small_config(kind), at::kCPU, false), there = lively(small_config(kind), gpu_, false);
    const auto run = [](std::unique_ptr<engine::PagedModel> model) {
      PageDriver driver(std::move(model), 400);
      base::RandomStream random(6, "prompt");
      PagedSequence prompt{.tokens = random_tokens(random, 430, 500), .pages = {}};
      std::vector<std::vector<float>> all = driver.forward({{&prompt, 400}});
      driver.forward({{&prompt, 30}});
      std::vector<PagedSequence> samples(20, prompt);
      for (auto& sample : samples) {
        sample.pages.back() = driver.new_page();
        driver.model().copy_page(prompt.pages.back(), sample.pages.back(), 430 % driver.model().page_tokens());
        const auto own = random_tokens(random, 40, 500);
        sample.tokens.insert(sample.tokens.end(), own.begin(), own.end());
      }
      for (const std::int64_t count : {1, 37, 1, 1}) {
        std::vector<PageDriver::Step> steps;
        for (auto& sample : samples) steps.push_back({&sample, count});
        const auto outputs = driver.forward(steps);
        all.insert(all.end(), outputs.begin(), outputs.end());
      }
      return all;
    };
    const auto want = run(make_packed_decoder(here)), got = run(make_paged_decoder(there));
    ASSERT_EQ(want.size(), got.size());
    double worst = 0.0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      for (std::size_t j = 0; j < want[i].size(); ++j) worst = std::max(worst, std::abs(static_cast<double>(want[i][j]) - got[i][j]));
    }
    EXPECT_LT(worst, 1e-3) << kind;
  }
}

}  // namespace
}  // namespace drover::model
