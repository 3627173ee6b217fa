#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "engine/engine_on_fake_model_test.h"
#include "engine/memory_budget.h"

namespace drover::engine {
namespace {

using testing::HasSubstr;
using text::TokenId;

std::vector<TokenId> joined(std::vector<TokenId> tokens, const std::vector<TokenId>& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

std::vector<TokenId> reply_of(const RecordingListener& listener) {
  std::vector<TokenId> tokens;
  for (const auto& token : listener.samples.at(0)) tokens.push_back(token.id);
  return tokens;
}

TEST(Engine, SamplesAreThoseThatTheSequenceAloneWouldGive) {
  EngineOnFakeModel made;
  const SampleRequest request{
      .prompt = counting(10), .options = {.max_tokens = 9, .seed = 5}, .num_samples = 6, .first_sample = 3};
  made.expect_as_if_alone(request, *made.answer(request));
}

// ---- What is computed

TEST(Engine, APromptIsComputedOnceForAllItsSamples) {
  EngineOnFakeModel made;
  made.answer(SampleRequest{.prompt = counting(10), .options = {.max_tokens = 3}, .num_samples = 8});
  // The last token of a reply is drawn, not computed.
  EXPECT_EQ(made.model->computed_tokens, 10 + 8 * 2);
  const auto statistics = made.engine->statistics();
  EXPECT_EQ(statistics.prompt_tokens, 10);
  EXPECT_EQ(statistics.computed_tokens, 10);
  EXPECT_EQ(statistics.cached_tokens, 0);
  EXPECT_EQ(statistics.new_tokens, 24);
  EXPECT_EQ(statistics.pages_in_use, 0);
  // Pages of 4 tokens: two full ones are shared, each sample has one of its own for tokens 9 to 12.
  EXPECT_EQ(statistics.pages_peak, 2 + 8);
}

TEST(Engine, WithoutSharingEachSampleComputesItsPrompt) {
  EngineOnFakeModel made(100, {.share_pages = false});
  const SampleRequest request{.prompt = counting(10), .options = {.max_tokens = 3}, .num_samples = 8};
  made.expect_as_if_alone(request, *made.answer(request));
  EXPECT_EQ(made.model->computed_tokens, 8 * (10 + 2));
  EXPECT_EQ(made.engine->statistics().pages_cached, 0);
}

TEST(Engine, AKnownPromptCostsOneToken) {
  EngineOnFakeModel made;
  const SampleRequest request{.prompt = counting(12), .options = {.max_tokens = 1}};
  made.answer(request);
  const auto before = made.model->computed_tokens;
  made.expect_as_if_alone(request, *made.answer(request));
  EXPECT_EQ(made.model->computed_tokens - before, 1);
  EXPECT_EQ(made.engine->statistics().cached_tokens, 11);
}

TEST(Engine, ADialogGoesOnAfterAToolsOutputWithoutComputingItAgain) {
  EngineOnFakeModel made;
  const SampleRequest first{.prompt = counting(9), .options = {.max_tokens = 6}};
  const auto reply = reply_of(*made.answer(first));
  const auto before = made.model->computed_tokens;
  const SampleRequest second{.prompt = joined(joined(first.prompt, reply), counting(5)), .options = {.max_tokens = 1}};
  made.expect_as_if_alone(second, *made.answer(second));
  // The reply's last token had been drawn only.
  EXPECT_EQ(made.model->computed_tokens - before, 1 + 5);
}

TEST(Engine, AReplyForksAtAnyToken) {
  EngineOnFakeModel made;
  const SampleRequest first{.prompt = counting(7), .options = {.max_tokens = 12}};
  const auto reply = reply_of(*made.answer(first));
  for (std::size_t at = 0; at < reply.size(); ++at) {
    auto prompt = joined(first.prompt, {reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(at)});
    prompt.push_back(TokenId{(text::to_int(reply[at]) + 1) % 11});
    const SampleRequest fork{.prompt = prompt, .options = {.max_tokens = 4, .seed = 9}, .num_samples = 2};
    const auto before = made.engine->statistics();
    made.expect_as_if_alone(fork, *made.answer(fork));
    EXPECT_EQ(made.engine->statistics().computed_tokens - before.computed_tokens, 1) << "fork at " << at;
  }
}

TEST(Engine, PromptsThatStartAlikeComputeTheStartOnceEvenAtTheSameTime) {
  EngineOnFakeModel made(400, {.max_sequences = 32});
  std::vector<std::shared_ptr<RecordingListener>> listeners;
  std::vector<SampleRequest> requests;
  for (int i = 0; i < 32; ++i) {
    // Prompts that differ from the first own token on.
    auto prompt = joined(counting(40), {TokenId{i % 11}, TokenId{i / 11}, TokenId{3}});
    requests.push_back({.prompt = std::move(prompt), .options = {.max_tokens = 1}});
    listeners.push_back(made.submit(requests.back()));
  }
  made.run();
  for (std::size_t i = 0; i < requests.size(); ++i) made.expect_as_if_alone(requests[i], *listeners[i]);
  EXPECT_EQ(made.engine->statistics().prompt_tokens, 32 * 43);
  EXPECT_EQ(made.engine->statistics().cached_tokens + made.engine->statistics().computed_tokens, 32 * 43);
  EXPECT_LE(made.model->computed_tokens, 40 + 32 * 3);
}

TEST(Engine, RepliesToOnePromptAreScoredWithThePromptComputedOnce) {
  EngineOnFakeModel made;
  std::vector<std::shared_ptr<RecordingListener>> listeners;
  std::vector<OutputRequest> requests;
  for (int i = 0; i < 6; ++i) {
    requests.push_back({.tokens = joined(counting(20), counting(7, i + 2)), .first_output = 19 + 1});
    listeners.push_back(made.submit(requests.back()));
  }
  made.run();
  EXPECT_EQ(made.model->computed_tokens, 20 + 6 * 7);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_TRUE(listeners[i]->is_over);
    ASSERT_EQ(listeners[i]->outputs.size(), 7U);
    for (const auto& [position, output] : listeners[i]->outputs) {
      const auto seen = std::span(requests[i].tokens).first(static_cast<std::size_t>(position) + 1);
      EXPECT_EQ(output, made.model->outputs_after(made.model->state_after(seen)));
    }
  }
}

TEST(Engine, OutputsAreComputedEvenWhereTheTokensAreKnown) {
  EngineOnFakeModel made;
  const OutputRequest request{.tokens = counting(10), .first_output = 3};
  made.answer(request);
  EXPECT_EQ(made.answer(request)->outputs.size(), 7U);
  EXPECT_EQ(made.model->computed_tokens, 10 + 7);
}

TEST(Engine, ALongTextHandsOutItsOutputsInPieces) {
  EngineOnFakeModel made(100, {.tokens_per_step = 10000}, {.max_positions = 300, .output_width = 64 << 10});
  const auto listener = made.answer(OutputRequest{.tokens = counting(300)});
  EXPECT_EQ(listener->outputs.size(), 300U);
  // 64 MiB hold 256 outputs of 64 Ki numbers.
  EXPECT_EQ(made.model->forwards, 2);
}

TEST(Engine, TellsTheMostProbableTokensOfThePlainModelToThoseWhoAsk) {
  EngineOnFakeModel made;
  // Whatever shapes the draw: the numbers are those of the raw outputs.
  SampleRequest request{.prompt = counting(10), .options = {.temperature = 0.5, .max_tokens = 6}, .num_samples = 3};
  request.options.logit_bias = {{TokenId{3}, -INFINITY}};
  const auto silent = made.answer(request);
  EXPECT_TRUE(silent->tops.empty());
  request.num_top = 4;
  const auto listener = made.answer(request);
  made.expect_as_if_alone(request, *listener);
  ASSERT_EQ(listener->tops.size(), 3U);
  for (const auto& [sample, tops] : listener->tops) {
    ASSERT_EQ(tops.size(), 6U);
    auto sequence = request.prompt;
    for (std::size_t i = 0; i < tops.size(); ++i) {
      const auto outputs = made.model->outputs_after(made.model->state_after(sequence));
      double total = 0;
      for (const float output : outputs) total += std::exp(static_cast<double>(output));
      ASSERT_EQ(tops[i].size(), 4U);
      for (const auto& [id, log_prob] : tops[i]) {
        const double logit = outputs[static_cast<std::size_t>(text::to_int(id))];
        EXPECT_NEAR(log_prob, logit - std::log(total), 1e-5);
        const auto larger = std::count_if(outputs.begin(), outputs.end(), [&](float other) { return other > logit; });
        EXPECT_LE(larger, &*std::find_if(tops[i].begin(), tops[i].end(), [&](const auto& top) { return top.id == id; }) - tops[i].data());
      }
      sequence.push_back(listener->samples.at(sample)[i].id);
    }
  }
  request.num_top = -1;
  EXPECT_THROW(made.submit(request), base::UserError);
}

// ---- Ends

TEST(Engine, AStopIdIsReportedAndEndsTheSample) {
  EngineOnFakeModel made;
  SampleRequest request{
      .prompt = counting(6), .options = {.max_tokens = 30, .stop_ids = {TokenId{4}, TokenId{7}}}, .num_samples = 20};
  const auto listener = made.answer(request);
  made.expect_as_if_alone(request, *listener);
  std::size_t stopped = 0;
  for (const auto& [sample, end] : listener->ends) {
    const auto last = listener->samples.at(sample).back().id;
    EXPECT_EQ(end == SampleEnd::kStopId, last == TokenId{4} || last == TokenId{7});
    stopped += end == SampleEnd::kStopId ? 1 : 0;
  }
  EXPECT_GT(stopped, 0U);
}

TEST(Engine, NoStopIdComesBeforeTheLeastLength) {
  EngineOnFakeModel made;
  SampleRequest request{.prompt = counting(6), .options = {.max_tokens = 20, .min_tokens = 12}, .num_samples = 8};
  for (int id = 0; id < 10; ++id) request.options.stop_ids.push_back(TokenId{id});
  const auto listener = made.answer(request);
  made.expect_as_if_alone(request, *listener);
  for (const auto& [sample, tokens] : listener->samples) EXPECT_GE(tokens.size(), 13U);
}

TEST(Engine, TheLastPositionEndsASample) {
  EngineOnFakeModel made(100, {}, {.max_positions = 16});
  const auto listener = made.answer(SampleRequest{.prompt = counting(10), .options = {.max_tokens = 1000}});
  EXPECT_EQ(listener->samples.at(0).size(), 6U);
  EXPECT_EQ(listener->ends.at(0), SampleEnd::kLength);
}

TEST(Engine, AListenerEndsOneSampleAndTheOthersGoOn) {
  EngineOnFakeModel made;
  const auto listener =
      made.submit(SampleRequest{.prompt = counting(5), .options = {.max_tokens = 7}, .num_samples = 2});
  listener->when_token = [](std::int64_t sample, std::int64_t count) { return sample != 0 || count < 3; };
  made.run();
  EXPECT_EQ(listener->samples.at(0).size(), 3U);
  EXPECT_EQ(listener->ends.at(0), SampleEnd::kListener);
  EXPECT_EQ(listener->samples.at(1).size(), 7U);
  EXPECT_EQ(listener->ends.at(1), SampleEnd::kLength);
}

TEST(Engine, ACancelledRequestHearsOfTheEndOfEachOfItsSamples) {
  EngineOnFakeModel made(100, {.max_sequences = 2});
  const auto listener =
      made.submit(SampleRequest{.prompt = counting(5), .options = {.max_tokens = 50}, .num_samples = 4});
  const auto id = made.last_id;
  const SampleRequest other{.prompt = counting(5, 3), .options = {.max_tokens = 4}};
  const auto other_listener = made.submit(other);
  made.engine->step();
  made.engine->step();
  made.engine->cancel(id);
  made.run();
  EXPECT_TRUE(listener->is_over);
  EXPECT_EQ(listener->failure_text(), "");
  EXPECT_EQ(listener->samples.at(0).size(), 2U);
  ASSERT_EQ(listener->ends.size(), 4U);
  for (const auto& [sample, end] : listener->ends) EXPECT_EQ(end, SampleEnd::kCancelled);
  made.expect_as_if_alone(other, *other_listener);
  EXPECT_EQ(made.engine->statistics().pages_in_use, 0);
  made.engine->cancel(id);
  made.run();
}

TEST(Engine, AConstraintHoldsAndEndsWithAStopIdOrWithoutAny) {
  EngineOnFakeModel made;
  SampleRequest request{
      .prompt = counting(6), .options = {.max_tokens = 20, .stop_ids = {TokenId{0}}}, .num_samples = 6};
  request.constraint = std::make_shared<RisingConstraint>(11, 5);
  auto listener = made.answer(request);
  made.expect_as_if_alone(request, *listener);
  for (const auto& [sample, tokens] : listener->samples) {
    ASSERT_LE(tokens.size(), 6U);
    EXPECT_EQ(tokens.back().id, TokenId{0});
    for (std::size_t i = 1; i + 1 < tokens.size(); ++i)
      EXPECT_EQ(text::to_int(tokens[i].id), text::to_int(tokens[i - 1].id) % 10 + 1);
  }
  request.options.stop_ids.clear();
  listener = made.answer(request);
  for (const auto& [sample, tokens] : listener->samples) {
    EXPECT_EQ(tokens.size(), 5U);
    EXPECT_EQ(listener->ends.at(sample), SampleEnd::kStopId);
  }
  request.options = {.max_tokens = 20, .min_tokens = 15, .stop_ids = {TokenId{0}}};
  listener = made.answer(request);
  for (const auto& [sample, tokens] : listener->samples)
    EXPECT_EQ(tokens.size(), 6U) << "the constraint is stronger than min_tokens";
}

// ---- Failures

TEST(Engine, WhatAListenerThrowsEndsItsRequestAlone) {
  EngineOnFakeModel made;
  const SampleRequest request{.prompt = counting(5), .options = {.max_tokens = 7}, .num_samples = 3};
  const auto thrower = made.submit(request);
  thrower->when_token = [](std::int64_t, std::int64_t count) -> bool {
    if (count == 2) throw std::runtime_error("No more.");
    return true;
  };
  const auto other = made.submit(request);
  made.run();
  EXPECT_TRUE(thrower->is_over);
  EXPECT_EQ(thrower->failure_text(), "No more.");
  made.expect_as_if_alone(request, *other);
  EXPECT_EQ(made.engine->statistics().pages_in_use, 0);
}

TEST(Engine, WhenTheModelThrowsTheRequestsOfTheStepFailAndLaterOnesSucceed) {
  EngineOnFakeModel made;
  const SampleRequest request{.prompt = counting(9), .options = {.max_tokens = 7}, .num_samples = 3};
  const auto first = made.submit(request);
  const auto second = made.submit(OutputRequest{.tokens = counting(20)});
  int calls = 0;
  made.model->before_result = [&] { return ++calls == 1; };
  made.engine->step();
  EXPECT_EQ(first->failure_text(), "The fake model failed.");
  EXPECT_EQ(second->failure_text(), "The fake model failed.");
  EXPECT_EQ(made.engine->statistics().pages_in_use, 0);
  made.expect_as_if_alone(request, *made.answer(request));
}

/// Gives no numbers after token 10.
class DamagedModel : public FakePagedModel {
 public:
  void forward(std::span<const SequenceChunk> chunks) override {
    FakePagedModel::forward(chunks);
    for (const auto& chunk : chunks) {
      if (chunk.tokens.back() == TokenId{10} && !chunk.outputs.empty()) chunk.outputs.back()[4] = std::nanf("");
    }
  }
};

TEST(Engine, DamagedWeightsFailTheRequestThatMeetsThem) {
  const auto model = std::make_shared<DamagedModel>();
  Engine engine(model, {.check_each_step = true});
  const auto damaged = std::make_shared<RecordingListener>();
  const auto whole = std::make_shared<RecordingListener>();
  engine.submit(SampleRequest{.prompt = {TokenId{1}, TokenId{10}}, .options = {.max_tokens = 2}}, damaged);
  engine.submit(SampleRequest{.prompt = {TokenId{1}, TokenId{2}},
                              .options = {.logit_bias = {{TokenId{10}, -INFINITY}}, .max_tokens = 2}},
                whole);
  while (engine.step()) {
  }
  EXPECT_THAT(damaged->failure_text(), HasSubstr("token 4 the logit nan"));
  EXPECT_EQ(whole->failure_text(), "");
  EXPECT_EQ(whole->samples.at(0).size(), 2U);
}

TEST(Engine, RefusesWhatCanNeverRun) {
  EngineOnFakeModel made(5, {}, {.max_positions = 40});
  const auto message = [&](const auto& request) -> std::string {
    try {
      made.submit(request);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message(SampleRequest{}), HasSubstr("empty"));
  EXPECT_THAT(message(OutputRequest{}), HasSubstr("empty"));
  EXPECT_THAT(message(SampleRequest{.prompt = {TokenId{11}}}),
              HasSubstr("token 11, but the model knows tokens 0 to 10"));
  EXPECT_THAT(message(SampleRequest{.prompt = {TokenId{-1}}}), HasSubstr("token -1"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(40)}), HasSubstr("40 positions"));
  EXPECT_THAT(message(OutputRequest{.tokens = counting(41)}), HasSubstr("40 positions"));
  EXPECT_THAT(message(OutputRequest{.tokens = counting(4), .first_output = 4}), HasSubstr("first_output = 4"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(4), .options = {.max_tokens = 0}}), HasSubstr("max_tokens = 0"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(4), .options = {.stop_ids = {TokenId{99}}}}),
              HasSubstr("stop_ids holds token 99"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(4), .options = {.logit_bias = {{TokenId{99}, 1.0}}}}),
              HasSubstr("logit_bias holds token 99"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(4), .num_samples = 0}), HasSubstr("num_samples = 0"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(4), .first_sample = -1}), HasSubstr("first_sample = -1"));
  EXPECT_THAT(message(SampleRequest{.prompt = counting(4), .options = {.max_tokens = 17}}),
              HasSubstr("6 pages of 4 tokens"));
  EXPECT_EQ(message(SampleRequest{.prompt = counting(4), .options = {.max_tokens = 16}}), "accepted");
  EXPECT_EQ(message(OutputRequest{.tokens = counting(20)}), "accepted");
  made.run();
}

