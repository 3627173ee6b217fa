// What a user sees when something is wrong: one sentence on standard error, and the exit status that names whose fault it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A huge allocation would end in status 3. AddressSanitizer maps more than any limit, and has a limit of its own.
#if defined(__SANITIZE_ADDRESS__)
const std::string kMemoryLimit;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
const std::string kMemoryLimit;
#else
const std::string kMemoryLimit = "ulimit -v 20000000; ";
#endif
#else
const std::string kMemoryLimit = "ulimit -v 20000000; ";
#endif

void expect_one_sentence(const ProcessResult& result, int status) {
  EXPECT_EQ(result.status, status) << result.errors;
  EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
  EXPECT_THAT(result.errors, StartsWith("drover: "));
  EXPECT_THAT(result.output, IsEmpty());
}

TEST(CommandLine, MistypedCommandIsAnsweredWithTheNearestOne) {
  const auto result = run_script("drover tokenzie model");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("'tokenzie'"));
  EXPECT_THAT(result.errors, HasSubstr("did you mean \"tokenize\"?"));
}

TEST(CommandLine, MistypedOptionIsAnsweredWithTheNearestOne) {
  const auto result = run_script("drover tokenize model --josn");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("'--josn' is not an option of drover tokenize"));
  EXPECT_THAT(result.errors, HasSubstr("\"--json\""));
}

TEST(CommandLine, MissingArgumentIsNamed) {
  const auto result = run_script("drover info");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("MODEL"));
}

TEST(CommandLine, SurplusArgumentIsNamed) {
  const auto result = run_script("drover doctor twice");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("'twice'"));
}

TEST(CommandLine, ValueOutsideTheListIsRefused) {
  const auto result = run_script("drover logprobs model dialogs.jsonl --dtype f16");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("bf16"));
}

TEST(CommandLine, NoCommandIsAnsweredWithWhereToLook) {
  const auto result = run_script("drover");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("drover --help"));
}

TEST(ModelArgument, UnknownNameIsAnsweredWithTheNearestInstalledOne) {
  const auto result = run_script("mkdir -p home/models && touch home/models/smollm2-135m-instruct.gguf && DROVER_HOME=$PWD/home drover info smolm2-135m-instruct");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("did you mean \"smollm2-135m-instruct\"?"));
}

TEST(ModelArgument, WithoutAnyInstalledModelSetUpIsRecommended) {
  const auto result = run_script("DROVER_HOME=$PWD/home drover info smollm2-135m-instruct");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("scripts/setup"));
}

TEST(ModelArgument, FolderWithoutConfigurationIsNoModel) {
  const auto result = run_script("mkdir empty && drover info empty");
  expect_one_sentence(result, 1);
  EXPECT_THAT(result.errors, HasSubstr("config.json"));
}

TEST(ModelArgument, BrokenGgufFilesAreRefusedByEveryCommand) {
  const TemporaryFolder folder;
  folder.write("empty.gguf", "");
  folder.write("text.gguf", "this is no model, whatever its name says\n");
  // The header promises 2^60 tensors and as many keys; nothing follows.
  folder.write("huge.gguf", std::string("GGUF\x03\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x10", 24));
  folder.write("dialogs.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": \"y\"}]}\n");
  for (const std::string file : {"empty.gguf", "text.gguf", "huge.gguf"}) {
    for (const std::string rest : {"info FILE", "tokenize FILE", "logprobs FILE dialogs.jsonl --format chatml", "inspect FILE dialogs.jsonl",
                                   "convert FILE out", "chat FILE --once hello"}) {
      auto script = kMemoryLimit + "drover " + rest;
      script.replace(script.find("FILE"), 4, file);
      SCOPED_TRACE(script);
      const auto result = run_script(script, folder);
      expect_one_sentence(result, 1);
      EXPECT_THAT(result.errors, HasSubstr(file));
    }
  }
}

