#include "openai/remote_generator.h"

#include <gmock/gmock.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/random_stream.h"
#include "chat/byte_tokenizer_test.h"
#include "net/http_server.h"

namespace drover::openai {
namespace {

using chat::Json;
using generate::Finish;
using generate::GenerationRequest;
using generate::Response;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A server whose answers a function makes from the request and its number.
class ScriptedServer {
 public:
  using Script = std::function<void(const Json& request, int number, net::HttpExchange& exchange)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)), server_(options()) {
    for (const std::string path : {"/v1/chat/completions", "/v1/completions"}) {
      server_.route("POST", path, [this](net::HttpExchange& exchange) {
        const int in_flight = ++in_flight_;
        int most = most_in_flight;
        while (in_flight > most && !most_in_flight.compare_exchange_weak(most, in_flight)) {
        }
        auto request = Json::parse(exchange.body());
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          authorizations_.insert(exchange.header("Authorization"));
        }
        script_(request, num_requests++, exchange);
        --in_flight_;
      });
    }
    server_.route("GET", "/v1/models", [](net::HttpExchange& exchange) {
      exchange.respond(200, "application/json", R"({"object": "list", "data": [{"id": "scripted", "object": "model"}]})");
    });
    server_.start();
  }

  RemoteEndpoint endpoint() const { return {.url = fmt::format("http://127.0.0.1:{}/v1", server_.port())}; }
  std::vector<Json> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::set<std::string> authorizations() const {
    const std::lock_guard lock(mutex_);
    return authorizations_;
  }
  void stop() { server_.stop(milliseconds(0)); }

  std::atomic<int> num_requests = 0;
  std::atomic<int> most_in_flight = 0;

 private:
  static net::HttpServerOptions options() {
    net::HttpServerOptions options;
    options.port = 0;
    return options;
  }

  Script script_;
  std::atomic<int> in_flight_ = 0;
  mutable std::mutex mutex_;
  std::vector<Json> requests_;
  std::set<std::string> authorizations_;
  net::HttpServer server_;
};

std::int64_t n_of(const Json& request) { return request.value("n", std::int64_t{1}); }

/// "PROMPT/SEED/CHOICE" for each choice: names exactly one draw.
Json echo_answer(const Json& request, std::int64_t choices) {
  Json answer = {{"choices", Json::array()}};
  for (std::int64_t i = 0; i < choices; ++i) {
    const auto text = fmt::format("{}/{}/{}", request["messages"].back()["content"].get<std::string>(), request["seed"].get<std::int64_t>(), i);
    answer["choices"].push_back({{"index", i}, {"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", "stop"}});
  }
  return answer;
}

void respond(net::HttpExchange& exchange, const Json& answer) { exchange.respond(200, "application/json", answer.dump()); }
void echo(const Json& request, net::HttpExchange& exchange) { respond(exchange, echo_answer(request, n_of(request))); }

GenerationRequest ask(const std::string& question, std::int64_t num_responses = 1) {
  GenerationRequest request;
  request.dialog.messages = {{.sender = chat::Sender::kUser, .content = question}};
  request.num_responses = num_responses;
  return request;
}

