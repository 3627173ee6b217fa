#include "weights/rope_rows.h"

#include <gtest/gtest.h>

#include "weights/gguf.h"
#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

std::vector<std::byte> reordered(decltype(rope_halves_to_neighbours)& reorder, const TensorView& tensor, std::int64_t num_heads) {
  std::vector<std::byte> out(tensor.bytes.size());
  reorder(tensor.bytes, tensor.shape[0], num_heads, out);
  return out;
}

std::vector<std::byte> copy(const TensorView& tensor) { return {tensor.bytes.begin(), tensor.bytes.end()}; }

// rope.gguf holds rows of 3 heads of width 8 before and after the permutation of the Llama converter.
TEST(RopeRows, EqualTheConvertersPermutationOnPlainAndQuantisedRows) {
  const auto file = GgufFile::open(golden("rope.gguf"));
  for (const std::string type : {"f32", "q8_0"}) {
    const TensorView& halves = file.at(type + ".halves");
    const TensorView& neighbours = file.at(type + ".neighbours");
    EXPECT_EQ(reordered(rope_halves_to_neighbours, halves, 3), copy(neighbours)) << type;
    EXPECT_EQ(reordered(rope_neighbours_to_halves, neighbours, 3), copy(halves)) << type;
  }
}

TEST(RopeRows, OfOneHeadOfFourInterleaveTheHalves) {
  const std::string_view halves = "abcd";
  std::string out(4, ' ');
  rope_halves_to_neighbours(bytes_of(halves), 4, 1, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out, "acbd");
}

TEST(RopeRows, RefuseRowsThatHeadsCannotShare) {
  std::vector<std::byte> in(12);
  std::vector<std::byte> out(12);
  EXPECT_THROW(rope_halves_to_neighbours(in, 6, 2, out), base::InternalError);
  EXPECT_THROW(rope_halves_to_neighbours(in, 6, 0, out), base::InternalError);
  EXPECT_THROW(rope_halves_to_neighbours(in, 8, 2, out), base::InternalError);
  EXPECT_THROW(rope_halves_to_neighbours(in, 6, 3, std::span(out).first(6)), base::InternalError);
}

}  // namespace
}  // namespace drover::weights