TEST(ModelArgument, TruncatedRealModelIsRefused) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto model = "${DROVER_HOME:-$HOME/.local/share/drover}/models/smollm2-135m-instruct.gguf";
  for (const std::string bytes : {"30", "5000", "1000000", "50000000"}) {
    SCOPED_TRACE(bytes);
    const auto result = run_script("head -c " + bytes + " " + model + " > cut.gguf; drover info cut.gguf");
    expect_one_sentence(result, 1);
    EXPECT_THAT(result.errors, HasSubstr("cut.gguf"));
  }
}

TEST(DialogFile, BadLinesAreNamedWithFileLineAndReason) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  const std::string good = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}\n";
  folder.write("cut.jsonl", good + "{\"messages\": [{\"role\": \"user\"");
  folder.write("typo.jsonl", good + "{\"mesages\": []}\n");
  folder.write("role.jsonl", good + "{\"messages\": [{\"role\": \"robot\", \"content\": \"a\"}]}\n");
  for (const std::string file : {"cut.jsonl", "typo.jsonl", "role.jsonl"}) {
    for (const std::string command : {"inspect", "logprobs"}) {
      SCOPED_TRACE(command + " " + file);
      const auto result = run_script("drover " + command + " smollm2-135m-instruct " + file + " > /dev/null", folder);
      EXPECT_EQ(result.status, 1);
      EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
      EXPECT_THAT(result.errors, HasSubstr(file + ", line 2"));
    }
  }
}

TEST(DialogFile, MissingAndEmptyFilesAreNamed) {
  DROVER_NEEDS_SMALL_MODEL();
  expect_one_sentence(run_script("drover inspect smollm2-135m-instruct nowhere.jsonl"), 1);
  expect_one_sentence(run_script(": > empty.jsonl; drover inspect smollm2-135m-instruct empty.jsonl"), 1);
  expect_one_sentence(run_script("drover inspect smollm2-135m-instruct ."), 1);
}

TEST(Tokenize, IdsThatTheModelDoesNotHaveAreRefused) {
  DROVER_NEEDS_SMALL_MODEL();
  for (const std::string line : {"[49152]", "[-1]", "[1.5]", "[99999999999999999999]", "{}", "[1, 2", "[\"1\"]"}) {
    SCOPED_TRACE(line);
    const auto result = run_script("echo '" + line + "' | drover tokenize smollm2-135m-instruct --decode");
    expect_one_sentence(result, 1);
    EXPECT_THAT(result.errors, HasSubstr("line 1"));
  }
}

TEST(Convert, AnExistingTargetIsNotOverwritten) {
  const auto result = run_script("touch there.gguf; drover convert some-model there.gguf; wc -c < there.gguf");
  EXPECT_THAT(result.errors, HasSubstr("there.gguf"));
  EXPECT_EQ(result.output, "0\n");
}

TEST(Convert, QuantisedSafetensorsDoNotExist) { expect_one_sentence(run_script("drover convert some-model out --type q8_0"), 1); }

TEST(Output, AFullDiskIsAMatterOfTheSurroundings) {
  const auto result = run_script("drover doctor > /dev/full");
  expect_one_sentence(result, 3);
}

TEST(Output, AClosedPipeEndsTheProgramInSilence) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto result = run_script("yes 'many lines' | drover tokenize smollm2-135m-instruct --json | head -n 1; echo ${PIPESTATUS[1]}");
  EXPECT_THAT(result.output, HasSubstr("\n141\n"));  // 128 + SIGPIPE
  EXPECT_THAT(result.errors, IsEmpty());
}

TEST(Interruption, EndsWithStatus130AndWithoutAMessage) {
  DROVER_NEEDS_SMALL_MODEL();
  // A script's background jobs ignore SIGINT, so the program is started with job control on.
  const auto result = run_script(
      "set -m; mkfifo input; drover tokenize smollm2-135m-instruct --json < input > ids & sleep 1000 > input & exec 3>input;"
      "echo one >&3; until [[ -s ids ]]; do sleep 0.05; [[ -e ids ]] || true; kill -0 %1 || break; (( ++n > 40 )) && break; done;"
      "kill -INT %1; wait %1; echo $?; kill %2");
  EXPECT_THAT(result.output, StartsWith("130\n"));
  EXPECT_THAT(result.errors, Not(HasSubstr("drover:")));
}

}  // namespace
}  // namespace drover::cli