RemoteOptions quick(std::vector<RemoteEndpoint> endpoints) {
  RemoteOptions options;
  options.endpoints = std::move(endpoints);
  options.first_delay = milliseconds(2);
  options.max_delay = milliseconds(20);
  options.timeout = milliseconds(20'000);
  return options;
}

/// One choice of /chat/completions with a message and more keys.
Json chat_answer(Json message, Json more = Json::object()) {
  Json choice = {{"index", 0}, {"message", std::move(message)}, {"finish_reason", "stop"}};
  choice.update(more);
  return {{"choices", Json::array({choice})}};
}

Response only_response(RemoteOptions options, const GenerationRequest& request) {
  return make_remote_generator(std::move(options))->generate_one(request).responses.at(0);
}

TEST(RemoteGenerator, AsksForWhatTheOptionsSay) {
  ScriptedServer server([](const Json& request, int, net::HttpExchange& exchange) { echo(request, exchange); });
  auto request = ask("hello", 3);
  request.options = {.temperature = 0.5, .top_k = 7, .top_p = 0.9, .presence_penalty = 0.25, .max_tokens = 11, .stop_strings = {"END"}, .seed = 4};
  request.options.logit_bias = {{.id = text::TokenId{5}, .bias = -INFINITY}};
  const auto result = make_remote_generator(quick({server.endpoint()}))->generate_one(request);
  ASSERT_EQ(result.responses.size(), 3);
  const auto sent = server.requests().at(0);
  EXPECT_EQ(sent["model"], "scripted");
  EXPECT_EQ(sent["messages"], Json::parse(R"([{"role": "user", "content": "hello"}])"));
  EXPECT_EQ(sent["temperature"], 0.5);
  EXPECT_EQ(sent["top_p"], 0.9);
  EXPECT_EQ(sent["top_k"], 7);
  EXPECT_EQ(sent["presence_penalty"], 0.25);
  EXPECT_EQ(sent["max_tokens"], 11);
  EXPECT_EQ(sent["stop"], Json::parse(R"(["END"])"));
  EXPECT_EQ(sent["logit_bias"], Json::parse(R"({"5": -100.0})"));
  EXPECT_EQ(sent["n"], 3);
  EXPECT_FALSE(sent.contains("min_p"));
}

TEST(RemoteGenerator, ReadsCallsTextAndWhyAReplyEnded) {
  ScriptedServer server([](const Json&, int number, net::HttpExchange& exchange) {
    if (number == 0) {
      respond(exchange, chat_answer({{"role", "assistant"},
                                     {"content", nullptr},
                                     {"tool_calls", Json::parse(R"([{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}])")}},
                                    {{"finish_reason", "tool_calls"}}));
    } else {
      respond(exchange, chat_answer({{"role", "assistant"}, {"content", "cut off"}}, {{"finish_reason", "length"}}));
    }
  });
  const auto generator = make_remote_generator(quick({server.endpoint()}));
  const auto call = generator->generate_one(ask("call")).responses.at(0);
  ASSERT_EQ(call.reply.messages.at(0).calls.size(), 1);
  EXPECT_EQ(call.reply.messages[0].calls[0].name, "f");
  EXPECT_EQ(call.reply.messages[0].calls[0].arguments, Json::parse(R"({"x": 1})"));
  EXPECT_EQ(call.reply.messages[0].ending, chat::Ending::kMessage);
  EXPECT_TRUE(call.is_complete());
  const auto cut = generator->generate_one(ask("long")).responses.at(0);
  EXPECT_EQ(cut.finish, Finish::kLength);
  EXPECT_EQ(cut.reply.messages.at(0).ending, chat::Ending::kCut);
}

TEST(RemoteGenerator, RecordsTheIdsAndLogProbabilitiesThatAServerGives) {
  // vLLM's "token_ids", its "token_id:N" spelling, and the legacy shape of /completions.
  const Json listed = {{"content", Json::parse(R"([{"token": "token_id:72", "logprob": -0.5}, {"token": "token_id:105", "logprob": -0.25}])")}};
  ScriptedServer server([&](const Json& request, int number, net::HttpExchange& exchange) {
    if (number == 0) {
      respond(exchange, chat_answer({{"content", "Hi"}}, {{"token_ids", {72, 105, 265}}}));
    } else if (number == 1) {
      respond(exchange, chat_answer({{"content", "Hi"}}, {{"logprobs", listed}}));
    } else {
      EXPECT_EQ(request["prompt"], Json::parse("[1, 2]"));
      respond(exchange, Json::parse(R"({"choices": [{"text": "Hi", "finish_reason": "length", "token_ids": [72, 105],
                                        "logprobs": {"tokens": ["H", "i"], "token_logprobs": [-1.5, -2]}}]})"));
    }
  });
  auto options = quick({server.endpoint()});
  options.format = chat::make_chat_format("llama-3.1", chat::llama3_bytes());
  options.tokenizer = chat::llama3_bytes();
  const auto generator = make_remote_generator(options);
  const auto ids = generator->generate_one(ask("a")).responses.at(0);
  EXPECT_THAT(ids.ids, ElementsAre(text::TokenId{72}, text::TokenId{105}, text::TokenId{265}));
  EXPECT_EQ(ids.reply.messages.at(0).content, "Hi");
  EXPECT_EQ(ids.reply.messages.at(0).ending, chat::Ending::kTurn);
  const auto spelled = generator->generate_one(ask("b")).responses.at(0);
  EXPECT_THAT(spelled.ids, ElementsAre(text::TokenId{72}, text::TokenId{105}));
  EXPECT_THAT(spelled.log_probs, ElementsAre(-0.5F, -0.25F));
  EXPECT_EQ(spelled.sampled_log_probs, spelled.log_probs);  // temperature 1, nothing else
  GenerationRequest tokens;
  tokens.prompt_ids = {text::TokenId{1}, text::TokenId{2}};
  tokens.options.temperature = 0.5;
  const auto completion = generator->generate_one(tokens);
  EXPECT_THAT(completion.responses.at(0).log_probs, ElementsAre(-1.5F, -2.0F));
  EXPECT_THAT(completion.responses.at(0).sampled_log_probs, IsEmpty());
  EXPECT_EQ(completion.prompt_ids, tokens.prompt_ids);
}

