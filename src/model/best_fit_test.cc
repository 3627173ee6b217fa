#include "model/best_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::model {
namespace {

using testing::ElementsAre;

TEST(BestFit, TheFullestBinThatHasRoomTakesAThing) {
  // 7 and 6 each begin a bin; 3 fits both and goes where 3 is left; 4 fits the other.
  EXPECT_THAT(best_fit(std::vector<std::int64_t>{3, 6, 7, 4}, 10), ElementsAre(ElementsAre(2, 0), ElementsAre(1, 3)));
}

TEST(BestFit, WhatIsLargerThanABinHasItsOwn) {
  EXPECT_THAT(best_fit(std::vector<std::int64_t>{1, 25, 9}, 10), ElementsAre(ElementsAre(1), ElementsAre(2, 0)));
  EXPECT_TRUE(best_fit(std::vector<std::int64_t>{}, 10).empty());
}

}  // namespace
}  // namespace drover::model
