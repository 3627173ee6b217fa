// Models on disk: saving and loading, GGUF, averaging, heads, and what is wrong with broken files.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/file.h"
#include "model/average.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "model/gguf_model.h"
#include "model/heads.h"
#include "model/load_decoder.h"
#include "model/log_probs.h"
#include "model/numbered_tokenizer_test.h"
#include "model/random_decoder.h"
#include "model/scores.h"
#include "model/tensor_of_view.h"
#include "text/load_tokenizer.h"
#include "weights/gguf.h"
#include "weights/safetensors.h"
#include "weights/safetensors_writer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kTestData = fs::path(DROVER_SOURCE_FOLDER) / "src/model/testdata";
const LoadOptions kFloat = {.compute_type = ComputeType::kFloat32, .device = "cpu"};

class ModelFiles : public ::testing::Test {
 protected:
  ModelFiles() : folder_(fs::temp_directory_path() / fmt::format("drover-model-{}", getpid())) { fs::create_directories(folder_); }
  ~ModelFiles() override { fs::remove_all(folder_); }

  static fs::path smollm2() {
    const char* home = std::getenv("DROVER_HOME");
    const char* user = std::getenv("HOME");
    const fs::path base = home != nullptr ? fs::path(home) : fs::path(user != nullptr ? user : "") / ".local/share/drover";
    const fs::path path = base / "models/smollm2-135m-instruct.gguf";
    EXPECT_TRUE(fs::exists(path)) << "The model '" << path.string() << "' is missing: run scripts/setup, which installs it.";
    return path;
  }

  // Random weights over the tokenizer of SmolLM2.
  static std::shared_ptr<const Model> small_model(std::uint64_t seed, ComputeType type = ComputeType::kFloat32) {
    static const auto tokenizer = text::load_tokenizer(smollm2());
    DecoderConfig config = tiny_config(tokenizer->vocab_size());
    config.eos = {text::TokenId{2}};
    config.bos = text::TokenId{1};
    return std::make_shared<const Model>(random_decoder(config, seed, type), tokenizer, "a template", smollm2());
  }

  static std::shared_ptr<const Model> plain_model(std::uint64_t seed, const DecoderConfig& config = tiny_config(40)) {
    return std::make_shared<const Model>(random_decoder(config, seed), std::make_shared<NumberedTokenizer>(40), std::nullopt, fs::path());
  }

  static void expect_same_parameters(const Decoder& a, const Decoder& b) {
    ASSERT_EQ(a.parameters().size(), b.parameters().size());
    for (std::size_t i = 0; i < a.parameters().size(); ++i) {
      EXPECT_EQ(a.parameters()[i].first, b.parameters()[i].first);
      EXPECT_TRUE(at::equal(a.parameters()[i].second, b.parameters()[i].second)) << a.parameters()[i].first;
    }
  }

  fs::path folder_;
};

TEST_F(ModelFiles, ASavedModelLoadsAsTheSame) {
  for (const ComputeType type : {ComputeType::kFloat32, ComputeType::kBFloat16}) {
    const auto model = small_model(1, type);
    model->save(folder_ / "saved");
    const auto again = Model::load(folder_ / "saved", {.compute_type = type, .device = "cpu"});
    EXPECT_EQ(again->config(), model->config());
    expect_same_parameters(again->decoder(), model->decoder());
    EXPECT_EQ(again->chat_template(), model->chat_template());
    const std::string text = "Zwölf Boxkämpfer, 1234 items<|im_end|>\n  and so on";
    EXPECT_EQ(again->tokenizer().encode(text, {.parse_special = true}), model->tokenizer().encode(text, {.parse_special = true}));
    EXPECT_EQ(again->tokenizer().vocab_size(), model->tokenizer().vocab_size());
  }
}

