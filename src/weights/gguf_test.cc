#include "weights/gguf.h"

#include <gmock/gmock.h>

#include <limits>

#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

// metadata.gguf was written by gguf-py.
class GgufFileTest : public testing::Test {
 protected:
  GgufFile file_ = GgufFile::open(golden("metadata.gguf"));
};

TEST_F(GgufFileTest, GivesIntegersOfEveryWidth) {
  EXPECT_THAT(file_.find_integer("a.u8"), Optional(200));
  EXPECT_THAT(file_.find_integer("a.i8"), Optional(-100));
  EXPECT_THAT(file_.find_integer("a.u16"), Optional(60000));
  EXPECT_THAT(file_.find_integer("a.i16"), Optional(-30000));
  EXPECT_THAT(file_.find_integer("a.u32"), Optional(4000000000));
  EXPECT_THAT(file_.find_integer("a.i32"), Optional(-2000000000));
  EXPECT_THAT(file_.find_integer("a.i64"), Optional(std::numeric_limits<std::int64_t>::min()));
  EXPECT_THAT(user_error_of([&] { file_.find_integer("a.u64"); }), HasSubstr("'a.u64' is an integer above 2^63 - 1"));
}

TEST_F(GgufFileTest, GivesNumbersBoolsAndStrings) {
  EXPECT_THAT(file_.find_number("a.f32"), Optional(0.5));
  EXPECT_THAT(file_.find_number("a.f64"), Optional(0.1));
  EXPECT_THAT(file_.find_number("a.i8"), Optional(-100.0));
  EXPECT_THAT(file_.find_number("a.u64"), Optional(18446744073709551615.0));
  EXPECT_THAT(file_.find_bool("a.bool"), Optional(true));
  EXPECT_THAT(file_.find_string("a.string"), Optional(std::string_view("gr\xC3\xBC\xC3\x9F dich")));
  EXPECT_EQ(file_.string("general.architecture"), "llama");
}

TEST_F(GgufFileTest, GivesArrays) {
  EXPECT_THAT(file_.array_of_strings("b.strings"), ElementsAre("a", "", "\xC3\xBC"));
  EXPECT_THAT(*file_.find_array_of_integers("b.i32"), ElementsAre(1, -2, 3));
  EXPECT_THAT(*file_.find_array_of_numbers("b.f32"), ElementsAre(0.5, -0.25));
  EXPECT_THAT(*file_.find_array_of_numbers("b.i32"), ElementsAre(1, -2, 3));
  EXPECT_THAT(*file_.find_array_of_bools("b.bools"), ElementsAre(true, false));
  EXPECT_EQ(file_.type_of("b.strings"), GgufType::kArray);
  EXPECT_EQ(file_.count_of("b.strings"), 3u);
}

TEST_F(GgufFileTest, AbsentKeysAreNothingOrAUserError) {
  EXPECT_EQ(file_.find_string("x"), std::nullopt);
  EXPECT_EQ(file_.find_integer("x"), std::nullopt);
  EXPECT_EQ(file_.find_number("x"), std::nullopt);
  EXPECT_EQ(file_.find_bool("x"), std::nullopt);
  EXPECT_EQ(file_.find_array_of_strings("x"), std::nullopt);
  EXPECT_EQ(file_.find_array_of_integers("x"), std::nullopt);
  EXPECT_EQ(file_.find_array_of_numbers("x"), std::nullopt);
  EXPECT_EQ(file_.find_array_of_bools("x"), std::nullopt);
  EXPECT_EQ(file_.type_of("x"), std::nullopt);
  EXPECT_EQ(file_.count_of("x"), 0u);
  EXPECT_THAT(user_error_of([&] { file_.integer("x"); }), HasSubstr("lacks the metadata 'x'"));
  EXPECT_THAT(user_error_of([&] { file_.string("x"); }), HasSubstr("lacks the metadata 'x'"));
  EXPECT_THAT(user_error_of([&] { file_.number("x"); }), HasSubstr("lacks the metadata 'x'"));
  EXPECT_THAT(user_error_of([&] { file_.array_of_strings("x"); }), HasSubstr("lacks the metadata 'x'"));
}

TEST_F(GgufFileTest, OtherTypesAreUserErrors) {
  EXPECT_THAT(user_error_of([&] { file_.find_integer("a.f32"); }), HasSubstr("'a.f32' is f32; an integer is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_integer("a.bool"); }), HasSubstr("'a.bool' is bool; an integer is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_integer("b.i32"); }), HasSubstr("'b.i32' is an array of i32; an integer is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_string("b.strings"); }), HasSubstr("is an array of string; a string is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_number("a.string"); }), HasSubstr("a number is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_bool("a.u8"); }), HasSubstr("a bool is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_array_of_strings("a.string"); }), HasSubstr("an array of strings is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_array_of_integers("b.f32"); }), HasSubstr("an array of integers is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_array_of_numbers("b.bools"); }), HasSubstr("an array of numbers is expected"));
  EXPECT_THAT(user_error_of([&] { file_.find_array_of_bools("b.i32"); }), HasSubstr("an array of bools is expected"));
}

TEST_F(GgufFileTest, GivesTensorsInPyTorchsOrder) {
  ASSERT_EQ(file_.tensors().size(), 9u);
  for (const auto& tensor : file_.tensors()) {
    const auto values = decoded(tensor);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], static_cast<float>(i)) << tensor.name;
  }
  EXPECT_THAT(file_.at("f32").shape, ElementsAre(2, 3));
  EXPECT_THAT(file_.at("cube").shape, ElementsAre(2, 3, 4));
  EXPECT_EQ(file_.at("bf16").type, ElementType::kBF16);
  EXPECT_EQ(file_.at("int64").type, ElementType::kI64);
  EXPECT_EQ(file_.find("missing"), nullptr);
  EXPECT_THAT(user_error_of([&] { file_.at("missing"); }), HasSubstr("lacks the tensor 'missing'"));
  EXPECT_EQ(file_.version(), 3u);
  EXPECT_EQ(file_.alignment(), 32u);
}

TEST_F(GgufFileTest, CopiesAndOwnersKeepTheBytesAlive) {
  auto other = std::make_unique<GgufFile>(GgufFile::open(golden("metadata.gguf")));
  const GgufFile copy = *other;
  const TensorView tensor = other->at("f32");
  const auto owner = other->owner();
  other.reset();
  EXPECT_EQ(copy.string("general.architecture"), "llama");
  EXPECT_EQ(decoded(tensor).size(), 6u);
}

}  // namespace
}  // namespace drover::weights
