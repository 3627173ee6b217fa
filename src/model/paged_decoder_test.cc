#include "model/paged_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "model/decoder.h"
#include "model/heads.h"
#include "model/page_driver_test.h"
#include "model/random_decoder.h"
#include "model/random_row_test.h"

namespace drover::model {
namespace {

using text::TokenId;

std::shared_ptr<const Decoder> lively(const DecoderConfig& config) {
  const c10::NoGradGuard no_gradients;
  NamedTensors parameters;
  const auto random = random_decoder(config, 5);
  for (const auto& [name, tensor] : random->parameters()) parameters.emplace_back(name, tensor.dim() == 1 ? tensor : tensor * 12.0);
  return std::make_shared<const Decoder>(config, std::move(parameters));
}

std::vector<TokenId> random_ids(std::uint64_t seed, std::int64_t count) {
  base::RandomStream random(seed, "paged");
  return random_tokens(random, count, 40);
}

class PagedDecoderOf : public testing::TestWithParam<std::int64_t> {  // the window
 protected:
  PagedDecoderOf() {
    config_.sliding_window = GetParam();
    decoder_ = lively(config_);
  }
  void expect_logits(const std::vector<float>& got, const std::vector<TokenId>& tokens) const {
    const std::vector<std::int64_t> last{static_cast<std::int64_t>(tokens.size()) - 1};
    const at::Tensor want = decoder_->logits(single_sequence(tokens), last, AttentionPath::kDense)[0].detach();
    const at::Tensor values = at::from_blob(const_cast<float*>(got.data()), {want.size(0)}, at::kFloat);
    EXPECT_LT(((values - want).abs().max() / want.abs().max()).item<double>(), 1e-5) << tokens.size() << " tokens";
  }
  std::vector<TokenId> first(const PagedSequence& sequence) const { return {sequence.tokens.begin(), sequence.tokens.begin() + sequence.computed}; }

  DecoderConfig config_ = tiny_config(40);
  std::shared_ptr<const Decoder> decoder_;
};

TEST_P(PagedDecoderOf, GivesTheLogitsOfTheWholeSequenceHoweverItIsCut) {
  PageDriver driver(make_paged_decoder(decoder_));
  PagedSequence a{.tokens = random_ids(1, 90), .pages = {}}, b{.tokens = random_ids(2, 50), .pages = {}};
  for (const auto& [of_a, of_b] : {std::pair{10, 1}, std::pair{1, 40}, std::pair{70, 1}, std::pair{1, 1}}) {
    const auto outputs = driver.forward({{&a, of_a}, {&b, of_b}});
    expect_logits(outputs[0], first(a));
    expect_logits(outputs[1], first(b));
  }
}

TEST_P(PagedDecoderOf, ContinuesACopiedPageOnItsOwn) {
  PageDriver driver(make_paged_decoder(decoder_));
  PagedSequence a{.tokens = random_ids(1, 60), .pages = {}};
  driver.forward({{&a, 40}});
  PagedSequence b = a;
  b.pages.back() = driver.new_page();
  driver.model().copy_page(a.pages.back(), b.pages.back(), 40 % 32);
  b.tokens[40] = TokenId{(text::to_int(a.tokens[40]) + 1) % 40};
  const auto outputs = driver.forward({{&a, 3}, {&b, 3}});
  expect_logits(outputs[0], first(a));
  expect_logits(outputs[1], first(b));
}

INSTANTIATE_TEST_SUITE_P(Windows, PagedDecoderOf, testing::Values(0, 5));

TEST(PagedDecoder, GivesTheScoresOfAnotherHead) {
  const c10::NoGradGuard no_gradients;
  const auto decoder = std::make_shared<const Decoder>(*with_head(*lively(tiny_config(40)), {.kind = HeadKind::kReward, .num_labels = 1, .seed = 4}));
  const auto tokens = random_ids(2, 40);
  const std::vector<std::int64_t> last{39};
  PageDriver driver(make_paged_decoder(decoder));
  EXPECT_NEAR(driver.whole(tokens)[0], decoder->scores(single_sequence(tokens), last)[0][0].item<double>(), 1e-5);
}

}  // namespace
}  // namespace drover::model
