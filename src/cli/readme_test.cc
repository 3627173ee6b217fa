// The commands that README.md shows run as they stand there.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "cli/drover_process_test.h"

namespace drover::cli {
namespace {

/// The lines after "$ " of the README's console block.
std::vector<std::string> readme_commands() {
  const auto readme = read_whole(DROVER_SOURCE_FOLDER "/README.md");
  const auto begin = readme.find("```console\n");
  std::istringstream block(readme.substr(begin, readme.find("```", begin + 3) - begin));
  std::vector<std::string> commands;
  for (std::string line; std::getline(block, line);) {
    if (line.starts_with("$ ")) commands.push_back(line.substr(2));
  }
  return commands;
}

TEST(Readme, ItsCommandsRun) {
  DROVER_NEEDS_SMALL_MODEL();
  const auto commands = readme_commands();
  ASSERT_GE(commands.size(), 5);
  const TemporaryFolder folder;
  for (const auto* name : {"docs", "recipes"}) std::filesystem::create_directory_symlink(std::string(DROVER_SOURCE_FOLDER "/") + name, folder.path() / name);
  for (const auto& command : commands) {
    SCOPED_TRACE(command);
    const auto result = run_script("set -o pipefail; " + command, folder);
    EXPECT_EQ(result.status, 0) << result.errors;
    EXPECT_FALSE(result.output.empty());
  }
}

}  // namespace
}  // namespace drover::cli
