// The commands as a user or a program calls them; the expected ids and roles are those of the formats' and tokenizers' specification.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::string> kCommands = {"run", "status", "trace", "report", "annotate", "train", "merge", "average", "score", "curate", "judge", "generate", "serve", "chat", "inspect", "tokenize", "logprobs", "gap", "convert", "info", "doctor"};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Help, NamesEveryCommandAndEachHasAnExample) {
  const auto help = run_script("drover --help");
  EXPECT_EQ(help.status, 0);
  for (const auto& command : kCommands) {
    SCOPED_TRACE(command);
    EXPECT_THAT(help.output, HasSubstr("\n  " + command));
    const auto own = run_script("drover " + command + " --help");
    EXPECT_EQ(own.status, 0);
    EXPECT_THAT(own.output, HasSubstr("example: "));
    EXPECT_THAT(own.output, HasSubstr("drover " + command));
    EXPECT_THAT(own.errors, IsEmpty());
  }
}

TEST(Version, IsPrinted) {
  const auto result = run_script("drover --version");
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(std::regex_match(result.output, std::regex("drover [0-9]+[.][0-9]+[.][0-9]+\n"))) << result.output;
}

TEST(Tokenize, PrintsOneJsonArrayALine) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script("printf '1234\\na  1\\n\\ntail  ' | drover tokenize smollm2-135m-instruct --json");
  EXPECT_EQ(result.status, 0) << result.errors;
  const auto lines = lines_of(result.output);
  ASSERT_EQ(lines.size(), 4);
  EXPECT_EQ(json::parse(lines[0]), json({33, 34, 35, 36}));
  EXPECT_EQ(json::parse(lines[1]), json({81, 256, 33}));
  EXPECT_EQ(json::parse(lines[2]), json::array());
  EXPECT_EQ(json::parse(lines[3]), json({14332, 256}));
}

TEST(Tokenize, TakesWholeTextsAsJsonStrings) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script(R"(echo '"x = 10\n  20"' | drover tokenize smollm2-135m-instruct --json --json-input)");
  EXPECT_EQ(json::parse(result.output), json({104, 446, 216, 33, 32, 11181, 34, 32}));
}

TEST(Tokenize, SpecialTokensInTextAreTextUnlessAskedFor) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto text = run_script("echo '<|im_end|>' | drover tokenize smollm2-135m-instruct --json");
  EXPECT_THAT(json::parse(text.output).get<std::vector<int>>(), Not(testing::Contains(2)));
  const auto token = run_script("echo '<|im_end|>' | drover tokenize smollm2-135m-instruct --json --parse-special");
  EXPECT_EQ(json::parse(token.output), json({2}));
}

TEST(Tokenize, DecodeIsTheReverse) {
  DROVER_NEEDS_SMALL_MODEL();
  const std::string text = "Hello world!  x\n\tdon't DON'T, 3.14159 \u00e9\u4f60\u597d\U0001f680  ";
  TemporaryFolder folder;
  folder.write("text.json", json(text).dump() + "\n");
  const auto result = run_script(
      "drover tokenize smollm2-135m-instruct --json --json-input < text.json | drover tokenize smollm2-135m-instruct --decode --json-input", folder);
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(json::parse(result.output), json(text));
  const auto raw = run_script("echo '[19556, 905, 17]' | drover tokenize smollm2-135m-instruct --decode");
  EXPECT_EQ(raw.output, "Hello world!\n");
}

TEST(Logprobs, PrintsEveryTokenWithItsRole) {
  DROVER_NEEDS_SMALL_MODEL();
  // ChatML with SmolLM2's default system message; ids from the published template and tokenizer.
  TemporaryFolder folder;
  folder.write("dialogs.jsonl", R"({"messages": [{"role": "user", "content": "Hello"}]})"
                                "\n");
  const auto result = run_script("drover logprobs smollm2-135m-instruct dialogs.jsonl --json --dtype f32", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto tokens = json::parse(result.output).at("tokens");
  std::vector<int> ids;
  for (const auto& token : tokens) ids.push_back(token.at("id"));
  // The newline after the last <|im_end|> stands between messages only.
  EXPECT_EQ(ids, (std::vector<int>{1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 19556, 2}));
  EXPECT_EQ(tokens[24].at("role"), "content");
  EXPECT_EQ(tokens[25].at("role"), "terminator");
  EXPECT_EQ(tokens[22].at("role"), "header");
  EXPECT_TRUE(tokens[0].at("logprob").is_null());
  for (std::size_t i = 1; i < tokens.size(); ++i) EXPECT_LE(tokens[i].at("logprob").get<double>(), 0.0) << i;
}

TEST(Inspect, PlainTextHasNoEscapesAndShowsWhatSftLearns) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script("drover inspect smollm2-135m-instruct '" DROVER_SOURCE_FOLDER "/docs/examples/dialogs.jsonl' --first 1");
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.output, Not(HasSubstr("\x1b")));
  std::string learned;
  for (const auto& line : lines_of(result.output)) {
    const auto quote = line.find('"');
    if (line.find('@') != std::string::npos && quote != std::string::npos) learned += json::parse(line.substr(quote)).get<std::string>();
  }
  EXPECT_EQ(learned, "The capital of France is Paris.<|im_end|>");
}