TEST(Engine, OptionsThatLeaveNoTokenAreTheUsersError) {
  EngineOnFakeModel made;
  SampleRequest request{.prompt = counting(4), .options = {.max_tokens = 3, .min_tokens = 1, .stop_ids = {TokenId{0}}}};
  for (int id = 1; id < 11; ++id) request.options.logit_bias.push_back({TokenId{id}, -INFINITY});
  EXPECT_THROW(made.submit(request), base::UserError);
  request.options.min_tokens = 0;
  EXPECT_EQ(made.answer(request)->samples.at(0).size(), 1U) << "only the stop id is left";
  request.constraint = std::make_shared<RisingConstraint>(11, 3);
  EXPECT_THAT(made.answer(request)->failure_text(), HasSubstr("forbids all that the constraint allows"));
}

TEST(Engine, AHeadOfLabelsGivesOutputsButNoSamples) {
  EngineOnFakeModel made(10, {}, {.output_width = 1});
  EXPECT_THROW(made.submit(SampleRequest{.prompt = counting(4)}), base::UserError);
  EXPECT_EQ(made.answer(OutputRequest{.tokens = counting(4), .first_output = 3})->outputs.at(3).size(), 1U);
}

TEST(Engine, RefusesMemoryForLessThanAPageAndImpossibleOptions) {
  const auto model = std::make_shared<FakePagedModel>();
  EXPECT_THROW(Engine(model, {.memory_bytes = 99}), base::UserError);
  EXPECT_THROW(Engine(model, {.memory_bytes = -5}), base::UserError);
  EXPECT_THROW(Engine(model, {.max_sequences = 0}), base::UserError);
  EXPECT_THROW(Engine(model, {.tokens_per_step = 0}), base::UserError);
  EXPECT_NO_THROW(Engine(model, {.memory_bytes = 100}));
}

