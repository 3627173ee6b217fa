#include "weights/element_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "weights/gguf.h"
#include "weights/safetensors.h"
#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

std::vector<std::byte> encoded(ElementType type, const std::vector<float>& values) {
  const BlockSize block = block_size(type);
  std::vector<std::byte> bytes(values.size() / static_cast<std::size_t>(block.elements) * static_cast<std::size_t>(block.bytes));
  from_float32(type, values, bytes);
  return bytes;
}

std::vector<std::byte> copy(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(ToFloat32, EqualsGgufPyOnEveryBlockFormatBitForBit) {
  const auto blocks = GgufFile::open(golden("blocks.gguf"));
  const auto expected = SafetensorsFile::open(golden("decoded.safetensors"));
  ASSERT_EQ(blocks.tensors().size(), 15u);
  for (const TensorView& tensor : blocks.tensors()) {
    EXPECT_EQ(tensor.shape, expected.at(tensor.name).shape) << tensor.name;
    EXPECT_EQ(bits_of(decoded(tensor)), bits_of(decoded(expected.at(tensor.name)))) << tensor.name;
  }
}

TEST(ToFloat32, EqualsPyTorchOnEightBitFloats) {
  const auto file = SafetensorsFile::open(golden("encoded.safetensors"));
  for (const char* name : {"f8_e4m3", "f8_e5m2"}) {
    const auto actual = decoded(file.at(name));
    const auto expected = decoded(file.at(std::string(name) + ".values"));
    ASSERT_EQ(actual.size(), 256u);
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_TRUE(actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]))) << name << " " << i;
    }
  }
}

TEST(ToFloat32, ReadsBytesAtAnyAddress) {
  std::vector<std::byte> bytes(1 + 4 * sizeof(double));
  const double values[] = {1.5, -2, 1e300, 0};
  std::memcpy(bytes.data() + 1, values, sizeof values);
  std::vector<float> out(4);
  to_float32(ElementType::kF64, std::span(bytes).subspan(1), out);
  EXPECT_EQ(out, (std::vector<float>{1.5f, -2, std::numeric_limits<float>::infinity(), 0}));
}

TEST(ToFloat32, ThreadsGiveTheSameBits) {
  const auto blocks = GgufFile::open(golden("blocks.gguf"));
  base::ThreadPool pool(3);
  for (const char* name : {"Q4_1.random", "Q6_K.random"}) {
    const TensorView& tensor = blocks.at(name);
    // Enough copies for several pieces of work and a ragged end.
    std::vector<std::byte> many;
    const std::size_t copies = 300001 / static_cast<std::size_t>(tensor.num_elements()) + 1;
    for (std::size_t i = 0; i < copies; ++i) many.insert(many.end(), tensor.bytes.begin(), tensor.bytes.end());
    std::vector<float> alone(copies * static_cast<std::size_t>(tensor.num_elements()));
    std::vector<float> together(alone.size());
    to_float32(tensor.type, many, alone);
    to_float32(tensor.type, many, together, pool);
    EXPECT_EQ(bits_of(alone), bits_of(together)) << name;
    std::vector<std::uint16_t> rounded_alone(alone.size());
    std::vector<std::uint16_t> rounded_together(alone.size());
    to_bfloat16(tensor.type, many, rounded_alone);
    to_bfloat16(tensor.type, many, rounded_together, pool);
    EXPECT_EQ(rounded_alone, rounded_together) << name;
  }
}

TEST(ToFloat32, RefusesSizesThatDoNotAgree) {
  std::vector<std::byte> bytes(18);
  std::vector<float> out(31);
  EXPECT_THROW(to_float32(ElementType::kQ4_0, bytes, out), base::InternalError);
  out.resize(32);
  EXPECT_THROW(to_float32(ElementType::kQ4_0, std::span(bytes).first(17), out), base::InternalError);
  EXPECT_NO_THROW(to_float32(ElementType::kQ4_0, bytes, out));
  EXPECT_NO_THROW(to_float32(ElementType::kF32, {}, {}));
}

TEST(ToBfloat16, EqualsPyTorchsRounding) {
  const auto file = SafetensorsFile::open(golden("encoded.safetensors"));
  const TensorView& values = file.at("bf16.values");
  const TensorView& rounded = file.at("bf16.rounded");
  std::vector<std::uint16_t> actual(static_cast<std::size_t>(values.num_elements()));
  std::vector<std::uint16_t> expected(actual.size());
  std::memcpy(expected.data(), rounded.bytes.data(), rounded.bytes.size());
  ASSERT_GT(actual.size(), 4000u);
  to_bfloat16(ElementType::kF32, values.bytes, actual);
  EXPECT_EQ(actual, expected);
  to_bfloat16(ElementType::kBF16, rounded.bytes, actual);
  EXPECT_EQ(actual, expected);
}

TEST(ToBfloat16, OfBlocksIsTheRoundedFloat32) {
  const auto blocks = GgufFile::open(golden("blocks.gguf"));
  for (const TensorView& tensor : blocks.tensors()) {
    const auto wide = decoded(tensor);
    std::vector<std::uint16_t> direct(wide.size());
    std::vector<std::uint16_t> in_two_steps(wide.size());
    to_bfloat16(tensor.type, tensor.bytes, direct);
    to_bfloat16(ElementType::kF32, std::as_bytes(std::span(wide)), in_two_steps);
    EXPECT_EQ(direct, in_two_steps) << tensor.name;
  }
}

TEST(FromFloat32, EqualsPyTorchInHalfAndBfloat16) {
  const auto file = SafetensorsFile::open(golden("encoded.safetensors"));
  const auto values = decoded(file.at("bf16.values"));
  EXPECT_EQ(encoded(ElementType::kBF16, values), copy(file.at("bf16.rounded").bytes));
  EXPECT_EQ(encoded(ElementType::kF16, values), copy(file.at("f16.rounded").bytes));
  EXPECT_EQ(encoded(ElementType::kF32, values), copy(file.at("bf16.values").bytes));
}

TEST(FromFloat32, EqualsGgufPyInQ8_0) {
  const auto file = SafetensorsFile::open(golden("encoded.safetensors"));
  EXPECT_EQ(encoded(ElementType::kQ8_0, decoded(file.at("q8_0.values"))), copy(file.at("q8_0.bytes").bytes));
}

// Halves go away from zero: 0.5 -> 1, -2.5 -> -3 (largest magnitude 127, so the scale is exactly 1).
TEST(FromFloat32, RoundsHalvesAwayFromZeroInQ8_0) {
  std::vector<float> values(32, 0.0f);
  values[0] = 127;
  values[1] = 0.5f;
  values[2] = -2.5f;
  values[3] = std::nextafter(0.5f, 0.0f);
  const auto bytes = encoded(ElementType::kQ8_0, values);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2 + 1]), 1);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2 + 2]), -3);
  EXPECT_EQ(static_cast<std::int8_t>(bytes[2 + 3]), 0);
}

TEST(FromFloat32, RefusesWhatQ8_0CannotHold) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e7f}) {
    std::vector<float> values(64, 1.0f);
    values[40] = bad;
    const auto message = user_error_of([&] { encoded(ElementType::kQ8_0, values); });
    EXPECT_NE(message.find("Elements 32 to 63"), std::string::npos) << message;
  }
  std::vector<std::byte> bytes(34);
  EXPECT_THROW(from_float32(ElementType::kQ8_0, std::vector<float>(31), bytes), base::InternalError);
  EXPECT_THROW(from_float32(ElementType::kQ4_0, std::vector<float>(32), bytes), base::InternalError);
}

}  // namespace
}  // namespace drover::weights
