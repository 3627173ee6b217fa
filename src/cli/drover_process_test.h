#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace drover::cli {

/// A folder that is removed at the end of a test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (std::filesystem::temp_directory_path() / "drover_cli_test_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }

  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

struct ProcessResult {
  int status = 0;  ///< as a shell reports it: 128 + signal when a signal ended it
  std::string output;
  std::string errors;

  /// Lines on standard error.
  std::int64_t num_error_lines() const {
    std::int64_t lines = 0;
    for (const char character : errors) lines += character == '\n' ? 1 : 0;
    return lines;
  }
};

inline std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs `script` with bash, in `folder`, where the command `drover` is the program that this build made.
inline ProcessResult run_script(const std::string& script, const TemporaryFolder& folder) {
  const auto out = folder.path() / "stdout.txt";
  const auto err = folder.path() / "stderr.txt";
  const auto bin = folder.path() / "bin";
  std::filesystem::create_directories(bin);
  if (!std::filesystem::exists(bin / "drover")) std::filesystem::create_symlink(DROVER_PROGRAM, bin / "drover");
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(folder.path().c_str()) != 0) _exit(99);
    setenv("PATH", (bin.string() + ":" + getenv("PATH")).c_str(), 1);
    const int in_file = open("/dev/null", O_RDONLY);
    const int out_file = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err_file = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(in_file, 0);
    dup2(out_file, 1);
    dup2(err_file, 2);
    execl("/bin/bash", "bash", "-c", script.c_str(), nullptr);
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), read_whole(out), read_whole(err)};
}

inline ProcessResult run_script(const std::string& script) { return run_script(script, TemporaryFolder()); }

/// Whether scripts/setup installed the model; tests that need it are skipped where it did not.
inline bool small_model_is_installed() {
  const char* home = std::getenv("DROVER_HOME");
  const char* user = std::getenv("HOME");
  const auto folder = home != nullptr ? std::filesystem::path(home) : std::filesystem::path(user != nullptr ? user : ".") / ".local/share/drover";
  return std::filesystem::exists(folder / "models/smollm2-135m-instruct.gguf");
}

}  // namespace drover::cli

#define DROVER_NEEDS_SMALL_MODEL() \
  if (!::drover::cli::small_model_is_installed()) GTEST_SKIP() << "smollm2-135m-instruct is not installed: run scripts/setup"
