#include "base/shown_name.h"

#include <gtest/gtest.h>

namespace drover::base {
namespace {

TEST(ShownName, IsShortAndPrintable) {
  EXPECT_EQ(shown_name("blk.0.attn_q.weight"), "'blk.0.attn_q.weight'");
  EXPECT_EQ(shown_name(std::string_view("a\0\x1b[2J\xC3", 7)), "'a\\x00\\x1b[2J\\xc3'");
  EXPECT_EQ(shown_name(std::string(1000, 'x')).size(), 80u + 2 + 3);
  EXPECT_EQ(escaped_name("a\tb"), "a\\x09b");
}

}  // namespace
}  // namespace drover::base