TEST_F(ModelFiles, SavingReplacesAModelAndNothingElse) {
  const auto model = small_model(1);
  model->save(folder_ / "saved");
  small_model(2)->save(folder_ / "saved");
  expect_same_parameters(Model::load(folder_ / "saved", kFloat)->decoder(), small_model(2)->decoder());
  fs::create_directory(folder_ / "other");
  std::ofstream(folder_ / "other/thesis.txt") << "years of work";
  EXPECT_THROW(model->save(folder_ / "other"), base::UserError);
  EXPECT_TRUE(fs::exists(folder_ / "other/thesis.txt"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2) << "no temporary folders stay";
}

TEST_F(ModelFiles, SavingRemovesWhatAKilledProgramLeft) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);  // now nobody has this number
  const auto dead = folder_ / fmt::format(".m.{}.partial", child);
  const auto alive = folder_ / fmt::format(".m.{}.partial", getppid());
  const auto foreign = folder_ / ".m.notes.partial";
  for (const auto& path : {dead, alive, foreign}) fs::create_directories(path);
  small_model(1)->save(folder_ / "m");
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive)) << "another program is writing there";
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(ModelFiles, WeightsOfTheWantedTypeAreMappedAndOthersConverted) {
  small_model(1)->save(folder_ / "saved");
  const auto file = weights::ShardedTensors::open(folder_ / "saved");
  const weights::TensorView& view = file.at("model.norm.weight");
  EXPECT_EQ(tensor_of_view(view, at::kFloat, file.owner()).const_data_ptr(), static_cast<const void*>(view.bytes.data()));
  EXPECT_EQ(tensor_of_view(view, at::kBFloat16, file.owner()).scalar_type(), at::kBFloat16);
}

TEST_F(ModelFiles, HashesNameWeightsConfigurationAndTokenizer) {
  EXPECT_EQ(plain_model(1)->hash(), plain_model(1)->hash());
  EXPECT_NE(plain_model(1)->hash(), plain_model(2)->hash());
  DecoderConfig other = tiny_config(40);
  other.rope_theta = 20000.0;
  EXPECT_NE(plain_model(1)->hash(), plain_model(1, other)->hash());
  const Model renamed(plain_model(1)->shared_decoder(), std::make_shared<NumberedTokenizer>(40, "other"), std::nullopt, fs::path());
  EXPECT_NE(plain_model(1)->hash(), renamed.hash());
}

TEST_F(ModelFiles, GgufFilesLoadAsTheSameModel) {
  const auto model = small_model(3, ComputeType::kBFloat16);
  write_gguf_model(*model, folder_ / "model.gguf", weights::ElementType::kBF16);
  const auto again = Model::load(folder_ / "model.gguf");
  expect_same_parameters(again->decoder(), model->decoder());
  EXPECT_EQ(again->config(), model->config());
  EXPECT_EQ(again->chat_template(), model->chat_template());
  EXPECT_EQ(again->tokenizer().hash(), model->tokenizer().hash());
}

TEST_F(ModelFiles, GgufFilesKeepEveryArchitectureAndRopeScaling) {
  const auto tokenizer = text::load_tokenizer(smollm2());
  for (const char* name : {"llama", "llama_tied_biased", "llama_llama3", "llama_linear", "llama_yarn", "llama_wide_heads", "qwen2", "qwen3"}) {
    const auto decoder = load_decoder(kTestData / name, kFloat);
    // The tiny models have no tokenizer of their own: the file's vocabulary is that of an embedding of 96 rows only in its weights.
    const Model model(decoder, std::make_shared<NumberedTokenizer>(96), std::nullopt, smollm2());
    write_gguf_model(model, folder_ / "model.gguf", weights::ElementType::kF32);
    const auto again = load_decoder(folder_ / "model.gguf", kFloat);
    expect_same_parameters(*again, *decoder);
    EXPECT_EQ(again->config().architecture, decoder->config().architecture);
    EXPECT_EQ(again->config().rope_scaling, decoder->config().rope_scaling) << name;
    EXPECT_EQ(again->config().head_dim, decoder->config().head_dim);
    EXPECT_EQ(again->config().eos, decoder->config().eos);
  }
}

TEST_F(ModelFiles, Q8FilesRoundEachWeightToHalfAStepOfItsBlock) {
  const auto model = small_model(3);
  write_gguf_model(*model, folder_ / "model.gguf", weights::ElementType::kQ8_0);
  const auto again = load_decoder(folder_ / "model.gguf", kFloat);
  for (const auto& [name, tensor] : model->decoder().parameters()) {
    // Half a step, and what 127 steps lose because the step itself is rounded to a half-precision number.
    const double bound = tensor.abs().max().item<double>() / 127.0 * (0.5 + 127.0 / 2048.0);
    EXPECT_LE((again->parameter(name) - tensor).abs().max().item<double>(), tensor.dim() == 1 ? 0.0 : bound) << name;
  }
}

