#include "weights/safetensors.h"

#include <gmock/gmock.h>

#include <fstream>

#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ShardedTensorsTest : public InScratchFolder {
 protected:
  void copy_shards() { std::filesystem::copy(golden("sharded"), folder_); }
  void write(const std::string& name, std::string_view text) { base::write_file_atomically(folder_ / name, text); }
  std::size_t num_tensors() const {
    const auto all = ShardedTensors::open(folder_);
    return all.tensors().size();
  }
  std::string fault() {
    return user_error_of([&] { ShardedTensors::open(folder_); });
  }
};

// plain.safetensors was written by the reference implementation; element i of each tensor is i.
TEST(SafetensorsFile, ReadsEveryPlainTypeOfTheReferenceWriter) {
  const auto file = SafetensorsFile::open(golden("plain.safetensors"));
  EXPECT_EQ(file.tensors().size(), 18u);
  for (const auto& tensor : file.tensors()) {
    const auto values = decoded(tensor);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float expected = tensor.type == ElementType::kBool ? (i > 0 ? 1.0f : 0.0f) : static_cast<float>(i);
      EXPECT_EQ(values[i], expected) << tensor.name;
    }
  }
  EXPECT_THAT(file.at("uint64").shape, ElementsAre(2, 3));
  EXPECT_EQ(file.at("uint64").type, ElementType::kU64);
  EXPECT_THAT(file.at("scalar").shape, ElementsAre());
  EXPECT_EQ(file.at("scalar").num_elements(), 1);
  EXPECT_THAT(file.at("empty").shape, ElementsAre(0, 4));
  EXPECT_EQ(file.at("empty").bytes.size(), 0u);
  EXPECT_THAT(file.at("a \"quoted\" name, \xC3\xBC").shape, ElementsAre(2));
  EXPECT_THAT(file.metadata(), ElementsAre(testing::Pair("format", "pt")));
}

TEST(SafetensorsFile, FindsByNameAndRefusesMissingOnes) {
  const auto file = SafetensorsFile::open(golden("plain.safetensors"));
  EXPECT_EQ(file.find("int8")->type, ElementType::kI8);
  EXPECT_EQ(file.find("missing"), nullptr);
  EXPECT_THAT(user_error_of([&] { file.at("missing"); }), HasSubstr("lacks the tensor 'missing'"));
}

TEST(SafetensorsFile, OwnerKeepsTheBytesAlive) {
  std::shared_ptr<const void> owner;
  TensorView tensor;
  {
    const auto file = SafetensorsFile::open(golden("plain.safetensors"));
    owner = file.owner();
    tensor = file.at("float32");
  }
  EXPECT_THAT(decoded(tensor), ElementsAre(0, 1, 2, 3, 4, 5));
}

// sharded/ was written by huggingface_hub: five tensors, element j of tensor i is 100 i + j.
TEST_F(ShardedTensorsTest, AreReadThroughTheirIndex) {
  const auto all = ShardedTensors::open(golden("sharded"));
  ASSERT_EQ(all.tensors().size(), 5u);
  for (int i = 0; i < 5; ++i) {
    const auto values = decoded(all.at("layer." + std::to_string(i) + ".weight"));
    ASSERT_EQ(values.size(), 16u);
    for (int j = 0; j < 16; ++j) EXPECT_EQ(values[static_cast<std::size_t>(j)], static_cast<float>(100 * i + j));
  }
  EXPECT_THAT(all.metadata(), ElementsAre(testing::Pair("format", "pt")));
  EXPECT_EQ(all.find("layer.5.weight"), nullptr);
}

TEST_F(ShardedTensorsTest, SingleFileComesBeforeAnIndex) {
  copy_shards();
  std::filesystem::copy(golden("plain.safetensors"), folder_ / "model.safetensors");
  EXPECT_EQ(num_tensors(), 18u);
}

TEST_F(ShardedTensorsTest, MissingShardIsNamed) {
  copy_shards();
  std::filesystem::remove(folder_ / "model-00002-of-00002.safetensors");
  EXPECT_THAT(fault(), HasSubstr("lacks 1 of its 2 shards (the first is 'model-00002-of-00002.safetensors')"));
}

TEST_F(ShardedTensorsTest, FolderWithoutWeightsIsRefused) {
  EXPECT_THAT(fault(), HasSubstr("holds neither model.safetensors nor model.safetensors.index.json"));
}

TEST_F(ShardedTensorsTest, NameListedTwiceIsRefused) {
  copy_shards();
  write("model.safetensors.index.json", R"({"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}})");
  EXPECT_THAT(fault(), HasSubstr("lists the tensor 'a' twice"));
}

TEST_F(ShardedTensorsTest, NameThatItsShardDoesNotHoldIsRefused) {
  copy_shards();
  write("model.safetensors.index.json",
        R"({"weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors", "layer.4.weight": "model-00001-of-00002.safetensors"}})");
  EXPECT_THAT(fault(), HasSubstr("says that tensor 'layer.4.weight' is in 'model-00001-of-00002.safetensors', but it is not"));
}

TEST_F(ShardedTensorsTest, TensorsOutsideTheIndexAreLeftOut) {
  copy_shards();
  write("model.safetensors.index.json", R"({"weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors"}})");
  EXPECT_EQ(num_tensors(), 1u);
}

TEST_F(ShardedTensorsTest, FileNamesThatLeaveTheFolderAreRefused) {
  for (const char* name : {"../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..", ".", "", "a\\\\b", "a\\u0000b"}) {
    write("model.safetensors.index.json", R"({"weight_map": {"a": ")" + std::string(name) + R"("}})");
    EXPECT_THAT(fault(), HasSubstr("which is not a plain file name")) << name;
  }
}

TEST_F(ShardedTensorsTest, BrokenIndexesAreRefusedWithTheirPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "is not valid JSON at byte"},
      {"[]", "the whole document is an array"},
      {"3", "the whole document is a number"},
      {"{}", "lacks the 'weight_map'"},
      {R"({"weight_map": 3})", "'weight_map' is a number"},
      {R"({"weight_map": []})", "'weight_map' is an array"},
      {R"({"weight_map": {"a": 3}})", "the file of tensor 'a' is a number"},
      {R"({"weight_map": {"a": {}}})", "the file of tensor 'a' is an object"},
      {R"({"weight_map": {"a": "f"}, "weight_map": {}})", "lists 'weight_map' twice"},
      {R"({"weight_map": {"a": "f"}} trailing)", "is not valid JSON"},
      {"{\"weight_map\": {\"\xFF\": \"f\"}}", "is not valid JSON"},
      {R"({"metadata": )" + std::string(100000, '['), "is nested deeper than 32 levels"},
      {R"({"metadata": )" + std::string(30, '['), "is not valid JSON"},
  };
  for (const auto& [text, expected] : cases) {
    write("model.safetensors.index.json", text);
    EXPECT_THAT(fault(), HasSubstr(expected)) << text.substr(0, 60);
  }
}

TEST_F(ShardedTensorsTest, MetadataOfTheIndexMayBeAnything) {
  copy_shards();
  write("model.safetensors.index.json", R"({"metadata": {"total_size": 1.5e3, "deep": [[{"weight_map": null}], true, -1]}, "extra": "x",
        "weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors"}})");
  EXPECT_EQ(fault(), "");
}

}  // namespace
}  // namespace drover::weights
