#include "model/trained/language_head.h"

#include <gtest/gtest.h>

#include "model/packed/training_kernels_test.h"
#include "model/random_decoder.h"

namespace drover::model {
namespace {

using at::Tensor;

// Places of `count` rows or columns, padded to whole panels.
Places padded(std::int64_t count) {
  Places places;
  for (std::int64_t i = 0; i < whole_panels(count); ++i) places.push_back(i < count ? i : -1);
  return places;
}

template <typename Element>
class LanguageHeadOf : public testing::Test {
 protected:
  static constexpr double kTolerance = std::is_same_v<Element, float> ? 2e-5 : 2e-2;

  // Vocabularies that are no multiple of 64, and more positions than are kept at once.
  void expect_like_autograd(std::int64_t vocab, std::int64_t count, std::int64_t kept_bytes) {
    at::manual_seed(1);
    const DecoderConfig config = tiny_config(vocab);
    NamedTensors parameters = random_decoder(config, 1)->parameters();
    const Tensor weight = (at::randn({vocab, config.hidden_size}) * 0.5).to(kTypeOf<Element>).to(at::kFloat);
    for (auto& [name, value] : parameters) {
      if (name == "model.embed_tokens.weight") value = weight;
    }
    const Decoder start(config, parameters);
    TrainedMatrix<Element> matrix({"model.embed_tokens.weight"}, start, padded(vocab), padded(config.hidden_size));
    LanguageHead<Element> head(matrix, vocab, kept_bytes);

    const std::int64_t width = config.hidden_size, inputs = matrix.inputs();
    const Tensor hidden = at::constant_pad_nd(at::randn({count, width}), {0, inputs - width}).to(kTypeOf<Element>);
    const Tensor gradients = at::randn({count});
    std::vector<std::int32_t> targets;
    for (std::int64_t i = 0; i < count; ++i) targets.push_back(static_cast<std::int32_t>(i % 3 == 0 ? vocab - 1 : i * 7 % vocab));  // many repeat
    const Tensor index = at::tensor(targets).to(at::kLong).unsqueeze(1);
    const Tensor hidden_leaf = hidden.slice(1, 0, width).to(at::kDouble).set_requires_grad(true);
    const Tensor weight_leaf = weight.to(at::kDouble).set_requires_grad(true);
    const Tensor expected = at::log_softmax(at::matmul(hidden_leaf, weight_leaf.t()), 1).gather(1, index).squeeze(1);
    expected.backward(gradients.to(at::kDouble));

    const Tensor log_probs = at::empty({count}), hidden_gradients = at::full({count, inputs}, 7.0F);
    for (int pass = 1; pass <= 2; ++pass) {  // the matrix's gradient adds up, that of the input does not
      head.forward(elements<Element>(hidden), targets, mutable_floats(log_probs));
      EXPECT_LT(apart(log_probs, expected.detach()), 1e-5);
      head.backward(floats(gradients), mutable_floats(hidden_gradients));
      EXPECT_LT(apart(hidden_gradients.slice(1, 0, width), hidden_leaf.grad()), kTolerance);
      EXPECT_LT(apart(matrix.read(Kept::kGradient)[0].second, pass * weight_leaf.grad()), kTolerance);
    }
  }
};

// One position whose target has a probability of 0.9985 to 0.9999: what it still pulls is within 1% of what it should.
template <typename Element>
void expect_a_confident_token_to_learn() {
  at::manual_seed(2);
  constexpr std::int64_t kVocab = 70;
  const DecoderConfig config = tiny_config(kVocab, 64);
  NamedTensors parameters = random_decoder(config, 1)->parameters();
  const Tensor weight = (at::randn({kVocab, 64}) * 0.5).to(kTypeOf<Element>).to(at::kFloat);
  for (auto& [name, value] : parameters) {
    if (name == "model.embed_tokens.weight") value = weight;
  }
  const Decoder start(config, parameters);
  TrainedMatrix<Element> matrix({"model.embed_tokens.weight"}, start, padded(kVocab), padded(64));
  LanguageHead<Element> head(matrix, kVocab);
  constexpr std::int32_t kTarget = 5;
  Tensor hidden;
  double probability = 0.0;
  for (double size = 0.1; probability < 0.9985; size *= 1.02) {
    hidden = (weight.slice(0, kTarget, kTarget + 1) * size).to(kTypeOf<Element>);
    probability = at::softmax(at::matmul(hidden.to(at::kDouble), weight.to(at::kDouble).t()), 1)[0][kTarget].item<double>();
  }
  ASSERT_LT(probability, 0.9999);
  const Tensor hidden_leaf = hidden.to(at::kDouble).set_requires_grad(true);
  const Tensor weight_leaf = weight.to(at::kDouble).set_requires_grad(true);
  at::log_softmax(at::matmul(hidden_leaf, weight_leaf.t()), 1).select(1, kTarget).sum().backward();

  const Tensor log_probs = at::empty({1}), hidden_gradients = at::empty({1, 64});
  const std::vector<std::int32_t> targets{kTarget};
  head.forward(elements<Element>(hidden), targets, mutable_floats(log_probs));
  head.backward(floats(at::ones({1})), mutable_floats(hidden_gradients));
  const auto relative = [](const Tensor& own, const Tensor& expected) {
    return ((own.to(at::kDouble) - expected).norm() / expected.norm()).template item<double>();
  };
  EXPECT_LT(relative(matrix.read(Kept::kGradient)[0].second.select(0, kTarget), weight_leaf.grad().select(0, kTarget)), 0.01);
  EXPECT_LT(relative(hidden_gradients, hidden_leaf.grad()), 0.01);
}

using Elements = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(LanguageHeadOf, Elements);

TYPED_TEST(LanguageHeadOf, FewPositionsLikeAutograd) {
  for (const std::int64_t count : {1, 3, 128}) this->expect_like_autograd(70, count, LanguageHead<TypeParam>::kKeptBytes);
}
TYPED_TEST(LanguageHeadOf, AConfidentTokenStillLearns) { expect_a_confident_token_to_learn<TypeParam>(); }
TYPED_TEST(LanguageHeadOf, MorePositionsThanAreKeptLikeAutograd) {
  for (const std::int64_t vocab : {33, 64, 1100}) {
    for (const std::int64_t count : {129, 256, 301}) this->expect_like_autograd(vocab, count, 0);  // 128 at a time
  }
}

}  // namespace
}  // namespace drover::model
