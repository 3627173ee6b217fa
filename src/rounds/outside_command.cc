#include "rounds/outside_command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/error.h"

extern char** environ;

namespace drover::rounds {
namespace {

/// posix_spawn's list of files for a child.
class ChildFiles {
 public:
  ChildFiles() { posix_spawn_file_actions_init(&actions_); }
  ChildFiles(const ChildFiles&) = delete;
  ChildFiles& operator=(const ChildFiles&) = delete;
  ~ChildFiles() { posix_spawn_file_actions_destroy(&actions_); }

  void open(int descriptor, const std::filesystem::path& path, int flags) {
    posix_spawn_file_actions_addopen(&actions_, descriptor, path.c_str(), flags, 0644);
  }
  void change_folder(const std::filesystem::path& folder) {
    posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw base::SurroundingsError("Waiting for a command failed: {}.", std::strerror(errno));
  }
  return status;
}

}  // namespace

void run_outside_command(const OutsideCommand& command) {
  const auto unfinished = std::filesystem::absolute(command.output).string() + ".unfinished";
  ChildFiles files;
  files.open(0, std::filesystem::absolute(command.input), O_RDONLY);
  files.open(1, unfinished, O_WRONLY | O_CREAT | O_TRUNC);
  files.change_folder(command.folder.empty() ? "." : command.folder);

  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  for (const auto& [name, value] : command.environment) variables.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  std::string shell = "/bin/sh";
  std::string flag = "-c";
  std::string text = command.command;
  char* arguments[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, shell.c_str(), files.get(), nullptr, arguments, environment.data());
  if (error != 0)
    throw base::SurroundingsError("The command \"{}\" could not be started: {}.", command.command, std::strerror(error));
  const int status = wait_for(child);
  std::error_code ignored;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    std::filesystem::rename(unfinished, command.output);
    return;
  }
  std::filesystem::remove(unfinished, ignored);
  const auto end = WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status))
                                     : fmt::format("signal {}", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  throw base::UserError("The command \"{}\" ended with {}; what it wrote is not used.", command.command, end);
}

}  // namespace drover::rounds
