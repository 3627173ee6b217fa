#include "model/trained/trained_matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/packed/training_kernels_test.h"
#include "model/random_decoder.h"
#include "model/trained/trained_vector.h"

namespace drover::model {
namespace {

using at::Tensor;

constexpr double kBeta1 = 0.9F, kBeta2 = 0.95F, kEpsilon = 1e-8F, kRate = 1e-2, kDecay = 0.1, kScale = 0.5;

AdamWStep step_number(int t) {
  return {.beta1 = static_cast<float>(kBeta1), .beta2 = static_cast<float>(kBeta2), .epsilon = static_cast<float>(kEpsilon),
          .decay = static_cast<float>(1.0 - kRate * kDecay), .rate = static_cast<float>(kRate / (1.0 - std::pow(kBeta1, t))),
          .root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(kBeta2, t))), .gradient_scale = static_cast<float>(kScale)};
}

// AdamW in double (Loshchilov and Hutter 2019, algorithm 2).
struct Expected {
  Tensor master, first, second;
  explicit Expected(const Tensor& start) : master(start.to(at::kDouble)), first(at::zeros_like(master)), second(at::zeros_like(master)) {}
  void step(const Tensor& gradient, int t, double decay) {
    const Tensor g = gradient.to(at::kDouble) * kScale;
    first = kBeta1 * first + (1.0 - kBeta1) * g;
    second = kBeta2 * second + (1.0 - kBeta2) * g * g;
    master = master * (1.0 - kRate * decay) -
             kRate * (first / (1.0 - std::pow(kBeta1, t))) / ((second / (1.0 - std::pow(kBeta2, t))).sqrt() + kEpsilon);
  }
};

const std::string kGate = "model.layers.0.mlp.gate_proj.weight", kUp = "model.layers.0.mlp.up_proj.weight", kNorm = "model.norm.weight";

template <typename Element>
class TrainedMatrixOf : public testing::Test {
 protected:
  // Gate and up in turns of 32 rows; columns backwards, the padding first.
  TrainedMatrixOf() : start(*random_decoder(tiny_config(70), 1)), gate(start.parameter(kGate)) {
    const std::int64_t rows = gate.size(0), width = gate.size(1);
    for (std::int64_t begin = 0; begin < rows; begin += 32) {
      for (std::int64_t part = 0; part < 2; ++part) {
        for (std::int64_t i = begin; i < begin + 32; ++i) row_places.push_back(i < rows ? part * rows + i : -1);
      }
    }
    for (std::int64_t i = 0; i < whole_panels(width); ++i) column_places.push_back(whole_panels(width) - 1 - i < width ? whole_panels(width) - 1 - i : -1);
  }
  TrainedMatrix<Element> make() const { return TrainedMatrix<Element>({kGate, kUp}, start, row_places, column_places); }

  // Puts the gradient of gate and up, one below the other, into its place.
  void set_gradient(TrainedMatrix<Element>& matrix, const Tensor& gradient) const {
    for (std::int64_t p = 0; p < matrix.panels(); ++p) {
      for (std::int64_t c = 0; c < 64; ++c) {
        const std::int64_t row = row_places[static_cast<std::size_t>(p * 64 + c)];
        for (std::int64_t i = 0; row >= 0 && i < matrix.inputs(); ++i) {
          const std::int64_t column = column_places[static_cast<std::size_t>(i)];
          if (column >= 0) matrix.gradient_panel(p)[i * 64 + c] = floats(gradient)[row * gradient.size(1) + column];
        }
      }
    }
  }
  static Tensor both(const NamedTensors& named) { return at::cat({named[0].second, named[1].second}); }

  Decoder start;
  Tensor gate;
  Places row_places, column_places;
};
using Elements = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(TrainedMatrixOf, Elements);

TYPED_TEST(TrainedMatrixOf, LearnsLikeAdamWAndGoesOnFromWhatItWrote) {
  at::manual_seed(1);
  auto matrix = this->make();
  Expected expected(at::cat({this->start.parameter(kGate), this->start.parameter(kUp)}));
  ASSERT_TRUE(at::equal(this->both(matrix.read(Kept::kMaster)).to(at::kDouble), expected.master));
  for (int t = 1; t <= 4; ++t) {
    const Tensor gradient = at::randn(expected.master.sizes());
    matrix.clear_gradient(0, matrix.panels());
    this->set_gradient(matrix, gradient);
    EXPECT_TRUE(at::equal(this->both(matrix.read(Kept::kGradient)), gradient));
    EXPECT_NEAR(matrix.gradient_squares(0, matrix.panels()) / gradient.square().sum().template item<double>(), 1.0, 1e-5);
    for (std::int64_t p = 0; p < matrix.panels(); ++p) matrix.update(step_number(t), p, p + 1);
    expected.step(gradient, t, kDecay);
    EXPECT_LT(apart(this->both(matrix.read(Kept::kMaster)), expected.master), 2e-6);
    EXPECT_LT(apart(this->both(matrix.read(Kept::kFirstMoment)), expected.first), 2e-6);
    EXPECT_LT(apart(this->both(matrix.read(Kept::kSecondMoment)), expected.second), 2e-6);
  }
  auto restored = this->make();
  for (const Kept what : {Kept::kMaster, Kept::kFirstMoment, Kept::kSecondMoment}) {
    restored.write(what, matrix.read(what));
    EXPECT_TRUE(at::equal(this->both(restored.read(what)), this->both(matrix.read(what))));
  }
  const Tensor gradient = at::randn(expected.master.sizes());
  for (auto* one : {&matrix, &restored}) {
    this->set_gradient(*one, gradient);
    one->update(step_number(5), 0, one->panels());
  }
  EXPECT_TRUE(at::equal(this->both(restored.read(Kept::kMaster)), this->both(matrix.read(Kept::kMaster))));
}

TEST(TrainedVector, LearnsLikeAdamWWithoutDecayAndGoesOnFromWhatItWrote) {
  at::manual_seed(2);
  const Decoder start = *random_decoder(tiny_config(70), 1);
  for (const bool is_rounded : {false, true}) {
    TrainedVector vector(kNorm, start, is_rounded);
    Expected expected(start.parameter(kNorm));
    const std::int64_t width = expected.master.size(0);
    for (int t = 1; t <= 4; ++t) {
      const Tensor gradient = at::randn({width});
      vector.clear_gradient();
      std::copy_n(floats(gradient), width, vector.gradient());
      vector.update(step_number(t));
      expected.step(gradient, t, 0.0);
      EXPECT_LT(apart(vector.read(Kept::kMaster)[0].second, expected.master), 2e-6);
      EXPECT_LT(apart(vector.read(Kept::kFirstMoment)[0].second, expected.first), 2e-6);
      EXPECT_LT(apart(vector.read(Kept::kSecondMoment)[0].second, expected.second), 2e-6);
      for (std::int64_t i = 0; i < vector.size(); ++i) {
        const double master = i < width ? expected.master[i].item<double>() : 0.0;
        EXPECT_NEAR(vector.values()[i], master, (is_rounded ? std::ldexp(1.0, -9) : 2e-6) * (1.0 + std::abs(master)));
      }
    }
    TrainedVector restored(kNorm, start, is_rounded);
    for (const Kept what : {Kept::kMaster, Kept::kFirstMoment, Kept::kSecondMoment}) {
      restored.write(what, vector.read(what));
      EXPECT_TRUE(at::equal(restored.read(what)[0].second, vector.read(what)[0].second));
    }
    EXPECT_TRUE(std::equal(vector.values(), vector.values() + vector.size(), restored.values()));
  }
}

}  // namespace
}  // namespace drover::model