TEST(RemoteGenerator, EncodesTheTextOnlyWhereNothingSpeaksAgainstIt) {
  const auto with_tokens = [](const std::string& tokens) {
    return chat_answer({{"content", "Hi"}}, {{"logprobs", {{"content", Json::parse(tokens)}}}});
  };
  ScriptedServer server([&](const Json&, int number, net::HttpExchange& exchange) {
    if (number == 0) return respond(exchange, chat_answer({{"content", "Hi"}}));
    if (number == 1) return respond(exchange, with_tokens(R"([{"token": "H", "logprob": -1}, {"token": "i", "logprob": -2}, {"token": "<end>", "logprob": -3}])"));
    respond(exchange, with_tokens(R"([{"token": "Hi", "logprob": -1}])"));
  });
  auto options = quick({server.endpoint()});
  options.tokenizer = chat::llama3_bytes();
  const auto generator = make_remote_generator(options);
  EXPECT_THAT(generator->generate_one(ask("a")).responses.at(0).ids, ElementsAre(text::TokenId{'H'}, text::TokenId{'i'}));
  const auto listed = generator->generate_one(ask("b")).responses.at(0);
  EXPECT_THAT(listed.ids, ElementsAre(text::TokenId{'H'}, text::TokenId{'i'}));
  EXPECT_THAT(listed.log_probs, ElementsAre(-1.0F, -2.0F));
  const auto other = generator->generate_one(ask("c")).responses.at(0);
  EXPECT_THAT(other.ids, IsEmpty());  // the server cut the text into other tokens
  EXPECT_THAT(other.log_probs, IsEmpty());
  EXPECT_THAT(only_response(quick({server.endpoint()}), ask("d")).ids, IsEmpty());
}

TEST(RemoteGenerator, WaitsAsLongAsABusyServerAsks) {
  std::atomic<std::chrono::steady_clock::time_point> refused;
  std::atomic<std::chrono::steady_clock::time_point> answered;
  ScriptedServer server([&](const Json& request, int number, net::HttpExchange& exchange) {
    if (number == 0) {
      refused = std::chrono::steady_clock::now();
      return exchange.respond(429, "application/json", R"({"error": {"message": "busy"}})", {{"Retry-After", "1"}});
    }
    answered = std::chrono::steady_clock::now();
    echo(request, exchange);
  });
  auto options = quick({server.endpoint()});
  options.max_delay = std::chrono::seconds(5);
  EXPECT_EQ(only_response(options, ask("x")).finish, Finish::kTerminator);
  EXPECT_GE(answered.load() - refused.load(), std::chrono::seconds(1));
}

TEST(RemoteGenerator, TriesAgainAfterServerErrorsSilenceAndCutAnswers) {
  ScriptedServer server([](const Json& request, int number, net::HttpExchange& exchange) {
    switch (number) {
      case 0: return exchange.respond(500, "text/plain", "oops");
      case 1: return exchange.respond(503, "text/plain", "loading");
      case 2: return exchange.stream("application/json", [](net::BodyWriter& writer) {
        writer.write("{\"choices\": [");
        throw std::runtime_error("cut");
      });
      case 3:
        while (!exchange.is_gone()) std::this_thread::sleep_for(milliseconds(2));
        return;
      default: echo(request, exchange);
    }
  });
  auto options = quick({server.endpoint()});
  options.timeout = milliseconds(500);
  EXPECT_THAT(only_response(options, ask("x")).text, HasSubstr("x/"));
  EXPECT_EQ(server.num_requests, 5);
}

