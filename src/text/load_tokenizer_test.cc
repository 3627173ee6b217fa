#include "text/load_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "text/bpe_fixture_test.h"

namespace drover::text {
namespace {

using testing::HasSubstr;

class ModelFolder : public testing::Test {
 protected:
  ModelFolder()
      : path_(std::filesystem::path(testing::TempDir()) / ("drover_tokenizer_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ModelFolder() override { std::filesystem::remove_all(path_); }

  void write(const char* name, const std::string& content) { std::ofstream(path_ / name, std::ios::binary) << content; }

  void expect_refused(const std::filesystem::path& path, const std::string& reason) {
    try {
      load_tokenizer(path);
      ADD_FAILURE() << "accepted " << path;
    } catch (const base::UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(reason));
    }
  }

  std::filesystem::path path_;
};

nlohmann::json smollm2_json() {
  return BpeFixture("smollm2").tokenizer_json(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}});
}

TEST_F(ModelFolder, LoadsTokenizerJsonAndItsDeclaredTokens) {
  write("tokenizer.json", smollm2_json().dump());
  write("tokenizer_config.json", R"({"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"}})");
  const auto tokenizer = load_tokenizer(path_);
  EXPECT_EQ(tokenizer->bos(), TokenId{1});
  EXPECT_EQ(tokenizer->eos(), TokenId{2});
  EXPECT_EQ(encode_plain(*tokenizer, "Hello"), std::vector<int>{19556});
}

TEST_F(ModelFolder, LoadsMetasRankFile) {
  write("tokenizer.model", read_testdata("llama3_sparse.model"));
  EXPECT_EQ(encode_plain(*load_tokenizer(path_), "Hello"), std::vector<int>{9906});
  EXPECT_EQ(load_tokenizer(path_ / "tokenizer.model")->eos(), TokenId{128001});
}

TEST_F(ModelFolder, SaysWhatIsMissingOrBroken) {
  expect_refused(path_, "holds none of tokenizer.json, tokenizer.model");
  expect_refused(path_ / "absent.gguf", "does not exist");
  write("tokenizer.json", "{\"model\": {");
  expect_refused(path_, "not valid JSON");
  write("tokenizer.json", "[]");
  expect_refused(path_, "no object 'model'");
  write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  expect_refused(path_, "'Unigram' is not supported");
  write("broken.gguf", "GGUF");
  expect_refused(path_ / "broken.gguf", "broken.gguf");
}

TEST_F(ModelFolder, RefusesNestingThatIsThousandsOfLevelsDeep) {
  const std::string brackets = std::string(200'000, '[') + std::string(200'000, ']');
  write("tokenizer.json", R"({"model": {"type": "BPE"}, "pre_tokenizer": )" + brackets + "}");
  expect_refused(path_, "nests deeper than 100 levels");
}

TEST_F(ModelFolder, RefusesANumberThatNoDoubleHolds) {
  write("tokenizer.json", R"({"model": {"type": "BPE"}, "version": 1e999})");
  expect_refused(path_, "too large");
}

TEST_F(ModelFolder, ReadsTheChatTemplateFromItsFileFirst) {
  EXPECT_EQ(read_chat_template(path_), std::nullopt);
  write("tokenizer_config.json", R"({"chat_template": "from config"})");
  EXPECT_EQ(read_chat_template(path_), "from config");
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "rag", "template": "x"}, {"name": "default", "template": "named"}]})");
  EXPECT_EQ(read_chat_template(path_), "named");
  write("chat_template.jinja", "from file");
  EXPECT_EQ(read_chat_template(path_), "from file");
}

}  // namespace
}  // namespace drover::text
