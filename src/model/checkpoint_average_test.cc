#include "model/checkpoint_average.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/load_decoder.h"
#include "model/model_folder.h"
#include "model/random_decoder.h"
#include "text/load_tokenizer.h"
#include "weights/safetensors.h"
#include "weights/safetensors_writer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kTokenizer = fs::path(DROVER_SOURCE_FOLDER) / "recipes/tiny";
const LoadOptions kFloat = {.compute_type = ComputeType::kFloat32, .device = "cpu"};

class CheckpointAverage : public ::testing::Test {
 protected:
  CheckpointAverage() : folder_(fs::temp_directory_path() / fmt::format("drover-average-{}", getpid())) { fs::create_directories(folder_); }
  ~CheckpointAverage() override { fs::remove_all(folder_); }

  static std::shared_ptr<const Model> model_of(std::shared_ptr<const Decoder> decoder) {
    static const auto tokenizer = text::load_tokenizer(kTokenizer);
    return std::make_shared<const Model>(std::move(decoder), tokenizer, "a template", kTokenizer);
  }
  static DecoderConfig config() { return tiny_config(280); }

  fs::path save(const std::string& name, const std::shared_ptr<const Decoder>& decoder, const std::string& start = "") const {
    save_model(*model_of(decoder), {.start = start}, folder_ / name);
    return folder_ / name;
  }
  fs::path save(const std::string& name, std::uint64_t seed, ComputeType type = ComputeType::kFloat32, const std::string& start = "") const {
    return save(name, random_decoder(config(), seed, type), start);
  }
  /// A model whose weights are all this number.
  fs::path save_constant(const std::string& name, double value, ComputeType type) const {
    NamedTensors tensors;
    for (const auto& [tensor, shape] : parameter_shapes(config())) {
      tensors.emplace_back(tensor, at::full(shape, value, type == ComputeType::kFloat32 ? at::kFloat : at::kBFloat16));
    }
    return save(name, std::make_shared<const Decoder>(config(), std::move(tensors)));
  }

  static std::string refusal(const std::function<void()>& act) {
    try {
      act();
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  }
  static std::string refusal_of(const std::vector<fs::path>& folders) {
    return refusal([&] { Checkpoints::open(folders); });
  }

  static void expect_same_bytes(const fs::path& a, const fs::path& b) {
    const auto one = weights::ShardedTensors::open(a);
    const auto other = weights::ShardedTensors::open(b);
    ASSERT_EQ(one.tensors().size(), other.tensors().size());
    for (const auto& view : one.tensors()) {
      const auto& second = other.at(view.name);
      EXPECT_EQ(view.type, second.type);
      ASSERT_EQ(view.bytes.size(), second.bytes.size()) << view.name;
      EXPECT_EQ(std::memcmp(view.bytes.data(), second.bytes.data(), view.bytes.size()), 0) << view.name;
    }
  }

  fs::path folder_;
};

TEST_F(CheckpointAverage, IsTheFloat64MeanRoundedOnce) {
  const std::vector<double> weights = {1, 2, 0.5};
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const int bits = type == ComputeType::kFloat32 ? 24 : 8;  // of the significand
    const std::vector<fs::path> folders = {save("a", 1, type), save("b", 2, type), save("c", 3, type)};
    const auto checkpoints = Checkpoints::open(folders);
    checkpoints.write_mean(weights, folder_ / "mean");
    std::vector<std::shared_ptr<const Decoder>> models;
    for (const auto& folder : folders) models.push_back(load_decoder(folder, kFloat));
    const auto mean = load_decoder(folder_ / "mean", kFloat);
    for (const auto& [name, tensor] : mean->parameters()) {
      const at::Tensor got = tensor.to(at::kDouble).flatten();
      at::Tensor want = at::zeros_like(got);
      for (std::size_t m = 0; m < models.size(); ++m) want += models[m]->parameter(name).to(at::kDouble).flatten() * (weights[m] / 3.5);
      for (std::int64_t i = 0; i < got.numel(); ++i) {
        const double value = want.const_data_ptr<double>()[i];
        int exponent = 0;
        std::frexp(value, &exponent);
        // Half a step, and what float64 itself loses where terms of 0.1 cancel out.
        ASSERT_LE(std::abs(got.const_data_ptr<double>()[i] - value), std::ldexp(0.5 + 1e-6, exponent - bits) + 1e-16) << name << " " << i;
      }
    }
    const auto stored = weights::ShardedTensors::open(folder_ / "mean");
    EXPECT_EQ(stored.at("model.norm.weight").type, type == ComputeType::kFloat32 ? weights::ElementType::kF32 : weights::ElementType::kBF16);
    const auto in_memory = checkpoints.mean(weights, kFloat);
    for (const auto& [name, tensor] : mean->parameters()) EXPECT_TRUE(at::equal(tensor, in_memory->decoder().parameter(name))) << name;
    EXPECT_EQ(Model::load(folder_ / "mean")->chat_template(), "a template");
  }
}