TEST(RemoteGenerator, NonsenseFailsThatRequestAndTheOthersGoOn) {
  ScriptedServer server([](const Json& request, int, net::HttpExchange& exchange) {
    const auto question = request["messages"].back()["content"].get<std::string>();
    if (question == "no json") return exchange.respond(200, "text/html", "<html>");
    if (question == "no choices") return exchange.respond(200, "application/json", "{}");
    if (question == "empty") return exchange.respond(200, "application/json", R"({"choices": []})");
    if (question == "no message") return exchange.respond(200, "application/json", R"({"choices": [{"finish_reason": "stop"}]})");
    if (question == "no reason") return respond(exchange, chat_answer({{"content", "x"}}, {{"finish_reason", nullptr}}));
    if (question == "bad ids") return respond(exchange, chat_answer({{"content", "x"}}, {{"token_ids", {1, "two"}}}));
    if (question == "deep") return exchange.respond(200, "application/json", std::string(100'000, '['));
    if (question == "refused") return exchange.respond(400, "application/json", R"({"error": {"message": "prompt too long"}})");
    echo(request, exchange);
  });
  const std::vector<std::string> bad = {"no json", "no choices", "empty", "no message", "no reason", "bad ids", "deep", "refused"};
  std::vector<GenerationRequest> requests;
  for (const auto& question : bad) requests.push_back(ask(question));
  for (int i = 0; i < 5; ++i) requests.push_back(ask("good"));
  std::map<std::size_t, std::string> failures;
  auto options = quick({server.endpoint()});
  generate::GenerationCallbacks callbacks;
  callbacks.on_failure = [&](std::size_t request, const std::string& reason) { EXPECT_TRUE(failures.emplace(request, reason).second); };
  const auto results = make_remote_generator(options)->generate(requests, callbacks);
  EXPECT_EQ(failures.size(), bad.size());
  EXPECT_THAT(failures[0], HasSubstr("not JSON"));
  EXPECT_THAT(failures[1], HasSubstr("no list of choices"));
  EXPECT_THAT(failures[7], HasSubstr("prompt too long"));
  for (std::size_t i = bad.size(); i < requests.size(); ++i) EXPECT_THAT(results[i].responses.at(0).text, HasSubstr("good/"));

  int num_responses = 0;
  callbacks.on_failure = {};
  callbacks.on_response = [&](auto, auto, const auto&) { ++num_responses; };
  try {
    make_remote_generator(options)->generate(requests, callbacks);
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("8 of 13 replies did not come"));
  }
  EXPECT_EQ(num_responses, 5);
}

TEST(RemoteGenerator, AnotherNumberOfChoicesThanAskedForLosesNothing) {
  for (const int given : {1, 2, 9}) {
    ScriptedServer server([given](const Json& request, int, net::HttpExchange& exchange) {
      respond(exchange, echo_answer(request, request.contains("n") ? given : 1));
    });
    const auto result = make_remote_generator(quick({server.endpoint()}))->generate_one(ask("x", 5));
    std::set<std::string> texts;
    for (const auto& response : result.responses) texts.insert(response.text);
    EXPECT_EQ(texts.size(), 5);
    EXPECT_FALSE(texts.contains(""));
  }
}

TEST(RemoteGenerator, AServerThatKnowsNoExtraFieldsIsAskedWithoutThem) {
  ScriptedServer server([](const Json& request, int, net::HttpExchange& exchange) {
    if (request.contains("return_token_ids")) return exchange.respond(400, "application/json", R"({"error": {"message": "Unknown parameter"}})");
    if (request.contains("logprobs")) return exchange.respond(400, "application/json", R"({"error": {"message": "logprobs are off"}})");
    echo(request, exchange);
  });
  const auto result = make_remote_generator(quick({server.endpoint()}))->generate_one(ask("x", 40));
  EXPECT_EQ(result.responses.size(), 40);
}

TEST(RemoteGenerator, ALiveServerTakesOverFromADeadOne) {
  ScriptedServer dead([](const Json&, int, net::HttpExchange&) {});
  ScriptedServer live([](const Json& request, int, net::HttpExchange& exchange) { echo(request, exchange); });
  auto options = quick({dead.endpoint(), live.endpoint()});
  options.endpoints[0].model = "scripted";
  dead.stop();
  const auto result = make_remote_generator(options)->generate_one(ask("x", 100));
  for (const auto& response : result.responses) EXPECT_THAT(response.text, HasSubstr("x/"));
}

TEST(RemoteGenerator, WhenAllAreDeadItSaysWhyTheLastOneFailed) {
  ScriptedServer first([](const Json&, int, net::HttpExchange&) {});
  ScriptedServer second([](const Json&, int, net::HttpExchange&) {});
  auto options = quick({first.endpoint(), second.endpoint()});
  for (auto& endpoint : options.endpoints) endpoint.model = "scripted";
  const auto generator = make_remote_generator(options);
  first.stop();
  second.stop();
  try {
    generator->generate_one(ask("x", 3));
    FAIL() << "no error";
  } catch (const base::SurroundingsError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("No server answers any more"), HasSubstr("127.0.0.1"), HasSubstr("0 of 3")));
  }
}

