#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <string>

namespace drover::base {
namespace {

constexpr std::string_view kKnown[] = {"messages", "prompt", "chosen", "id"};

TEST(NearestName, FindsTheNameThatOneSlipAwayIsMeant) {
  EXPECT_EQ(nearest_name("mesages", kKnown), "messages");
  EXPECT_EQ(nearest_name("Promt", kKnown), "prompt") << "case does not count";
}

TEST(NearestName, IsSilentWhenMoreThanAThirdWouldChange) {
  EXPECT_EQ(nearest_name("answer", kKnown), std::nullopt);
  EXPECT_EQ(nearest_name("ix", kKnown), "id") << "one change is always allowed";
  EXPECT_EQ(nearest_name(std::string(1000000, 'm'), kKnown), std::nullopt) << "and does not measure huge names";
  EXPECT_EQ(suggestion("answer", kKnown), "");
  EXPECT_EQ(suggestion("chosn", kKnown), " (did you mean \"chosen\"?)");
}

}  // namespace
}  // namespace drover::base