TEST_F(ModelFiles, FaultsOfAFolderNameFileAndTensor) {
  const auto decoder = random_decoder(tiny_config(40), 1);
  const auto fault = [&](auto&& change) -> std::string {
    NamedTensors tensors = decoder->parameters();
    DecoderConfig config = decoder->config();
    change(tensors, config);
    std::vector<weights::TensorView> views;
    for (const auto& [name, tensor] : tensors) views.push_back(view_of_tensor(name, tensor));
    weights::write_sharded(folder_, views);
    base::write_file_atomically(folder_ / "config.json", to_config_json(config, ComputeType::kFloat32));
    try {
      load_decoder(folder_, kFloat);
    } catch (const base::UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(folder_.string()));
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(fault([](NamedTensors&, DecoderConfig&) {}), "accepted");
  EXPECT_EQ(fault([](NamedTensors& t, DecoderConfig&) { t.emplace_back("lm_head.weight", t.front().second); }), "accepted") << "tied";
  EXPECT_THAT(fault([](NamedTensors& t, DecoderConfig&) { t.erase(t.begin() + 3); }), HasSubstr("'model.layers.0.self_attn.k_proj.weight' is missing"));
  EXPECT_THAT(fault([](NamedTensors&, DecoderConfig& c) { c.num_layers = 1; }), HasSubstr("'model.layers.1."));
  EXPECT_THAT(fault([](NamedTensors&, DecoderConfig& c) { c.vocab_size = 41; }), HasSubstr("'model.embed_tokens.weight' has shape [40, 32]"));
  EXPECT_THAT(fault([](NamedTensors&, DecoderConfig& c) { c.tied_embeddings = false; }), HasSubstr("'lm_head.weight' is missing"));
}

TEST_F(ModelFiles, ATokenizerWithMoreIdsThanRowsIsRefused) {
  try {
    const Model model(random_decoder(tiny_config(40), 1), std::make_shared<NumberedTokenizer>(41), std::nullopt, fs::path());
    FAIL() << "accepted";
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'model.embed_tokens.weight' has 40 rows, but the tokenizer has 41 tokens"));
  }
  EXPECT_THROW(Model::load(folder_ / "nothing"), base::UserError);
  EXPECT_THROW(load_decoder(kTestData / "llama", {.compute_type = ComputeType::kFloat32, .device = "tpu"}), base::UserError);
}

TEST(Average, IsTheWeightedMeanOfEachParameter) {
  const auto model = [](std::uint64_t seed) {
    return std::make_shared<const Model>(random_decoder(tiny_config(40), seed), std::make_shared<NumberedTokenizer>(40), std::nullopt, fs::path());
  };
  const std::vector<std::shared_ptr<const Model>> models = {model(1), model(2), model(3)};
  const std::vector<double> weights = {0.5, 0.3, 0.2};
  const auto mean = average(models, weights);
  for (const auto& [name, tensor] : mean->decoder().parameters()) {
    const at::Tensor want = models[0]->decoder().parameter(name) * 0.5 + models[1]->decoder().parameter(name) * 0.3 +
                            models[2]->decoder().parameter(name) * 0.2;
    EXPECT_TRUE(at::allclose(tensor, want, 1e-5, 1e-7)) << name;
  }
  EXPECT_EQ(average(std::span(models).first(1))->hash(), models[0]->hash());
}

TEST(Average, RefusesWeightsAndModelsThatDoNotFit) {
  const auto model = [](const DecoderConfig& config, const std::string& tokenizer) {
    return std::make_shared<const Model>(random_decoder(config, 1), std::make_shared<NumberedTokenizer>(40, tokenizer), std::nullopt, fs::path());
  };
  DecoderConfig deeper = tiny_config(40);
  deeper.num_layers = 3;
  DecoderConfig other_theta = tiny_config(40);
  other_theta.rope_theta = 5e5;
  const auto base_model = model(tiny_config(40), "numbers");
  const auto fault = [&](const std::shared_ptr<const Model>& other, std::vector<double> weights) -> std::string {
    const std::vector<std::shared_ptr<const Model>> models = {base_model, other};
    try {
      average(models, weights);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(fault(base_model, {0.5, 0.4}), HasSubstr("sum to 0.9"));
  EXPECT_THAT(fault(base_model, {1.0}), HasSubstr("2 models were given with 1 weights"));
  EXPECT_THAT(fault(model(deeper, "numbers"), {0.5, 0.5}), HasSubstr("differ at the tensor"));
  EXPECT_THAT(fault(model(other_theta, "numbers"), {0.5, 0.5}), HasSubstr("configurations differ"));
  EXPECT_THAT(fault(model(tiny_config(40), "other"), {0.5, 0.5}), HasSubstr("tokenizers differ"));
  EXPECT_THROW(average({}), base::UserError);
}

TEST_F(ModelFiles, HeadsAreSavedWithTheirTrunk) {
  const auto base_model = small_model(1);
  for (const Head& head : {Head{HeadKind::kReward, 1, 9}, Head{HeadKind::kSteps, 1, 9}, Head{HeadKind::kClasses, 5, 9},
                          Head{HeadKind::kClasses, 3, 9, {"code", "math", "LABEL_0"}}}) {
    const auto model = base_model->with_decoder(with_head(base_model->decoder(), head));
    EXPECT_NE(model->hash(), base_model->hash());
    fs::remove_all(folder_ / "head");
    model->save(folder_ / "head");
    const auto again = Model::load(folder_ / "head", kFloat);
    EXPECT_EQ(again->config().head, head);
    expect_same_parameters(again->decoder(), model->decoder());
  }
}

TEST(Heads, DependOnTheirSeedAndRefuseWrongSizes) {
  const auto trunk = random_decoder(tiny_config(40), 1);
  const auto score = [&](std::uint64_t seed) { return with_head(*trunk, {HeadKind::kReward, 1, seed})->parameter("score.weight"); };
  EXPECT_TRUE(at::equal(score(1), score(1)));
  EXPECT_FALSE(at::equal(score(1), score(2)));
  EXPECT_THROW(with_head(*trunk, {HeadKind::kReward, 2, 1}), base::UserError);
  EXPECT_THROW(with_head(*trunk, {HeadKind::kLanguage, 0, 1}), base::UserError);
}

TEST(Rewards, AreTheHeadsProductWithTheLastHiddenState) {
  const auto trunk = random_decoder(tiny_config(40), 1);
  const auto decoder = with_head(*trunk, {HeadKind::kReward, 1, 4});
  const Model model(decoder, std::make_shared<NumberedTokenizer>(40), std::nullopt, fs::path());
  const std::vector<text::TokenId> prompt = {text::TokenId{3}, text::TokenId{4}};
  const std::vector<std::vector<text::TokenId>> responses = {{text::TokenId{5}}, {text::TokenId{6}, text::TokenId{7}}};
  const std::vector<float> values = rewards(model, prompt, responses);
  for (std::size_t i = 0; i < responses.size(); ++i) {
    std::vector<text::TokenId> whole = prompt;
    whole.insert(whole.end(), responses[i].begin(), responses[i].end());
    const at::Tensor hidden = trunk->hidden(single_sequence(whole));
    EXPECT_NEAR(values[i], hidden[hidden.size(0) - 1].dot(decoder->parameter("score.weight")[0]).item<double>(), 1e-5);
  }
  EXPECT_THROW(log_probs(model, score_all(prompt)), base::UserError) << "a reward model has no token probabilities";
}

TEST(LogProbs, OfUniformLogitsAreMinusLogVocabulary) {
  NamedTensors zeros;
  for (const auto& [name, shape] : parameter_shapes(tiny_config(40))) zeros.emplace_back(name, at::zeros(shape));
  const Model model(std::make_shared<const Decoder>(tiny_config(40), std::move(zeros)), std::make_shared<NumberedTokenizer>(40), std::nullopt, fs::path());
  const std::vector<text::TokenId> tokens = {text::TokenId{3}, text::TokenId{4}, text::TokenId{5}};
  const std::vector<float> values = log_probs(model, score_all(tokens));
  ASSERT_EQ(values.size(), 2u);
  for (const float value : values) EXPECT_NEAR(value, -std::log(40.0), 1e-6);
}

}  // namespace
}  // namespace drover::model
