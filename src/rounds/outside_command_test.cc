#include "rounds/outside_command.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

using ::testing::HasSubstr;

class OutsideCommandTest : public ::testing::Test {
 protected:
  void run(const std::string& command) {
    base::write_file_atomically(folder_.path() / "in", "b\na\n");
    run_outside_command({.command = command,
                         .folder = folder_.path(),
                         .input = folder_.path() / "in",
                         .output = folder_.path() / "out",
                         .environment = {{"DROVER_SEED", "7"}}});
  }
  bool wrote() const { return std::filesystem::exists(folder_.path() / "out"); }

  TemporaryFolder folder_{"outside-command"};
};

TEST_F(OutsideCommandTest, ReadsItsInputAndItsOutputBecomesTheFile) {
  run("sort; echo $DROVER_SEED; ls in");
  EXPECT_EQ(base::read_file(folder_.path() / "out"), "a\nb\n7\nin\n");
}

TEST_F(OutsideCommandTest, WhatAFailedCommandWroteIsNotUsed) {
  for (const auto& [command, end] : {std::pair{"echo half; exit 3", "exit status 3"}, {"kill -9 $$", "signal 9"}}) {
    try {
      run(command);
      FAIL() << command;
    } catch (const base::UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(end));
    }
    EXPECT_FALSE(wrote());
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out.unfinished"));
  }
}

TEST_F(OutsideCommandTest, ACommandThatDoesNotExistIsNamed) {
  try {
    run("no-such-program-here 2> /dev/null");
    FAIL();
  } catch (const base::UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no-such-program-here"));
  }
}

}  // namespace
}  // namespace drover::rounds
