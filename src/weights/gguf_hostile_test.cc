// Files that no honest writer makes: every one ends in a UserError that says what is wrong.
#include <gmock/gmock.h>

#include <limits>

#include "weights/gguf.h"
#include "weights/test_files_test.h"

namespace drover::weights {
namespace {

using testing::HasSubstr;

/// Puts a GGUF file together by hand.
class Bytes {
 public:
  template <typename Number>
  Bytes& add(Number number) {
    text_.append(reinterpret_cast<const char*>(&number), sizeof number);
    return *this;
  }
  Bytes& add(GgufType type) { return add(static_cast<std::uint32_t>(type)); }
  Bytes& string(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    text_.append(text);
    return *this;
  }
  Bytes& tensor(std::string_view name, const std::vector<std::int64_t>& dimensions, std::uint32_t type, std::uint64_t offset) {
    string(name).add(static_cast<std::uint32_t>(dimensions.size()));
    for (const auto size : dimensions) add(size);
    return add(type).add(offset);
  }
  Bytes& data(std::size_t count, std::size_t alignment = 32) {
    while (text_.size() % alignment != 0) text_ += '\0';
    text_.append(count, '\1');
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Bytes header(std::int64_t num_tensors, std::int64_t num_entries, std::uint32_t version = 3) {
  Bytes bytes;
  for (const char character : std::string_view("GGUF")) bytes.add(character);
  bytes.add(version).add(num_tensors).add(num_entries);
  return bytes;
}

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ8_0 = 8;

std::string fault_of(std::string_view file) {
  return user_error_of([&] { GgufFile::parse(bytes_of(file), "x.gguf"); });
}
std::string fault_of(const Bytes& bytes) { return fault_of(bytes.text()); }

TEST(HostileGguf, GoodFilesForComparisonAreRead) {
  EXPECT_EQ(fault_of(header(0, 0)), "");
  EXPECT_EQ(fault_of(header(0, 0, 2)), "");
  EXPECT_EQ(fault_of(header(1, 0).tensor("a", {4}, kF32, 0).data(16)), "");
  EXPECT_EQ(fault_of(header(0, 1).string("k").add(GgufType::kU8).add('\7')), "");
}

TEST(HostileGguf, EveryTruncationIsRefused) {
  std::string whole = base::read_file(golden("metadata.gguf"));
  // The padding after the last tensor may be missing; everything before it may not.
  const auto file = GgufFile::parse(bytes_of(whole), "x.gguf");
  const auto last = file.tensors().back().bytes;
  const auto end = static_cast<std::size_t>(last.data() + last.size() - bytes_of(whole).data());
  for (std::size_t length = 0; length < end; ++length) {
    // A copy of exactly this size, so that a sanitizer sees any read past its end.
    const std::string part(whole.data(), length);
    ASSERT_THAT(fault_of(part), HasSubstr("x.gguf")) << length;
  }
  EXPECT_EQ(fault_of(whole.substr(0, end)), "");
}

TEST(HostileGguf, WrongBeginningsAreRefused) {
  EXPECT_THAT(fault_of("PK\3\4 and more"), HasSubstr("does not begin with 'GGUF'"));
  EXPECT_THAT(fault_of(header(0, 0, 1)), HasSubstr("is GGUF version 1; versions 2 and 3 can be read"));
  EXPECT_THAT(fault_of(header(0, 0, 4)), HasSubstr("is GGUF version 4"));
  EXPECT_THAT(fault_of(header(0, 0, 0x03000000)), HasSubstr("big-endian"));
  EXPECT_THAT(fault_of(header(-1, 0)), HasSubstr("claims -1 tensors"));
  EXPECT_THAT(fault_of(header(std::int64_t{1} << 60, 0)), HasSubstr("tensors, which its 24 bytes cannot hold"));
  EXPECT_THAT(fault_of(header(0, -1)), HasSubstr("claims -1 metadata entries"));
  EXPECT_THAT(fault_of(header(0, std::numeric_limits<std::int64_t>::max())), HasSubstr("metadata entries, which"));
}

TEST(HostileGguf, StringLengthsPastTheEndAreRefused) {
  for (const std::uint64_t length : {~std::uint64_t{0}, ~std::uint64_t{0} - 7, std::uint64_t{1} << 63, std::uint64_t{100}}) {
    EXPECT_THAT(fault_of(header(0, 1).add(length).data(64)), HasSubstr("x.gguf")) << length;
    EXPECT_THAT(fault_of(header(0, 1).string("k").add(GgufType::kString).add(length).data(1)), HasSubstr("ends inside metadata 'k'"));
    EXPECT_THAT(fault_of(header(1, 0).add(length).data(64)), HasSubstr("ends inside the name of tensor 0"));
    EXPECT_THAT(fault_of(header(0, 1).string("k").add(GgufType::kArray).add(GgufType::kString).add(std::uint64_t{1}).add(length).data(1)),
                HasSubstr("ends inside metadata 'k'"));
  }
}

TEST(HostileGguf, ArrayCountsPastTheEndAreRefused) {
  for (const std::uint64_t count : {~std::uint64_t{0}, std::uint64_t{1} << 61, std::uint64_t{1} << 40, std::uint64_t{9}}) {
    for (const GgufType type : {GgufType::kU64, GgufType::kF64, GgufType::kString}) {
      EXPECT_THAT(fault_of(header(0, 1).string("k").add(GgufType::kArray).add(type).add(count).add(std::uint64_t{0})),
                  HasSubstr("metadata 'k' claims"));
    }
  }
}

TEST(HostileGguf, NestedArraysAndUnknownTypesAreRefused) {
  EXPECT_THAT(fault_of(header(0, 1).string("k").add(GgufType::kArray).add(GgufType::kArray).add(std::uint64_t{1}).data(64)),
              HasSubstr("metadata 'k' is an array of arrays"));
  EXPECT_THAT(fault_of(header(0, 1).string("k").add(std::uint32_t{13}).data(64)), HasSubstr("metadata 'k' has value type 13"));
  EXPECT_THAT(fault_of(header(0, 1).string("k").add(GgufType::kArray).add(~std::uint32_t{0}).data(64)), HasSubstr("has value type 4294967295"));
}

TEST(HostileGguf, EmptyLongAndRepeatedNamesAreRefused) {
  const auto entry = [](Bytes bytes, std::string_view key) { return bytes.string(key).add(GgufType::kU8).add('\1'); };
  EXPECT_THAT(fault_of(entry(header(0, 1), "")), HasSubstr("the key of metadata entry 0 has 0 bytes"));
  EXPECT_THAT(fault_of(entry(header(0, 1), std::string(65536, 'k'))), HasSubstr("has 65536 bytes"));
  EXPECT_THAT(fault_of(entry(entry(header(0, 2), "k"), "k")), HasSubstr("holds metadata 'k' twice"));
  EXPECT_THAT(fault_of(header(2, 0).tensor("a", {4}, kF32, 0).tensor("a", {4}, kF32, 32).data(64)), HasSubstr("holds tensor 'a' twice"));
}

TEST(HostileGguf, WrongAlignmentIsRefused) {
  const auto aligned = [](auto alignment, GgufType type) { return header(0, 1).string("general.alignment").add(type).add(alignment); };
  EXPECT_EQ(fault_of(aligned(std::uint32_t{1}, GgufType::kU32)), "");
  EXPECT_THAT(fault_of(aligned(std::uint32_t{0}, GgufType::kU32)), HasSubstr("'general.alignment' is 0, which is not a power of two"));
  EXPECT_THAT(fault_of(aligned(std::uint32_t{48}, GgufType::kU32)), HasSubstr("'general.alignment' is 48"));
  EXPECT_THAT(fault_of(aligned(std::uint64_t{32}, GgufType::kU64)), HasSubstr("must be of type u32, not u64"));
  EXPECT_THAT(fault_of(header(1, 1).string("general.alignment").add(GgufType::kU32).add(std::uint32_t{0x80000000}).tensor("a", {4}, kF32, 0).data(64)),
              HasSubstr("ends inside the data of tensor 'a'"));
}

TEST(HostileGguf, WrongShapesAndTypesAreRefused) {
  const auto fault = [](const std::vector<std::int64_t>& dimensions, std::uint32_t type) {
    return fault_of(header(1, 0).tensor("a", dimensions, type, 0).data(64));
  };
  EXPECT_THAT(fault({1, 1, 1, 1, 1}, kF32), HasSubstr("tensor 'a' has 5 dimensions; at most 4"));
  EXPECT_THAT(fault_of(header(1, 0).string("a").add(~std::uint32_t{0}).data(64)), HasSubstr("has 4294967295 dimensions"));
  EXPECT_THAT(fault({-4}, kF32), HasSubstr("has shape [-4]"));
  EXPECT_THAT(fault({std::int64_t{1} << 32, std::int64_t{1} << 32}, kF32), HasSubstr("the product too large"));
  EXPECT_THAT(fault({std::numeric_limits<std::int64_t>::max()}, kF32), HasSubstr("the product too large"));
  EXPECT_THAT(fault({33}, kQ8_0), HasSubstr("a row is not a multiple of 32"));
  EXPECT_THAT(fault({4}, 4), HasSubstr("stored as GGUF tensor type 4, which drover does not read"));
  EXPECT_THAT(fault({4}, ~std::uint32_t{0}), HasSubstr("stored as GGUF tensor type 4294967295"));
  EXPECT_THAT(fault({17}, kF32), HasSubstr("ends inside the data of tensor 'a': 68 bytes are needed"));
  EXPECT_THAT(fault({std::int64_t{1} << 60}, kF32), HasSubstr("ends inside the data of tensor 'a'"));
}

TEST(HostileGguf, OverlapsHolesAndWildOffsetsAreRefused) {
  const auto second_at = [](std::uint64_t offset) {
    return fault_of(header(2, 0).tensor("a", {4}, kF32, 0).tensor("b", {4}, kF32, offset).data(256));
  };
  EXPECT_EQ(second_at(32), "");
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{16}, std::uint64_t{64}, ~std::uint64_t{0}, ~std::uint64_t{0} - 31}) {
    EXPECT_THAT(second_at(offset), HasSubstr("where 32 is expected, so tensors overlap or leave a hole"));
  }
}

TEST(HostileGguf, MessagesStayShortAndPrintable) {
  const auto fault = fault_of(header(0, 1).string(std::string(60000, '\x1b')).add(std::uint32_t{99}));
  EXPECT_LT(fault.size(), 600u);
  EXPECT_EQ(fault.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace drover::weights
