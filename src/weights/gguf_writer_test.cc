#include "weights/gguf_writer.h"

#include <gmock/gmock.h>

#include "weights/gguf.h"
#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

class GgufWriterTest : public InScratchFolder {};

GgufMetadata metadata_of(const GgufFile& file) {
  GgufMetadata metadata;
  for (const auto key : file.keys()) metadata.emplace_back(key, file.value(key));
  return metadata;
}

const std::vector<float> kValues = {1, 2, 3, 4};

TensorView four_floats(const std::string& name) {
  return {.name = name, .type = ElementType::kF32, .shape = {2, 2}, .bytes = std::as_bytes(std::span(kValues))};
}

// Both files come from gguf-py, so equal bytes mean equal types, order, offsets and padding.
TEST_F(GgufWriterTest, RewritesTheFilesOfGgufPyByteForByte) {
  for (const char* name : {"metadata.gguf", "blocks.gguf"}) {
    const auto reference = GgufFile::open(golden(name));
    write_gguf(folder_ / name, metadata_of(reference), reference.tensors());
    EXPECT_EQ(base::read_file(folder_ / name), base::read_file(golden(name))) << name;
  }
}

TEST_F(GgufWriterTest, KeepsTheAlignmentOfItsMetadata) {
  const std::vector<TensorView> tensors = {four_floats("a"), four_floats("b")};
  write_gguf(folder_ / "out.gguf", {{"general.alignment", std::uint32_t{256}}}, tensors);
  const auto file = GgufFile::open(folder_ / "out.gguf");
  EXPECT_EQ(file.alignment(), 256u);
  EXPECT_EQ(file.at("b").bytes.data() - file.at("a").bytes.data(), 256);
  EXPECT_EQ(decoded(file.at("b")), kValues);
}

TEST_F(GgufWriterTest, TakesBytesFromAFunctionWhenGiven) {
  std::vector<TensorView> tensors = {four_floats("a"), four_floats("b")};
  for (auto& tensor : tensors) tensor.bytes = {};
  std::vector<float> current;
  write_gguf(folder_ / "out.gguf", {}, tensors, [&](std::size_t index) {
    current.assign(4, static_cast<float>(index));
    return std::as_bytes(std::span<const float>(current));
  });
  const auto file = GgufFile::open(folder_ / "out.gguf");
  EXPECT_THAT(decoded(file.at("a")), testing::Each(0.0f));
  EXPECT_THAT(decoded(file.at("b")), testing::Each(1.0f));
}

TEST_F(GgufWriterTest, EmptyArraysKeepTheirType) {
  const GgufMetadata metadata = {{"a", std::vector<std::string>{}}, {"b", std::vector<float>{}}, {"c", std::vector<bool>{}}};
  write_gguf(folder_ / "out.gguf", metadata, {});
  EXPECT_EQ(metadata_of(GgufFile::open(folder_ / "out.gguf")), metadata);
}

TEST_F(GgufWriterTest, FaultsOfTheCallerLeaveNoFile) {
  const auto write = [&](const GgufMetadata& metadata, std::vector<TensorView> tensors) {
    write_gguf(folder_ / "out.gguf", metadata, tensors);
  };
  EXPECT_THROW(write({{"a", true}, {"a", false}}, {}), base::InternalError);
  EXPECT_THROW(write({{"general.alignment", std::uint32_t{48}}}, {}), base::InternalError);
  EXPECT_THROW(write({}, {four_floats("a"), four_floats("a")}), base::InternalError);
  EXPECT_THROW(write({}, {four_floats(std::string(64, 'x'))}), base::InternalError);
  auto wrong = four_floats("a");
  wrong.shape = {1, 1, 1, 2, 2};
  EXPECT_THROW(write({}, {wrong}), base::InternalError);
  wrong = four_floats("a");
  wrong.type = ElementType::kU8;
  EXPECT_THROW(write({}, {wrong}), base::InternalError);
  wrong = four_floats("a");
  wrong.shape = {2, 3};
  EXPECT_THROW(write({}, {wrong}), base::InternalError);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace drover::weights