TEST_F(CheckpointAverage, IsNotRoundedTwice) {
  // 1 and the next bfloat16: the plain mean lies in the middle and goes to the even one. A hair more of the larger one, which float32
  // cannot hold, decides for that.
  const double next = 1.0078125;
  const std::vector<fs::path> folders = {save_constant("a", 1, ComputeType::kBFloat16), save_constant("b", next, ComputeType::kBFloat16)};
  const auto checkpoints = Checkpoints::open(folders);
  const auto value = [&](std::vector<double> weights) {
    return checkpoints.mean(weights, kFloat)->decoder().parameter("model.norm.weight")[0].item<double>();
  };
  EXPECT_EQ(value({1, 1}), 1.0);
  EXPECT_EQ(value({1, 1 + 0x1p-40}), next);
  EXPECT_EQ(value({1, 0}), 1.0);
}

TEST_F(CheckpointAverage, OfOneModelIsThatModelBitForBit) {
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const auto decoder = random_decoder(config(), 1, type);
    NamedTensors tensors;
    for (const auto& [name, tensor] : decoder->parameters()) {
      tensors.emplace_back(name, tensor.clone());
      tensors.back().second.flatten()[0].fill_(-0.0);
    }
    const auto folder = save("a", std::make_shared<const Decoder>(config(), std::move(tensors)));
    const std::vector<fs::path> thrice = {folder, folder, folder};
    Checkpoints::open(thrice).write_mean(std::vector<double>{1, 1, 1}, folder_ / "mean");
    expect_same_bytes(folder_ / "mean", folder);
    Checkpoints::open(thrice).write_mean(std::vector<double>{0.3, 0.45, 0.1}, folder_ / "mean");
    expect_same_bytes(folder_ / "mean", folder);
  }
}