TEST(RemoteGenerator, TheKeyIsSentAndNeverShown) {
  setenv("DROVER_TEST_KEY", "sk-very-secret", 1);
  ScriptedServer server([](const Json& request, int number, net::HttpExchange& exchange) {
    if (number > 0) return exchange.respond(401, "application/json", R"({"error": {"message": "Incorrect API key provided: sk-very-secret"}})");
    echo(request, exchange);
  });
  auto options = quick({server.endpoint()});
  options.endpoints[0].key_variable = "DROVER_TEST_KEY";
  const auto generator = make_remote_generator(options);
  generator->generate_one(ask("x"));
  EXPECT_EQ(server.authorizations(), std::set<std::string>{"Bearer sk-very-secret"});
  try {
    generator->generate_one(ask("x"));
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("401"), Not(HasSubstr("secret"))));
  }
  unsetenv("DROVER_TEST_KEY");
  EXPECT_THROW(make_remote_generator(options), base::UserError);
}

TEST(RemoteGenerator, KeepsToTheEndpointsLimit) {
  ScriptedServer server([](const Json& request, int, net::HttpExchange& exchange) {
    std::this_thread::sleep_for(milliseconds(2));
    echo(request, exchange);
  });
  auto options = quick({server.endpoint()});
  options.endpoints[0].max_in_flight = 5;
  options.choices_per_request = 1;
  make_remote_generator(options)->generate_one(ask("x", 60));
  EXPECT_LE(server.most_in_flight, 5);
  EXPECT_EQ(server.num_requests, 60);
}

TEST(RemoteGenerator, EverySampleComesExactlyOnceWhateverServersDo) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    std::mutex mutex;
    base::RandomStream chance(seed, "misbehaviour");
    const auto draw = [&](std::uint64_t bound) {
      const std::lock_guard lock(mutex);
      return chance.below(bound);
    };
    const auto misbehave = [&](const Json& request, int, net::HttpExchange& exchange) {
      switch (draw(10)) {
        case 0: return exchange.respond(429, "text/plain", "busy", {{"Retry-After", "0"}});
        case 1: return exchange.respond(500, "text/plain", "oops");
        case 2: return exchange.respond(200, "application/json", "{\"choices\": [{");
        case 3: return exchange.stream("application/json", [](net::BodyWriter& writer) {
          writer.write("{");
          throw std::runtime_error("cut");
        });
        case 4: return respond(exchange, echo_answer(request, static_cast<std::int64_t>(draw(5))));
        default: echo(request, exchange);
      }
    };
    ScriptedServer a(misbehave);
    ScriptedServer b(misbehave);
    ScriptedServer c(misbehave);
    std::vector<GenerationRequest> requests;
    for (int i = 0; i < 30; ++i) requests.push_back(ask(std::to_string(i), 1 + i % 12));
    auto options = quick({a.endpoint(), b.endpoint(), c.endpoint()});
    options.max_attempts = 30;
    options.choices_per_request = 4;
    std::set<std::size_t> failed;
    std::map<std::pair<std::size_t, std::int64_t>, std::string> got;
    generate::GenerationCallbacks callbacks;
    callbacks.on_failure = [&](std::size_t request, const std::string&) { EXPECT_TRUE(failed.insert(request).second); };
    callbacks.on_response = [&](std::size_t request, std::int64_t response, const Response& r) {
      EXPECT_TRUE(got.emplace(std::pair(request, response), r.text).second);
    };
    const auto results = make_remote_generator(options)->generate(requests, callbacks);
    std::set<std::string> texts;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      for (std::int64_t j = 0; j < requests[i].num_responses; ++j) {
        const auto sample = std::pair(i, j);
        if (failed.contains(i) && !got.contains(sample)) continue;
        ASSERT_TRUE(got.contains(sample));
        EXPECT_EQ(got[sample], results[i].responses[static_cast<std::size_t>(j)].text);
        EXPECT_TRUE(got[sample].starts_with(std::to_string(i) + "/"));
        EXPECT_TRUE(texts.insert(got[sample]).second) << "one draw counts as two samples: " << got[sample];
      }
    }
  }
}

TEST(RemoteGenerator, OptionsThatCannotBeAreRefused) {
  EXPECT_THROW(make_remote_generator({}), base::UserError);
  EXPECT_THROW(make_remote_generator(quick({{.url = "ftp://host/v1"}})), base::UserError);
  EXPECT_THROW(make_remote_generator(quick({{.url = "http://127.0.0.1:1/v1"}})), base::SurroundingsError);
  ScriptedServer server([](const Json& request, int, net::HttpExchange& exchange) { echo(request, exchange); });
  const auto generator = make_remote_generator(quick({server.endpoint()}));
  EXPECT_THROW(generator->generate_one(GenerationRequest{}), base::UserError);
  EXPECT_EQ(server.num_requests, 0);
}

}  // namespace
}  // namespace drover::openai
