#include "base/random_stream.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace drover::base {
namespace {

// The known answers that the authors ship with Random123 (kat_vectors, philox4x32 10 rounds).
TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, DependsOnItsNameOnly) {
  RandomStream a(7, "sample", 3);
  RandomStream b(7, "sample", 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next_u32(), b.next_u32());
  EXPECT_NE(RandomStream(7, "sample", 3).next_u64(), RandomStream(7, "sample", 4).next_u64());
  EXPECT_NE(RandomStream(7, "sample", 3).next_u64(), RandomStream(7, "shuffle", 3).next_u64());
  EXPECT_NE(RandomStream(7, "sample", 3).next_u64(), RandomStream(8, "sample", 3).next_u64());
}

TEST(RandomStream, ChildIgnoresHowMuchTheParentHasDrawn) {
  RandomStream fresh(1, "prompt");
  RandomStream used(1, "prompt");
  used.next_u64();
  EXPECT_EQ(fresh.child(5).next_u64(), used.child(5).next_u64());
  EXPECT_NE(fresh.child(5).next_u64(), fresh.child(6).next_u64());
}

TEST(RandomStream, ResumesAtAnyPosition) {
  RandomStream whole(3, "resume");
  for (int i = 0; i < 7; ++i) whole.next_u32();
  RandomStream resumed(3, "resume");
  resumed.skip_to(7);
  EXPECT_EQ(whole.next_u64(), resumed.next_u64());
}

TEST(RandomStream, UniformAndNormalHaveTheirMoments) {
  RandomStream stream(11, "moments");
  const int n = 200000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = stream.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    const double z = stream.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  EXPECT_NEAR(sum / n, 0.5, 0.005);
  EXPECT_NEAR(normal_sum / n, 0.0, 0.01);
  EXPECT_NEAR(normal_squares / n, 1.0, 0.02);
}

TEST(RandomStream, ShuffleIsAPermutationAndReachesEveryPlace) {
  std::vector<int> first_places(5, 0);
  for (int round = 0; round < 5000; ++round) {
    std::vector<int> items(5);
    std::iota(items.begin(), items.end(), 0);
    RandomStream(2, "shuffle", static_cast<std::uint64_t>(round)).shuffle(std::span(items));
    std::vector<int> sorted = items;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, (std::vector<int>{0, 1, 2, 3, 4}));
    ++first_places[static_cast<std::size_t>(items[0])];
  }
  for (const int count : first_places) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace drover::base
