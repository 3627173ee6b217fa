// Which rows `drover train` shows before the first step, on a terminal and elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "cli/train_process_test.h"

namespace drover::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kLines = 24, kColumns = 80;
const std::string kGreen = "\x1b[1;32m";

class ShownRows : public Train {
 protected:
  /// What a terminal gets to see of `script`, standard output and error alike.
  std::string seen_on_terminal(const std::string& script) const {
    winsize size{};
    size.ws_row = kLines;
    size.ws_col = kColumns;
    int terminal = -1;
    const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
    if (child == 0) {
      if (chdir(folder_.path().c_str()) != 0) _exit(99);
      setenv("TERM", "xterm", 1);
      unsetenv("NO_COLOR");
      setenv("PATH", (std::filesystem::path(DROVER_PROGRAM).parent_path().string() + ":" + getenv("PATH")).c_str(), 1);
      execl("/bin/bash", "bash", "-c", script.c_str(), nullptr);
      _exit(99);
    }
    std::string seen;
    char part[4096];
    for (ssize_t count = 0; (count = read(terminal, part, sizeof part)) > 0;) seen.append(part, static_cast<std::size_t>(count));
    close(terminal);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << seen;
    return seen;
  }

  static std::string sft(const std::string& more) { return "drover train sft start dialogs.jsonl -o out --steps 1 --threads 1" + more; }
};

TEST_F(ShownRows, OnATerminalTwoRowsAreShownInColour) {
  const auto seen = seen_on_terminal(sft(""));
  EXPECT_THAT(seen, AllOf(HasSubstr("dialogs.jsonl, line 1: "), HasSubstr("dialogs.jsonl, line 2: "), Not(HasSubstr("dialogs.jsonl, line 3: "))));
  EXPECT_THAT(seen, HasSubstr(kGreen + "blue<|im_end|>\x1b[0m")) << "what the first row teaches";
}

TEST_F(ShownRows, NoneWhereAProgramReadsOrWhereNoneAreWanted) {
  for (const std::string more : {" --json", " --show-rows 0", " > steps", " 2> said", " | cat"}) {
    EXPECT_THAT(seen_on_terminal(sft(more)), Not(HasSubstr(", line 1: "))) << more;
  }
  EXPECT_THAT(read_whole(folder_.path() / "said"), Not(HasSubstr(", line 1: ")));
  EXPECT_THAT(train("sft start dialogs.jsonl -o out --steps 1").errors, Not(HasSubstr(", line 1: ")));
}

TEST_F(ShownRows, AsManyAsAreAskedForOnATerminalToo) {
  EXPECT_THAT(seen_on_terminal(sft(" --show-rows 1")), AllOf(HasSubstr(", line 1: "), Not(HasSubstr(", line 2: "))));
  EXPECT_THAT(seen_on_terminal(sft(" --show-rows 3")), HasSubstr(", line 3: "));
}

TEST_F(ShownRows, ALongRowIsCutToAScreen) {
  std::string poem;
  for (int i = 0; i < 100; ++i) poem += "Line " + std::to_string(i) + " of it.\n";
  folder_.write("dialogs.jsonl", dialog("Write a long poem.", poem + "The end.") + dialog("Name a river.", "The Nile."));
  const auto seen = seen_on_terminal(sft(""));
  const auto begin = seen.find("dialogs.jsonl, line 1: "), end = seen.find("dialogs.jsonl, line 2: ");
  ASSERT_NE(begin, std::string::npos) << seen;
  ASSERT_NE(end, std::string::npos) << seen;
  const auto row = seen.substr(begin, end - begin);
  EXPECT_LE(std::count(row.begin(), row.end(), '\n'), kLines);
  EXPECT_THAT(row, HasSubstr("The end.")) << "how it ends is what must be right";
  EXPECT_THAT(row, Not(HasSubstr("Line 50 of it.")));
}

}  // namespace
}  // namespace drover::cli
