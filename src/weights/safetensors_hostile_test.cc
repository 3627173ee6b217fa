// Files that no honest writer makes: every one ends in a UserError that says what is wrong.
#include <gmock/gmock.h>

#include <cstring>

#include "weights/safetensors.h"
#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

using testing::HasSubstr;

std::string file_of(std::string_view header, std::size_t data_bytes) {
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, sizeof length);
  return file + std::string(header) + std::string(data_bytes, '\1');
}

std::string fault_of(std::string_view file) {
  return user_error_of([&] { SafetensorsFile::parse(bytes_of(file), "x.safetensors"); });
}

std::string fault_of(std::string_view header, std::size_t data_bytes) { return fault_of(file_of(header, data_bytes)); }

TEST(HostileSafetensors, GoodFileForComparisonIsRead) {
  EXPECT_EQ(fault_of(R"({"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}   )", 4), "");
  EXPECT_EQ(fault_of("{}", 0), "");
}

TEST(HostileSafetensors, EveryTruncationIsRefused) {
  const std::string whole = base::read_file(golden("plain.safetensors"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // A copy of exactly this size, so that a sanitizer sees any read past its end.
    const std::string part(whole.data(), length);
    ASSERT_THAT(fault_of(part), HasSubstr("x.safetensors")) << length;
  }
  EXPECT_EQ(fault_of(whole), "");
  EXPECT_THAT(fault_of(whole + "x"), HasSubstr("bytes follow the header"));
}

TEST(HostileSafetensors, HeaderLongerThanTheFileOrTheLimitIsRefused) {
  std::string file = file_of("{}", 0);
  for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{100'000'000}}) {
    std::memcpy(file.data(), &length, sizeof length);
    EXPECT_THAT(fault_of(file), HasSubstr("ends inside its header"));
  }
  for (const std::uint64_t length : {std::uint64_t{100'000'001}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    std::memcpy(file.data(), &length, sizeof length);
    EXPECT_THAT(fault_of(file), HasSubstr("100000000 are allowed"));
  }
}

TEST(HostileSafetensors, WrongHeadersAreRefusedWithTheirPlace) {
  const struct {
    std::string header;
    std::string expected;
  } cases[] = {
      {"", "does not begin with '{'"},
      {" {}", "does not begin with '{'"},
      {"{", "is not valid JSON at byte"},
      {"{}{}", "is not valid JSON at byte"},
      {"{\"a\xFF\":{}}", "is not valid JSON at byte"},
      {R"({"a":3})", "the entry of tensor 'a' is a number"},
      {R"({"a":[]})", "the entry of tensor 'a' is an array"},
      {R"({"a":null})", "the entry of tensor 'a' is null"},
      {R"({"a":{}})", "tensor 'a' lacks the field 'dtype'"},
      {R"({"a":{"dtype":"U8","shape":[4]}})", "tensor 'a' lacks the field 'data_offsets'"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}})", "tensor 'a' has the unknown field 'x'"},
      {R"({"a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]}})", "tensor 'a' has the field 'dtype' twice"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})", "lists 'a' twice"},
      {R"({"a":{"dtype":"Q4_0","shape":[4],"data_offsets":[0,4]}})", "tensor 'a' has the type 'Q4_0', which drover does not read"},
      {R"({"a":{"dtype":"u8","shape":[4],"data_offsets":[0,4]}})", "tensor 'a' has the type 'u8'"},
      {R"({"a":{"dtype":7,"shape":[4],"data_offsets":[0,4]}})", "'dtype' of tensor 'a' is a number"},
      {R"({"a":{"dtype":["U8"],"shape":[4],"data_offsets":[0,4]}})", "'dtype' of tensor 'a' is an array"},
      {R"({"a":{"dtype":"U8","shape":4,"data_offsets":[0,4]}})", "'shape' of tensor 'a' is a number"},
      {R"({"a":{"dtype":"U8","shape":["4"],"data_offsets":[0,4]}})", "'shape' of tensor 'a' is a string"},
      {R"({"a":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", "'shape' of tensor 'a' is an array"},
      {R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", "'shape' of tensor 'a' is a negative number"},
      {R"({"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", "not a whole number"},
      {R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,4]}})", "not a whole number below 2^64"},
      {R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4]}})", "above 2^63 - 1"},
      {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "needs more than 2^63 bytes"},
      {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}})", "needs more than 2^63 bytes"},
      {R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})", "needs more than 2^63 bytes"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}})", "needs 16 bytes, but its data offsets span 4"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "has the data offsets [4, 0]"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0]}})", "has the data offsets [0]"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}})", "has more than two data offsets"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[18446744073709551615,3]}})", "has the data offsets"},
      {R"({"__metadata__":{"a":1}})", "the metadata 'a' is a number"},
      {R"({"__metadata__":{"a":{}}})", "the metadata 'a' is an object"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "lists the metadata 'a' twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "lists '__metadata__' twice"},
      {R"({"__metadata__":"x"})", "'__metadata__' is a string"},
  };
  for (const auto& [header, expected] : cases) EXPECT_THAT(fault_of(header, 4), HasSubstr(expected)) << header;
}

TEST(HostileSafetensors, HolesOverlapsAndLeftoversAreRefused) {
  const auto two = [](int begin, int end) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[)" +
           std::to_string(begin) + "," + std::to_string(end) + "]}}";
  };
  EXPECT_EQ(fault_of(two(4, 8), 8), "");
  EXPECT_THAT(fault_of(two(0, 4), 8), HasSubstr("overlap or leave a hole"));
  EXPECT_THAT(fault_of(two(3, 7), 8), HasSubstr("the data of tensor 'b' begin at byte 3 where 4 is expected"));
  EXPECT_THAT(fault_of(two(5, 9), 9), HasSubstr("begin at byte 5 where 4 is expected"));
  EXPECT_THAT(fault_of(two(4, 8), 9), HasSubstr("the tensors take 8 bytes, but 9 bytes follow the header"));
  EXPECT_THAT(fault_of(two(4, 8), 7), HasSubstr("the tensors take 8 bytes, but 7 bytes follow the header"));
  EXPECT_THAT(fault_of("{}", 1), HasSubstr("the tensors take 0 bytes, but 1 bytes follow the header"));
}

TEST(HostileSafetensors, DeepNestingAndManyDimensionsStopEarly) {
  EXPECT_THAT(fault_of(R"({"a":)" + std::string(1'000'000, '['), 0), HasSubstr("the entry of tensor 'a' is an array"));
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += R"({"dtype":)";
  EXPECT_THAT(fault_of(nested, 0), HasSubstr("'dtype' of tensor 'dtype' is an object"));
  std::string shape = "0";
  for (int i = 0; i < 64; ++i) shape += ",0";
  EXPECT_THAT(fault_of(R"({"a":{"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,0]}})", 0), HasSubstr("more than 64 dimensions"));
}

TEST(HostileSafetensors, MessagesStayShortAndPrintable) {
  const std::string header = "{\"" + std::string(100'000, 'x') + R"(\u001b[2J":{"dtype":7}})";
  const auto fault = fault_of(header, 0);
  EXPECT_LT(fault.size(), 300u);
  EXPECT_EQ(fault.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace drover::weights