TEST(Inspect, PageIsSelfContained) {
  DROVER_NEEDS_SMALL_MODEL();
  TemporaryFolder folder;
  folder.write("dialogs.jsonl", R"({"messages": [{"role": "user", "content": "<script>alert(1)</script>"}, {"role": "assistant", "content": "no & thanks"}]})"
                                "\n");
  const auto result = run_script("drover inspect smollm2-135m-instruct dialogs.jsonl --html page.html", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto page = read_whole(folder.path() / "page.html");
  EXPECT_THAT(page, StartsWith("<!doctype html>"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, HasSubstr("learned"));
}

TEST(Info, PrintsOneJsonObject) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script("drover info smollm2-135m-instruct --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto facts = json::parse(result.output);
  EXPECT_EQ(facts.at("architecture"), "llama");
  EXPECT_EQ(facts.at("layers"), 30);
  EXPECT_EQ(facts.at("hidden_size"), 576);
  EXPECT_EQ(facts.at("heads"), 9);
  EXPECT_EQ(facts.at("kv_heads"), 3);
  EXPECT_EQ(facts.at("vocab_size"), 49152);
  EXPECT_EQ(facts.at("parameters"), 134515008);  // SmolLM2-135M with tied embeddings
  EXPECT_EQ(facts.at("chat_format"), "chatml-smollm2");
  EXPECT_EQ(facts.at("eos_ids"), json({2}));
}

TEST(Info, KnowsEncoders) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script("drover info all-minilm-l6-v2 --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto facts = json::parse(result.output);
  EXPECT_EQ(facts.at("architecture"), "bert");
  EXPECT_EQ(facts.at("hidden_size"), 384);
  EXPECT_EQ(facts.at("layers"), 6);
}

TEST(Doctor, PrintsOneJsonObject) {
  const auto result = run_script("drover doctor --json");
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto facts = json::parse(result.output);
  EXPECT_GT(facts.at("cores"), 0);
  EXPECT_GT(facts.at("memory_mb"), 0);
  EXPECT_THAT(facts.at("libtorch").at("version").get<std::string>(), StartsWith("2."));
  EXPECT_EQ(facts.at("devices").at(0), "cpu");
}

TEST(Convert, GgufAndFolderGiveTheSameLogprobs) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  const auto script = R"(
    set -e
    echo '{"messages": [{"role": "user", "content": "Count to three."}, {"role": "assistant", "content": "1, 2, 3"}]}' > d.jsonl
    drover logprobs smollm2-135m-instruct d.jsonl --json --dtype f32
    drover convert smollm2-135m-instruct folder --type f32 > /dev/null
    drover logprobs folder d.jsonl --json --dtype f32
    drover convert folder back.gguf --type f32 > /dev/null
    drover logprobs back.gguf d.jsonl --json --dtype f32)";
  const auto result = run_script(script, folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto lines = lines_of(result.output);
  ASSERT_EQ(lines.size(), 3);
  EXPECT_EQ(lines[0], lines[1]);  // float32 holds what the file's blocks decode to, so nothing is rounded
  EXPECT_EQ(lines[0], lines[2]);
}

TEST(Chat, AnswersOneQuestionAndTheSameSeedAnswersTheSame) {
  DROVER_NEEDS_SMALL_MODEL();
  const std::string ask = "drover chat smollm2-135m-instruct --once 'What is the capital of France?' --max-tokens 24 ";
  const auto greedy = run_script(ask + "--temperature 0");
  ASSERT_EQ(greedy.status, 0) << greedy.errors;
  EXPECT_THAT(greedy.output, HasSubstr("Paris"));
  EXPECT_EQ(run_script(ask + "--seed 7").output, run_script(ask + "--seed 7").output);
}

TEST(Chat, ReadsQuestionsFromAPipe) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script("printf 'Say hello.\\n/new\\nSay hello.\\n/quit\\n' | drover chat smollm2-135m-instruct --temperature 0 --max-tokens 8");
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto lines = lines_of(result.output);
  ASSERT_EQ(lines.size() % 2, 0);
  // The second conversation knows nothing of the first, so its answer is the same.
  EXPECT_EQ(std::vector<std::string>(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2)),
            std::vector<std::string>(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2), lines.end()));
}

}  // namespace
}  // namespace drover::cli