TEST_F(CheckpointAverage, ReadsShardsAndMixedTypes) {
  const auto a = save("a", 1);
  const auto b = save("b", 2);
  const std::vector<double> weights = {1, 1};
  Checkpoints::open(std::vector<fs::path>{a, b}).write_mean(weights, folder_ / "whole");
  {
    const auto whole = weights::ShardedTensors::open(b);
    fs::create_directory(folder_ / "sharded");
    fs::copy_file(b / "config.json", folder_ / "sharded/config.json");
    fs::copy_file(b / "tokenizer.json", folder_ / "sharded/tokenizer.json");
    weights::write_sharded(folder_ / "sharded", whole.tensors(), 20'000);
    ASSERT_TRUE(fs::exists(folder_ / "sharded/model.safetensors.index.json"));
  }
  Checkpoints::open(std::vector<fs::path>{a, folder_ / "sharded"}).write_mean(weights, folder_ / "of-shards");
  expect_same_bytes(folder_ / "whole", folder_ / "of-shards");

  // Nothing that float32 holds is lost to a model beside it that holds less.
  const auto half = save_constant("half", 0.5, ComputeType::kBFloat16);
  Checkpoints::open(std::vector<fs::path>{half, a}).write_mean(std::vector<double>{0, 1}, folder_ / "mixed");
  expect_same_bytes(folder_ / "mixed", a);
}

TEST_F(CheckpointAverage, RefusesModelsThatDoNotFitAndSaysWhere) {
  const auto base = save("base", 1);
  DecoderConfig deeper = config();
  deeper.num_layers = 3;
  DecoderConfig other_theta = config();
  other_theta.rope_theta = 5e5;
  EXPECT_THAT(refusal_of({base, save("deeper", random_decoder(deeper, 1))}), AllOf(HasSubstr("base'"), HasSubstr("'num_hidden_layers' is 3 in one and 2")));
  EXPECT_THAT(refusal_of({base, save("theta", random_decoder(other_theta, 1))}), HasSubstr("'rope_theta' is 500000.0 in one and 10000.0"));

  const auto with_seed = [&](HeadKind kind, std::int64_t labels, std::uint64_t seed) { return with_head(*random_decoder(config(), 1), {kind, labels, seed}); };
  const auto rewards = save("rewards", with_seed(HeadKind::kReward, 1, 1));
  EXPECT_THAT(refusal_of({base, rewards}), HasSubstr("it has a reward head, the other a language head"));
  EXPECT_THAT(refusal_of({rewards, save("seed2", with_seed(HeadKind::kReward, 1, 2))}), HasSubstr("'head_seed' is 2 in one and 1"));
  EXPECT_THAT(refusal_of({save("two", with_seed(HeadKind::kClasses, 2, 1)), save("three", with_seed(HeadKind::kClasses, 3, 1))}), HasSubstr("'id2label'"));
  EXPECT_EQ(refusal_of({rewards, rewards}), "accepted");

  const auto other_tokens = save("tokens", 1);
  auto tokenizer = base::read_file(other_tokens / "tokenizer.json");
  for (auto place = tokenizer.find("<|im_end|>"); place != std::string::npos; place = tokenizer.find("<|im_end|>")) tokenizer.replace(place, 10, "<|the_end|>");
  base::write_file_atomically(other_tokens / "tokenizer.json", tokenizer);
  EXPECT_THAT(refusal_of({base, other_tokens}), HasSubstr("token 2 is \"<|the_end|>\" in one and \"<|im_end|>\" in the other"));

  EXPECT_THAT(refusal_of({base, folder_ / "nothing"}), HasSubstr("There is no model folder at"));
  EXPECT_THAT(refusal_of({base / "model.safetensors"}), HasSubstr("is no model folder"));
}

TEST_F(CheckpointAverage, NamesTheTensorThatIsMissingAndTheNearestOne) {
  const auto base = save("base", 1);
  const auto renamed = save("renamed", 2);
  {
    const auto file = weights::ShardedTensors::open(base);
    std::vector<weights::TensorView> views(file.tensors());
    for (auto& view : views) {
      if (view.name == "model.layers.1.mlp.up_proj.weight") view.name = "model.layers.1.mlp.up_prj.weight";
    }
    weights::write_sharded(renamed, views);
  }
  EXPECT_THAT(refusal_of({base, renamed}), AllOf(HasSubstr("renamed: the tensor 'model.layers.1.mlp.up_proj.weight' is missing"),
                                                 HasSubstr("did you mean \"model.layers.1.mlp.up_prj.weight\"")));
}

TEST_F(CheckpointAverage, KnowsDifferentStartsAndPassesACommonOneOn) {
  const auto a = save("a", 1, ComputeType::kFloat32, "0123");
  const auto b = save("b", 2, ComputeType::kFloat32, "0123");
  const auto c = save("c", 3, ComputeType::kFloat32, "4567");
  const auto unknown = save("unknown", 4);
  EXPECT_THAT(refusal_of({a, b, c}), AllOf(HasSubstr("c' cannot be averaged"), HasSubstr("4567"), HasSubstr("0123")));
  EXPECT_THAT(refusal_of({a, unknown, c}), HasSubstr("cannot be averaged")) << "also with one between them that knows nothing";
  const auto same = Checkpoints::open(std::vector<fs::path>{a, b});
  EXPECT_TRUE(same.of_unknown_lineage().empty());
  same.write_mean(std::vector<double>{1, 1}, folder_ / "mean");
  EXPECT_EQ(read_lineage(folder_ / "mean").start, "0123");
  const auto partly = Checkpoints::open(std::vector<fs::path>{a, unknown});
  EXPECT_TRUE(partly.of_unknown_lineage() == std::vector<fs::path>{unknown});
  partly.write_mean(std::vector<double>{1, 1}, folder_ / "mean");
  EXPECT_EQ(read_lineage(folder_ / "mean").start, "");
}

TEST_F(CheckpointAverage, NamesTheModelThatIsBrokenAndLeavesNothing) {
  const auto good = save("good", 1);
  const auto broken = save_constant("broken", std::numeric_limits<double>::quiet_NaN(), ComputeType::kFloat32);
  const auto checkpoints = Checkpoints::open(std::vector<fs::path>{good, broken});
  EXPECT_THAT(refusal([&] { checkpoints.write_mean(std::vector<double>{1, 1}, folder_ / "mean"); }),
              AllOf(HasSubstr("broken: the tensor 'model."), HasSubstr("no finite numbers")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2) << "only the two models are there";
  EXPECT_EQ(refusal([&] { checkpoints.write_mean(std::vector<double>{1, 0}, folder_ / "mean"); }), "accepted") << "a weight of 0 leaves it out";
}

TEST_F(CheckpointAverage, RefusesWeightsThatMakeNoMean) {
  const auto a = save("a", 1);
  const auto checkpoints = Checkpoints::open(std::vector<fs::path>{a, a});
  const auto fault = [&](std::vector<double> weights) { return refusal([&] { checkpoints.mean(weights, kFloat); }); };
  EXPECT_THAT(fault({1}), HasSubstr("2 models were given with 1 weights"));
  EXPECT_THAT(fault({1, -1}), HasSubstr("-1 is not possible"));
  EXPECT_THAT(fault({0, 0}), HasSubstr("sum to 0"));
  EXPECT_THAT(fault({1, std::numeric_limits<double>::infinity()}), HasSubstr("inf is not possible"));
  EXPECT_THAT(effective_weights(std::vector<double>{1, 3}), ElementsAre(0.25, 0.75));
}

TEST_F(CheckpointAverage, TheHashOfWeightsDoesNotDependOnTheTypeTheyWereLoadedIn) {
  const auto folder = save("a", 1);
  const auto as_float = Model::load(folder, kFloat);
  EXPECT_EQ(weights_hash(*as_float), weights_hash(*Model::load(folder)));
  EXPECT_NE(weights_hash(*as_float), weights_hash(*Model::load(save("b", 2), kFloat)));
  EXPECT_EQ(as_float->hash(), Model::load(save("c", 1, ComputeType::kFloat32, "0123"), kFloat)->hash()) << "lineage changes no output";
}

}  // namespace
}  // namespace drover::model
