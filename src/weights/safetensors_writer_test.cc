#include "weights/safetensors_writer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "weights/safetensors.h"
#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

class SafetensorsWriterTest : public InScratchFolder {
 protected:
  std::size_t num_tensors() const {
    const auto all = ShardedTensors::open(folder_);
    return all.tensors().size();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
};

const std::vector<float> kValues = {1, 2, 3, 4};

TensorView four_floats(const std::string& name) {
  return {.name = name, .type = ElementType::kF32, .shape = {2, 2}, .bytes = std::as_bytes(std::span(kValues))};
}

// plain.safetensors comes from the reference writer, so equal bytes mean equal order, offsets, JSON and padding.
TEST_F(SafetensorsWriterTest, RewritesTheReferenceFileByteForByte) {
  const auto reference = SafetensorsFile::open(golden("plain.safetensors"));
  std::vector<TensorView> tensors = reference.tensors();
  std::reverse(tensors.begin(), tensors.end());
  write_safetensors(folder_ / "out.safetensors", tensors, reference.metadata());
  EXPECT_EQ(base::read_file(folder_ / "out.safetensors"), base::read_file(golden("plain.safetensors")));
}

TEST_F(SafetensorsWriterTest, TakesBytesFromAFunctionWhenGiven) {
  std::vector<TensorView> tensors = {four_floats("b"), four_floats("a")};
  for (auto& tensor : tensors) tensor.bytes = {};
  std::vector<std::size_t> asked;
  std::vector<float> current;
  write_safetensors(folder_ / "out.safetensors", tensors, {}, [&](std::size_t index) {
    asked.push_back(index);
    current.assign(4, static_cast<float>(index));
    return std::as_bytes(std::span<const float>(current));
  });
  EXPECT_THAT(asked, testing::ElementsAre(1, 0));
  const auto file = SafetensorsFile::open(folder_ / "out.safetensors");
  EXPECT_THAT(decoded(file.at("a")), testing::Each(1.0f));
  EXPECT_THAT(decoded(file.at("b")), testing::Each(0.0f));
  EXPECT_TRUE(file.metadata().empty());
}

TEST_F(SafetensorsWriterTest, FileWithoutTensorsIsWrittenAndRead) {
  write_safetensors(folder_ / "out.safetensors", {}, {});
  const auto file = SafetensorsFile::open(folder_ / "out.safetensors");
  EXPECT_TRUE(file.tensors().empty());
}

TEST_F(SafetensorsWriterTest, FaultsOfTheCallerLeaveNoFile) {
  const auto write = [&](std::vector<TensorView> tensors) { write_safetensors(folder_ / "out.safetensors", tensors); };
  EXPECT_THROW(write({four_floats("a"), four_floats("a")}), base::InternalError);
  EXPECT_THROW(write({four_floats("__metadata__")}), base::InternalError);
  auto wrong = four_floats("a");
  wrong.shape = {3, 2};
  EXPECT_THROW(write({wrong}), base::InternalError);
  wrong = four_floats("a");
  wrong.type = ElementType::kQ8_0;
  EXPECT_THROW(write({wrong}), base::InternalError);
  EXPECT_TRUE(files().empty());
}

TEST_F(SafetensorsWriterTest, MissingFolderIsTheSurroundingsFault) {
  EXPECT_THROW(write_safetensors(folder_ / "missing/out.safetensors", {}), base::SurroundingsError);
}

TEST_F(SafetensorsWriterTest, ShardsHoldAtMostTheGivenBytes) {
  const std::vector<TensorView> tensors = {four_floats("a"), four_floats("b"), four_floats("c"), four_floats("d"), four_floats("e")};
  write_sharded(folder_, tensors, 33);
  EXPECT_THAT(files(), testing::ElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                                            "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  const auto index = nlohmann::json::parse(base::read_file(folder_ / "model.safetensors.index.json"));
  EXPECT_EQ(index["metadata"]["total_size"], 5 * 16);
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00003.safetensors");
  const auto all = ShardedTensors::open(folder_);
  EXPECT_EQ(all.tensors().size(), 5u);
  for (const auto& tensor : all.tensors()) EXPECT_EQ(decoded(tensor), kValues);
}

TEST_F(SafetensorsWriterTest, TensorLargerThanAShardGetsItsOwn) {
  const std::vector<TensorView> tensors = {four_floats("a"), four_floats("b")};
  write_sharded(folder_, tensors, 1);
  EXPECT_EQ(num_tensors(), 2u);
  EXPECT_EQ(files().size(), 3u);
}

TEST_F(SafetensorsWriterTest, WritingAgainLeavesNothingOfTheOtherKind) {
  const std::vector<TensorView> tensors = {four_floats("a"), four_floats("b")};
  base::write_file_atomically(folder_ / "config.json", "{}");
  write_sharded(folder_, tensors, 16);
  EXPECT_EQ(files().size(), 4u);
  write_sharded(folder_, tensors);
  EXPECT_THAT(files(), testing::ElementsAre("config.json", "model.safetensors"));
  write_sharded(folder_, tensors, 16);
  EXPECT_EQ(files().size(), 4u);
  EXPECT_EQ(num_tensors(), 2u);
}

}  // namespace
}  // namespace drover::weights
