// drover serve as people start and ask it: with curl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Starts a server in the background, runs `script` with $url, and ends the server with SIGINT; its status is the script's last line.
ProcessResult with_server(const std::string& arguments, const std::string& script, const TemporaryFolder& folder) {
  return run_script("set -m\ndrover serve " + arguments + R"( --port 0 2> log &
    server=$!
    for i in $(seq 600); do
      url=$(grep -o 'http://[^ ]*/v1' log) && break
      kill -0 $server 2> /dev/null || { cat log >&2; exit 98; }
      sleep 0.1
    done
    )" + script + R"(
    kill -INT $server
    wait $server
    echo "status $?")", folder);
}

bool curl_is_installed() { return std::system("curl --version > /dev/null 2>&1") == 0; }

TEST(Serve, AnswersCurlAndEndsWell) {
  DROVER_NEEDS_SMALL_MODEL();
  if (!curl_is_installed()) GTEST_SKIP() << "curl is not installed";
  const TemporaryFolder folder;
  const auto result = with_server("smollm2-135m-instruct", R"(
    ask='{"messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0, "max_tokens": 24}'
    curl -s ${url%/v1}/health; echo
    curl -s $url/models; echo
    curl -s $url/chat/completions -H 'Content-Type: application/json' -d "$ask"; echo
    curl -s $url/chat/completions -d '{"messages": 5}' -w '\n%{http_code}\n'
    curl -s -N $url/chat/completions -d "${ask%\}}, \"stream\": true}" | tail -n 2
    curl -s ${url%/v1}/metrics | grep '^drover_requests_total.*200')", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  std::istringstream lines(result.output);
  const auto next = [&lines] {
    std::string line;
    std::getline(lines, line);
    return line;
  };
  EXPECT_EQ(json::parse(next())["status"], "ok");
  EXPECT_EQ(json::parse(next())["data"][0]["id"], "smollm2-135m-instruct");
  EXPECT_THAT(json::parse(next())["choices"][0]["message"]["content"].get<std::string>(), HasSubstr("Paris"));
  EXPECT_EQ(json::parse(next())["error"]["param"], "messages");
  EXPECT_EQ(next(), "400");
  EXPECT_EQ(next(), "data: [DONE]");
  EXPECT_EQ(next(), "");
  EXPECT_THAT(result.output, HasSubstr("drover_requests_total{model=\"smollm2-135m-instruct\",path=\"/v1/chat/completions\",status=\"200\"} 2"));
  EXPECT_THAT(result.output, HasSubstr("status 0\n"));
  EXPECT_THAT(read_whole(folder.path() / "log"), Not(HasSubstr("WARNING")));
}

TEST(Serve, HoldsSeveralModelsUnderOneBudget) {
  DROVER_NEEDS_SMALL_MODEL();
  if (!curl_is_installed()) GTEST_SKIP() << "curl is not installed";
  const TemporaryFolder folder;
  const auto result = with_server("smollm2-135m-instruct smollm2-135m-instruct --name one --name two --memory 0.2 --max-tokens 512", R"(
    ask() { curl -s $url/chat/completions -d '{"model": "'$1'", "messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0, "max_tokens": 24}' -w '\n%{http_code}\n'; }
    curl -s $url/models; echo
    ask one > first & ask two; wait %2; cat first
    ask three
    curl -s ${url%/v1}/metrics | grep '^drover_completion_tokens_total')", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  std::istringstream lines(result.output);
  const auto next = [&lines] {
    std::string line;
    std::getline(lines, line);
    return line;
  };
  const auto models = json::parse(next())["data"];
  ASSERT_EQ(models.size(), 2);
  EXPECT_EQ(models[0]["id"], "one");
  EXPECT_EQ(models[1]["id"], "two");
  for (const std::string name : {"two", "one"}) {
    const auto answer = json::parse(next());
    EXPECT_EQ(answer["model"], name);
    EXPECT_THAT(answer["choices"][0]["message"]["content"].get<std::string>(), HasSubstr("Paris"));
    EXPECT_EQ(next(), "200");
  }
  EXPECT_EQ(json::parse(next())["error"]["code"], "model_not_found");
  EXPECT_EQ(next(), "404");
  EXPECT_THAT(next(), HasSubstr("{model=\"one\"}"));
  EXPECT_THAT(next(), HasSubstr("{model=\"two\"}"));
  EXPECT_EQ(next(), "status 0");
}

TEST(Serve, WarnsLoudlyWhereEverybodyCanReachItWithoutAKey) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  ASSERT_EQ(with_server("smollm2-135m-instruct --host 0.0.0.0", "", folder).status, 0);
  EXPECT_THAT(read_whole(folder.path() / "log"), AllOf(HasSubstr("WARNING"), HasSubstr("--api-key-env")));
  const TemporaryFolder with_key;
  ASSERT_EQ(with_server("smollm2-135m-instruct --host 0.0.0.0 --api-key-env HOME", "", with_key).status, 0);
  EXPECT_THAT(read_whole(with_key.path() / "log"), Not(HasSubstr("WARNING")));
}

TEST(Serve, RefusesWhatCannotBeInOneSentence) {
  DROVER_NEEDS_SMALL_MODEL();
  for (const std::string arguments : {"--port 70000", "--api-key-env DROVER_NO_SUCH_VARIABLE", "--memory 0", "--memory 0.0000001", "--max-body 0", "--max-tokens 0",
                                      "--max-connections 0", "--format nonsense", "smollm2-135m-instruct", "smollm2-135m-instruct --name one", "no-such-model"}) {
    SCOPED_TRACE(arguments);
    const auto result = run_script("timeout 60 drover serve smollm2-135m-instruct --port 0 " + arguments);
    EXPECT_EQ(result.status, 1) << result.errors;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
  }
}

}  // namespace
}  // namespace drover::cli
