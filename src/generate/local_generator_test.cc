#include "generate/local_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <thread>

#include "base/error.h"
#include "chat/byte_tokenizer_test.h"
#include "engine/memory_budget.h"
#include "model/decoder.h"
#include "model/heads.h"
#include "model/log_probs.h"
#include "model/random_decoder.h"
#include "text/unicode.h"

namespace drover::generate {
namespace {

using testing::HasSubstr;
using text::TokenId;

/// A random model over the bytes and ChatML's control tokens. Its embeddings are scaled up, or its replies would be all noise.
std::shared_ptr<const model::Model> tiny_model() {
  const auto tokenizer = chat::smollm2_bytes();
  auto config = model::tiny_config(tokenizer->vocab_size());
  config.eos = {TokenId{258}};
  const auto random = model::random_decoder(config, 3);
  auto parameters = random->parameters();
  for (auto& [name, tensor] : parameters) tensor = tensor.dim() > 1 ? tensor * 8.0 : tensor;
  return std::make_shared<const model::Model>(std::make_shared<const model::Decoder>(config, parameters), tokenizer, std::nullopt, "");
}

chat::Dialog ask(const std::string& question) {
  chat::Dialog dialog;
  dialog.messages.push_back({.sender = chat::Sender::kUser, .content = question});
  return dialog;
}

class LocalGeneration : public testing::Test {
 protected:
  std::unique_ptr<Generator> generator(std::int64_t max_sequences = 32) const {
    return make_local_generator(model_, format_, {.max_sequences = max_sequences});
  }
  /// The reply's ids scored by the path that training uses.
  std::vector<float> trainer_log_probs(const GenerationResult& result, std::size_t response) const {
    model::TokenRow row;
    const auto root = row.add_segment(-1, result.prompt_ids);
    const auto& ids = result.responses[response].ids;
    const auto child = row.add_segment(root, ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto before = i == 0 ? row.position_before(child) : row.segments[1].begin + static_cast<std::int64_t>(i) - 1;
      row.learned.push_back({.position = before, .target = ids[i]});
    }
    return model::log_probs(*model_, row);
  }

