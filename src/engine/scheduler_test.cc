// Who runs when, and what a step computes: seen from an engine on a fake model with pages of 4 tokens.
#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/engine_on_fake_model_test.h"

namespace drover::engine {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;
using text::TokenId;

/// Samples that run after one step, of three whose prompt has 10 tokens and whose replies have up to 6: 16 tokens or 4
/// pages, of which later samples share the 2 full ones of the prompt.
std::int64_t running_with(std::int64_t pages, EngineOptions options = {}) {
  EngineOnFakeModel made(pages, options);
  made.submit(SampleRequest{.prompt = counting(10), .options = {.max_tokens = 6}, .num_samples = 3});
  made.engine->step();
  return made.engine->statistics().running;
}

TEST(Scheduler, ASampleNeedsThePagesOfItsLongestFormWithoutThoseItShares) {
  EXPECT_EQ(running_with(4), 1);
  EXPECT_EQ(running_with(5), 1);
  EXPECT_EQ(running_with(6), 2);
  EXPECT_EQ(running_with(7), 2);
  EXPECT_EQ(running_with(8), 3);
  EXPECT_EQ(running_with(11, {.share_pages = false}), 2);
  EXPECT_EQ(running_with(12, {.share_pages = false}), 3);
  EXPECT_EQ(running_with(100, {.max_sequences = 2}), 2);
}

TEST(Scheduler, WhatAdmittedSamplesMayStillTakeIsNotGivenToOthers) {
  EngineOnFakeModel made(9);
  made.submit(SampleRequest{.prompt = counting(2), .options = {.max_tokens = 30}});  // 8 pages, later
  const auto second = made.submit(SampleRequest{.prompt = counting(2, 5), .options = {.max_tokens = 6}});
  made.engine->step();
  EXPECT_EQ(made.engine->statistics().pages_in_use, 1);
  EXPECT_EQ(made.engine->statistics().running, 1);
  EXPECT_EQ(made.engine->statistics().waiting, 1);
  made.run();
  EXPECT_TRUE(second->is_over);
}

TEST(Scheduler, AnEarlyEndGivesTheReserveBackAtOnce) {
  EngineOnFakeModel made(9);
  const auto first = made.submit(SampleRequest{.prompt = counting(2), .options = {.max_tokens = 30}});
  first->when_token = [](std::int64_t, std::int64_t count) { return count < 3; };
  made.submit(SampleRequest{.prompt = counting(2, 5), .options = {.max_tokens = 6}});
  for (int i = 0; i < 3; ++i) made.engine->step();
  EXPECT_EQ(made.engine->statistics().waiting, 1);
  made.engine->step();
  EXPECT_EQ(made.engine->statistics().running, 1);
  EXPECT_EQ(made.engine->statistics().waiting, 0);
}

TEST(Scheduler, ALargeRequestIsNotPassedBySmallOnes) {
  EngineOnFakeModel made(10);
  const auto running = made.submit(SampleRequest{.prompt = counting(2), .options = {.max_tokens = 10}});  // 3 pages
  const auto large = made.submit(SampleRequest{.prompt = counting(20), .options = {.max_tokens = 12}});   // 8 pages
  const auto small = made.submit(SampleRequest{.prompt = counting(2, 7), .options = {.max_tokens = 2}});
  bool large_came_first = false;
  small->when_token = [&](std::int64_t, std::int64_t) {
    return large_came_first = large_came_first || !large->samples.empty();
  };
  made.run();
  EXPECT_TRUE(running->is_over);
  EXPECT_TRUE(large->is_over);
  EXPECT_TRUE(large_came_first);
}

TEST(Scheduler, LaterSamplesDrawFromTheKeptOutputsOfThePrompt) {
  // The first sample needs 4 pages; the prompt's 3 stay, and each later one needs 2 more: one after the other in 5
  // pages.
  EngineOnFakeModel made(5);
  const SampleRequest request{.prompt = counting(10), .options = {.max_tokens = 6}, .num_samples = 4};
  made.expect_as_if_alone(request, *made.answer(request));
  EXPECT_EQ(made.model->computed_tokens, 10 + 4 * 5);
  EXPECT_EQ(made.engine->statistics().pages_peak, 5);
}

TEST(Scheduler, KeptPagesDoNotStandInTheWayOfTheirOwnSamples) {
  // One page less: the kept part of the prompt's last page is let go, and at most its tokens are computed again.
  EngineOnFakeModel made(4);
  const SampleRequest request{.prompt = counting(10), .options = {.max_tokens = 6}, .num_samples = 4};
  made.expect_as_if_alone(request, *made.answer(request));
  EXPECT_LE(made.model->computed_tokens, 10 + 4 * 5 + 3 * 2);
  EXPECT_EQ(made.engine->statistics().prompt_tokens, 10);
}

TEST(Scheduler, PromptsAreCutToTheTokensOfAStepAfterAllDecodingSamples) {
  EngineOnFakeModel made(100, {.tokens_per_step = 8});
  made.submit(SampleRequest{.prompt = counting(3), .options = {.max_tokens = 20}, .num_samples = 2});
  made.engine->step();
  EXPECT_THAT(made.model->last_sizes, ElementsAre(3));
  made.submit(SampleRequest{.prompt = counting(15, 5), .options = {.max_tokens = 20}});
  made.engine->step();
  EXPECT_THAT(made.model->last_sizes, UnorderedElementsAre(1, 1, 6));
  made.engine->step();
  EXPECT_THAT(made.model->last_sizes, UnorderedElementsAre(1, 1, 6));
  made.engine->step();
  EXPECT_THAT(made.model->last_sizes, UnorderedElementsAre(1, 1, 3));
  made.engine->step();
  EXPECT_THAT(made.model->last_sizes, ElementsAre(1, 1, 1));
}

TEST(Scheduler, PromptsGoOnThoughDecodingAloneFillsTheStep) {
  EngineOnFakeModel made(100, {.tokens_per_step = 2});
  made.submit(SampleRequest{.prompt = counting(2), .options = {.max_tokens = 20}, .num_samples = 5});
  made.engine->step();
  made.submit(SampleRequest{.prompt = counting(15, 5), .options = {.max_tokens = 20}});
  made.engine->step();
  EXPECT_THAT(made.model->last_sizes, UnorderedElementsAre(1, 1, 1, 1, 1, 4));
}

TEST(Scheduler, ChunksWithEqualFirstPagesAreNeighbours) {
  EngineOnFakeModel made;
  const SampleRequest one{.prompt = counting(9), .options = {.max_tokens = 9}, .num_samples = 3};
  const SampleRequest other{.prompt = counting(9, 4), .options = {.max_tokens = 9, .seed = 1}, .num_samples = 2};
  SampleRequest like_one = one;  // comes last, but begins with a page of the first
  like_one.prompt.resize(7);
  made.submit(one);
  made.submit(other);
  made.engine->step();
  made.submit(like_one);
  for (int i = 0; i < 4; ++i) made.engine->step();
  const auto& pages = made.model->last_pages;
  ASSERT_EQ(pages.size(), 8U);
  int changes = 0;
  for (std::size_t i = 1; i < pages.size(); ++i) changes += pages[i][0] != pages[i - 1][0] ? 1 : 0;
  EXPECT_EQ(changes, 1);
  // So are those that also share the second one.
  std::vector<PageId> second;
  for (const auto& sequence : pages) second.push_back(sequence[1]);
  int second_changes = 0;
  for (std::size_t i = 1; i < second.size(); ++i) second_changes += second[i] != second[i - 1] ? 1 : 0;
  EXPECT_EQ(second_changes + 1, std::ssize(std::set(second.begin(), second.end())));
}

TEST(Scheduler, SamplesThatComeToTheSameTokensShareTheirPages) {
  EngineOnFakeModel made;
  made.submit(SampleRequest{.prompt = counting(8), .options = {.temperature = 0.0, .max_tokens = 9}, .num_samples = 5});
  for (int i = 0; i < 9; ++i) made.engine->step();
  // Two pages of the prompt and two of the reply.
  EXPECT_EQ(made.engine->statistics().pages_cached, 4);
  EXPECT_EQ(made.engine->statistics().pages_in_use, 0);
}

}  // namespace
}  // namespace drover::engine