// ---- Several engines under one budget

TEST(Engine, APromptOfOneModelTakesTheCachedPagesOfAnother) {
  const auto budget = std::make_shared<MemoryBudget>(10 * 100);
  EngineOnFakeModel first(1, {.budget = budget});
  EngineOnFakeModel second(1, {.budget = budget}, {.weights = 2});
  const SampleRequest request{.prompt = counting(24), .options = {.max_tokens = 8}};  // 8 pages
  first.expect_as_if_alone(request, *first.answer(request));
  EXPECT_EQ(first.engine->statistics().pages_cached, 8);
  second.expect_as_if_alone(request, *second.answer(request));
  EXPECT_EQ(first.model->discards, 6);
  EXPECT_EQ(first.engine->statistics().pages_cached, 2);
  EXPECT_EQ(second.engine->statistics().pages_cached, 8);
  EXPECT_EQ(budget->available(), 0);
}

TEST(Engine, AnEngineDiscardsItsOwnPagesBeforeThoseOfOthers) {
  const auto budget = std::make_shared<MemoryBudget>(12 * 100);
  EngineOnFakeModel first(1, {.budget = budget});
  EngineOnFakeModel second(1, {.budget = budget});
  first.answer(SampleRequest{.prompt = counting(15), .options = {.max_tokens = 1}});
  second.answer(SampleRequest{.prompt = counting(31), .options = {.max_tokens = 1}});
  second.answer(SampleRequest{.prompt = counting(31, 5), .options = {.max_tokens = 1}});
  EXPECT_EQ(first.engine->statistics().pages_cached, 4);
  EXPECT_EQ(second.engine->statistics().pages_cached, 8);
}