  chat::Dialog dialog_with_tool_;
  std::shared_ptr<const model::Model> model_ = tiny_model();
  std::shared_ptr<const chat::ChatFormat> format_ = chat::make_chat_format("chatml", model_->shared_tokenizer());
};

TEST_F(LocalGeneration, LogProbabilitiesEqualWhatTheTrainerGivesTheSameTokens) {
  const auto result = generator()->generate_one({.dialog = ask("What is 2+2?"), .options = {.max_tokens = 40}, .num_responses = 3});
  ASSERT_EQ(result.responses.size(), 3U);
  EXPECT_EQ(result.prompt_ids, format_->render(ask("What is 2+2?"), {.generation_prompt = true}).ids);
  for (std::size_t r = 0; r < 3; ++r) {
    const auto expected = trainer_log_probs(result, r);
    const auto& response = result.responses[r];
    ASSERT_EQ(response.log_probs.size(), response.ids.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(response.log_probs[i], expected[i], 1e-4) << "token " << i << " of response " << r;
      EXPECT_EQ(response.log_probs[i], response.sampled_log_probs[i]) << "nothing shaped the distribution";
    }
  }
}

TEST_F(LocalGeneration, AReplyIsTheSameInAnyBatch) {
  std::vector<GenerationRequest> requests;
  for (const char* question : {"one", "two", "three"}) {
    requests.push_back({.dialog = ask(question), .options = {.max_tokens = 24, .seed = 9}, .num_responses = 4});
  }
  const auto together = generator()->generate(requests);
  const auto in_pairs = generator(2)->generate(requests);
  const auto alone = generator(1)->generate({&requests[1], 1});
  for (std::size_t request = 0; request < 3; ++request) {
    for (std::size_t r = 0; r < 4; ++r) {
      EXPECT_EQ(together[request].responses[r].ids, in_pairs[request].responses[r].ids);
    }
  }
  for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(alone[0].responses[r].ids, together[1].responses[r].ids);
  EXPECT_NE(together[0].responses[0].ids, together[0].responses[1].ids);
}

TEST_F(LocalGeneration, SamplesAskedForLaterGoOnWhereTheFirstStopped) {
  const GenerationRequest five{.dialog = ask("go"), .options = {.max_tokens = 12}, .num_responses = 5};
  const GenerationRequest last{.dialog = ask("go"), .options = {.max_tokens = 12}, .num_responses = 2, .first_sample = 3};
  const auto all = generator()->generate_one(five);
  const auto later = generator()->generate_one(last);
  EXPECT_EQ(later.responses[0].ids, all.responses[3].ids);
  EXPECT_EQ(later.responses[1].ids, all.responses[4].ids);
}

TEST_F(LocalGeneration, GreedyRepliesTakeTheLargestLogitOfTheWholeSequence) {
  const auto result = generator()->generate_one({.dialog = ask("hm"), .options = {.temperature = 0, .max_tokens = 10}});
  auto ids = result.prompt_ids;
  for (const auto id : result.responses[0].ids) {
    const auto row = model::single_sequence(ids);
    const std::vector<std::int64_t> last{row.num_tokens() - 1};
    EXPECT_EQ(model_->decoder().logits(row, last)[0].argmax().item<std::int64_t>(), text::to_int(id));
    ids.push_back(id);
  }
}

TEST_F(LocalGeneration, AStopIdEndsTheReplyAndIsKept) {
  std::vector<TokenId> half;
  for (int id = 0; id < 128; ++id) half.push_back(TokenId{id});
  const auto result = generator()->generate_one(
      {.dialog = ask("stop"), .options = {.max_tokens = 200, .min_tokens = 5, .stop_ids = half}, .num_responses = 8});
  for (const auto& response : result.responses) {
    ASSERT_EQ(response.finish, Finish::kTerminator);
    EXPECT_TRUE(response.is_complete());
    EXPECT_GE(response.ids.size(), 6U) << "five tokens that do not stop come first";
    const auto stops = std::count_if(response.ids.begin(), response.ids.end(), [](TokenId id) { return text::to_int(id) < 128; });
    EXPECT_EQ(stops, 1);
    EXPECT_LT(text::to_int(response.ids.back()), 128);
    ASSERT_EQ(response.reply.messages.size(), 1U);
    EXPECT_EQ(response.reply.messages[0].ending, chat::Ending::kTurn) << "whatever id the caller chose";
    EXPECT_FALSE(response.reply.fault.has_value());
  }
}

TEST_F(LocalGeneration, TheFormatsTerminatorEndsTheTurn) {
  const auto token = model_->config().eos.front();
  const auto first_tokens = generator()->generate_one({.dialog = ask("x"), .options = {.max_tokens = 1}, .num_responses = 3000});
  const auto& all = first_tokens.responses;
  const auto found = std::find_if(all.begin(), all.end(), [token](const Response& response) { return response.ids[0] == token; });
  ASSERT_NE(found, all.end()) << "no sample began with the terminator";
  const auto response =
      generator()->generate_one({.dialog = ask("x"), .options = {.max_tokens = 50}, .first_sample = found - all.begin()}).responses[0];
  EXPECT_EQ(response.ids, std::vector<TokenId>{token});
  EXPECT_EQ(response.finish, Finish::kTerminator);
  ASSERT_EQ(response.reply.messages.size(), 1U);
  EXPECT_EQ(response.reply.messages[0].ending, chat::Ending::kTurn);
}

TEST_F(LocalGeneration, TheLengthLimitCutsTheReply) {
  const auto result = generator()->generate_one({.dialog = ask("long"), .options = {.max_tokens = 7, .min_tokens = 7}});
  const auto& response = result.responses[0];
  EXPECT_EQ(response.ids.size(), 7U);
  EXPECT_EQ(response.finish, Finish::kLength);
  ASSERT_FALSE(response.reply.messages.empty());
  EXPECT_EQ(response.reply.messages.back().ending, chat::Ending::kCut);
}

TEST_F(LocalGeneration, AStopStringEndsTheReplyAcrossTokens) {
  // Replies of the letters a and b, a token each.
  SamplingOptions options{.logit_bias = {{TokenId{'a'}, 1000.0}, {TokenId{'b'}, 1000.0}}, .max_tokens = 60};
  const auto reply = [&] { return generator()->generate_one({.dialog = ask("text"), .options = options}).responses[0]; };
  const auto free = reply();
  ASSERT_EQ(free.text.size(), 60U);
  EXPECT_EQ(free.finish, Finish::kLength);
  options.stop_strings = {"ab"};
  for (const std::size_t min_tokens : {0U, 1U, 7U, 8U, 9U, 10U, 20U, 60U}) {
    options.min_tokens = static_cast<std::int64_t>(min_tokens);
    // It counts when its last letter comes after the first min_tokens.
    const auto at = free.text.find("ab", min_tokens < 2 ? 0 : min_tokens - 1);
    const auto stopped = reply();
    EXPECT_EQ(stopped.text, at == std::string::npos ? free.text : free.text.substr(0, at + 2)) << min_tokens;
    EXPECT_EQ(stopped.finish, at == std::string::npos ? Finish::kLength : Finish::kStopString) << min_tokens;
  }
}

// Greedy replies of the tiny model are noise, so among these some end inside a character or at a blank that could precede a call.
TEST_F(LocalGeneration, AnnouncedTextsJoinedAreTheContent) {
  dialog_with_tool_.messages = ask("text").messages;
  dialog_with_tool_.tools.push_back({.name = "f"});
  for (const auto& format : {"chatml-smollm2", "chatml"}) {
    const auto generator = make_local_generator(model_, chat::make_chat_format(format, model_->shared_tokenizer()));
    std::vector<std::string> streamed(64);
    GenerationCallbacks callbacks;
    callbacks.on_token = [&streamed](const TokenEvent& event) {
      streamed[static_cast<std::size_t>(event.response)] += event.text;
      return true;
    };
    const auto& dialog = std::string_view(format) == "chatml" ? ask("text") : dialog_with_tool_;
    const auto result = generator->generate_one({.dialog = dialog, .options = {.max_tokens = 6}, .num_responses = 64}, callbacks);
    for (std::size_t i = 0; i < 64; ++i) {
      const auto& content = result.responses[i].reply.messages.front().content;
      EXPECT_EQ(text::replace_invalid_utf8(streamed[i]), text::replace_invalid_utf8(content)) << i;
    }
  }
}

TEST_F(LocalGeneration, EveryTokenIsAnnouncedAndTheCallerCanStop) {
  std::vector<TokenId> seen;
  GenerationCallbacks callbacks;
  callbacks.on_token = [&seen](const TokenEvent& event) {
    seen.push_back(event.id);
    return seen.size() < 4;
  };
  const auto response =
      generator()->generate_one({.dialog = ask("stream"), .options = {.max_tokens = 30, .min_tokens = 30}}, callbacks).responses[0];
  EXPECT_EQ(response.ids, seen);
  EXPECT_EQ(response.ids.size(), 4U);
  EXPECT_EQ(response.finish, Finish::kCancelled);
}

TEST_F(LocalGeneration, ProgressCountsEveryReplyAndResponsesArriveWhenFinished) {
  std::vector<std::int64_t> done;
  std::int64_t total = 0;
  std::vector<std::pair<std::size_t, std::int64_t>> arrived;
  GenerationCallbacks callbacks;
  callbacks.on_progress = [&](const base::Progress& progress) {
    done.push_back(progress.done);
    total = progress.total;
  };
  callbacks.on_response = [&](std::size_t request, std::int64_t response, const Response& finished) {
    arrived.emplace_back(request, response);
    EXPECT_FALSE(finished.ids.empty());
  };
  std::vector<GenerationRequest> requests{{.dialog = ask("a"), .options = {.max_tokens = 3}, .num_responses = 2},
                                          {.dialog = ask("b"), .options = {.max_tokens = 5}, .num_responses = 1}};
  generator(2)->generate(requests, callbacks);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  for (const std::int64_t count : {1, 2, 3}) EXPECT_THAT(done, testing::Contains(count));
  EXPECT_EQ(done.back(), 3);
  EXPECT_EQ(total, 3);
  EXPECT_THAT(arrived, testing::UnorderedElementsAre(testing::Pair(0, 0), testing::Pair(0, 1), testing::Pair(1, 0)));
}

TEST_F(LocalGeneration, AModelWithoutAFormatContinuesTokens) {
  const auto plain = make_local_generator(model_, nullptr);
  const auto result = plain->generate_one({.prompt_ids = model_->tokenizer().encode("once upon"), .options = {.max_tokens = 6, .min_tokens = 6}});
  const auto& response = result.responses[0];
  ASSERT_EQ(response.reply.messages.size(), 1U);
  EXPECT_EQ(response.reply.messages[0].content, response.text);
  EXPECT_EQ(response.reply.messages[0].ending, chat::Ending::kCut);
  EXPECT_THROW(plain->generate_one({.dialog = ask("who?")}), base::UserError);
}

TEST_F(LocalGeneration, RepliesEndWhereTheModelsPositionsEnd) {
  const std::vector<TokenId> prompt(static_cast<std::size_t>(model_->config().max_positions) - 2, TokenId{65});
  const auto plain = make_local_generator(model_, nullptr);
  EXPECT_EQ(plain->generate_one({.prompt_ids = prompt, .options = {.max_tokens = 50, .min_tokens = 50}}).responses[0].ids.size(), 2U);
  const std::vector<TokenId> full(static_cast<std::size_t>(model_->config().max_positions), TokenId{65});
  EXPECT_THROW(plain->generate_one({.prompt_ids = full}), base::UserError);
}

TEST_F(LocalGeneration, ARequestThatCannotBeAnsweredLeavesTheOthersAlone) {
  std::vector<std::pair<std::size_t, std::string>> failures;
  GenerationCallbacks callbacks;
  callbacks.on_failure = [&failures](std::size_t request, const std::string& reason) { failures.emplace_back(request, reason); };
  const std::vector<TokenId> endless(static_cast<std::size_t>(model_->config().max_positions), TokenId{5});
  const std::vector<GenerationRequest> requests{{.dialog = ask("a")}, {.prompt_ids = endless}, {}, {.dialog = ask("b")}};
  const auto results = generator()->generate(requests, callbacks);
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[0].first, 1U);
  EXPECT_THAT(failures[0].second, HasSubstr("leave no room for a reply"));
  EXPECT_EQ(failures[1].first, 2U);
  EXPECT_FALSE(results[0].responses[0].ids.empty());
  EXPECT_FALSE(results[3].responses[0].ids.empty());
}

TEST_F(LocalGeneration, AnExceptionOfTheCallerEndsTheCallAndTheGeneratorGoesOn) {
  const auto engine = generator();
  const auto expected = engine->generate_one({.dialog = ask("x"), .options = {.max_tokens = 8}});
  GenerationCallbacks callbacks;
  callbacks.on_token = [](const TokenEvent&) -> bool { throw std::runtime_error("enough"); };
  EXPECT_THROW(engine->generate_one({.dialog = ask("y"), .num_responses = 5}, callbacks), std::runtime_error);
  EXPECT_EQ(engine->generate_one({.dialog = ask("x"), .options = {.max_tokens = 8}}).responses[0].ids, expected.responses[0].ids);
}

TEST_F(LocalGeneration, ADialogThatGoesOnIsNotComputedAgain) {
  const auto engine = make_local_generator(model_, format_);
  auto dialog = ask(std::string(200, 'x'));
  const auto first = engine->generate_one({.dialog = dialog, .options = {.max_tokens = 40}});
  std::vector<TokenId> whole = first.prompt_ids;
  whole.insert(whole.end(), first.responses[0].ids.begin(), first.responses[0].ids.end());
  const auto known = static_cast<std::int64_t>(whole.size()) - 1;  // the newest token was never an input
  whole.insert(whole.end(), {TokenId{7}, TokenId{8}});
  const auto before = engine->statistics();
  engine->generate_one({.prompt_ids = whole, .options = {.max_tokens = 1}});
  EXPECT_EQ(engine->statistics().cached_tokens - before.cached_tokens, known);
}

// Two models in one process whose memory holds one reply at a time: each waits for the other's.
TEST_F(LocalGeneration, GeneratorsThatShareMemoryWaitForEachOther) {
  const std::vector<TokenId> prompt(20, TokenId{65});
  const GenerationRequest request{.prompt_ids = prompt, .options = {.max_tokens = 40, .min_tokens = 40}, .num_responses = 3};
  const std::vector<GenerationRequest> requests(6, request);
  const auto expected = make_local_generator(model_, nullptr)->generate_one(request);
  const auto pages = paged_model_of(*model_);
  const auto budget = std::make_shared<engine::MemoryBudget>(pages->bytes_per_page() * ((60 + pages->page_tokens() - 1) / pages->page_tokens()));
  std::vector<std::exception_ptr> failures(2);
  std::vector<std::vector<GenerationResult>> results(2);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      try {
        results[i] = make_local_generator(model_, nullptr, {.budget = budget})->generate(requests);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < 2; ++i) {
    if (failures[i]) std::rethrow_exception(failures[i]);
    for (const auto& result : results[i]) {
      for (std::size_t r = 0; r < 3; ++r) EXPECT_EQ(result.responses[r].ids, expected.responses[r].ids);
    }
  }
}

TEST_F(LocalGeneration, RefusesWhatCannotBeSampled) {
  EXPECT_THROW(generator()->generate_one({}), base::UserError);
  EXPECT_THROW(generator()->generate_one({.prompt_ids = {TokenId{100000}}}), base::UserError);
  EXPECT_THROW(generator()->generate_one({.dialog = ask("x"), .num_responses = 0}), base::UserError);
  EXPECT_THROW(generator()->generate_one({.dialog = ask("x"), .num_responses = INT64_MAX}), base::UserError);
  EXPECT_THROW(generator()->generate_one({.dialog = ask("x"), .options = {.temperature = -1}}), base::UserError);
  EXPECT_THROW(generator(0), base::UserError);
  const auto scorer = model_->with_decoder(model::with_head(model_->decoder(), {.kind = model::HeadKind::kReward, .num_labels = 1}));
  EXPECT_THROW(make_local_generator(scorer, format_), base::UserError);
}

}  // namespace
}  // namespace drover::generate
