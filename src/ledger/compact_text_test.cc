#include "ledger/compact_text.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace drover::ledger {
namespace {

using text::TokenId;

TEST(CompactText, WritesIdsAsBase64OverVariableLengthNumbers) {
  // 1, 127 take one byte; 300 = 0b10'0101100 takes 0xAC 0x02. `printf '\x01\x7f\xac\x02' | base64` gives AX+sAg==.
  EXPECT_EQ(pack_ids(std::vector{TokenId{1}, TokenId{127}, TokenId{300}}), "AX+sAg");
  // `printf '\x00\x00\x80\x3f' | base64` gives AACAPw==: 1.0f in little-endian order.
  EXPECT_EQ(pack_floats(std::vector{1.0F}), "AACAPw");
}

TEST(CompactText, GivesBackWhatItPacked) {
  for (std::size_t count = 0; count < 9; ++count) {
    std::vector<TokenId> ids;
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) {
      ids.push_back(TokenId{static_cast<std::int32_t>(i * i * i * 4001)});
      values.push_back(-1.0F / static_cast<float>(i + 3));
    }
    EXPECT_EQ(unpack_ids(pack_ids(ids)), ids);
    EXPECT_EQ(unpack_floats(pack_floats(values)), values);
  }
  const std::vector<float> odd = {0.0F, -std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::denorm_min()};
  EXPECT_EQ(unpack_floats(pack_floats(odd)), odd);
}

TEST(CompactText, RefusesDamage) {
  EXPECT_THROW(unpack_ids("A"), base::UserError);           // no whole byte
  EXPECT_THROW(unpack_ids("!!!!"), base::UserError);        // not the alphabet
  EXPECT_THROW(unpack_ids("gA"), base::UserError);          // 0x80: a number without its end
  EXPECT_THROW(unpack_ids("gICAgICAAA"), base::UserError);  // more than 32 bits
  EXPECT_THROW(unpack_floats("AACA"), base::UserError);     // three bytes
}

}  // namespace
}  // namespace drover::ledger