TEST(Engine, AnEngineThatGoesGivesAllItsBytesBack) {
  const auto budget = std::make_shared<MemoryBudget>(10 * 100);
  {
    EngineOnFakeModel made(1, {.budget = budget});
    made.answer(SampleRequest{.prompt = counting(9), .options = {.max_tokens = 1}});
    made.submit(SampleRequest{.prompt = counting(6, 3), .options = {.max_tokens = 8}, .num_samples = 9});
    made.engine->step();
    EXPECT_LT(budget->available(), 1000);
  }
  EXPECT_EQ(budget->available(), 1000);
}

TEST(Engine, PagesInUseByAnotherEngineAreWaitedFor) {
  const auto budget = std::make_shared<MemoryBudget>(10 * 100);
  EngineOnFakeModel first(1, {.budget = budget});
  EngineOnFakeModel second(1, {.budget = budget});
  const SampleRequest request{.prompt = counting(24), .options = {.max_tokens = 8}};
  const auto first_listener = first.submit(request);
  first.engine->step();
  const auto second_listener = second.submit(request);
  EXPECT_TRUE(second.engine->step());  // it has taken the request in
  EXPECT_FALSE(second.engine->step());
  second.engine->wait_for_work();  // comes back to try again
  first.run();
  second.run();
  first.expect_as_if_alone(request, *first_listener);
  second.expect_as_if_alone(request, *second_listener);
}

}  // namespace
}  // namespace drover::engine
