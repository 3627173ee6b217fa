#include "train/ranked_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::train {
namespace {

using Level = chat::PreferenceLevel;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(RankedPairs, APairIsAsFarApartAsTheFarthestNeighboursBetweenItsResponses) {
  const std::vector<Level> levels{Level::kSlight, Level::kSignificant, Level::kMarginal};
  EXPECT_EQ(level_between(levels, 0, 1), Level::kSlight);
  EXPECT_EQ(level_between(levels, 0, 3), Level::kSignificant);
  EXPECT_EQ(level_between(levels, 2, 3), Level::kMarginal);
}

TEST(RankedPairs, AnEditStaysClearlyBetterThanARejectedResponseThatIsCloseToTheChosenOne) {
  // edited, chosen, rejected
  const std::vector<Level> levels{Level::kBetter, Level::kSlight};
  EXPECT_THAT(clear_pairs(levels, Level::kBetter), ElementsAre(RankedPair{0, 1}, RankedPair{0, 2}));
  EXPECT_THAT(clear_pairs(levels, Level::kSlight), ElementsAre(RankedPair{0, 1}, RankedPair{0, 2}, RankedPair{1, 2}));
  EXPECT_THAT(clear_pairs(levels, Level::kSignificant), IsEmpty());
}

TEST(RankedPairs, AllPairsComeInOrder) {
  EXPECT_THAT(all_pairs(3), ElementsAre(RankedPair{0, 1}, RankedPair{0, 2}, RankedPair{1, 2}));
  EXPECT_THAT(all_pairs(1), IsEmpty());
}

}  // namespace
}  // namespace drover::train
