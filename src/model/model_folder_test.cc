// Where a model's folder may be written.
#include "model/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ModelFolderPlace : public testing::Test {
 protected:
  ModelFolderPlace() {
    fs::create_directories(folder_ / "model");
    base::write_file_atomically(folder_ / "model/config.json", "{}");
  }
  ~ModelFolderPlace() override { fs::remove_all(folder_); }

  static std::string refusal(const fs::path& place) {
    try {
      check_place(place, "model", "config.json");
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "taken";
  }

  fs::path folder_ = fs::temp_directory_path() / fmt::format("drover-model-folder-{}", getpid());
};

TEST_F(ModelFolderPlace, AFolderIsGivenByItsName) {
  EXPECT_EQ(refusal(folder_ / "model"), "taken");
  EXPECT_EQ(refusal(folder_ / "model/"), "taken");
  EXPECT_EQ(refusal(folder_ / "model/../model"), "taken");
  fs::create_directory(folder_ / "model/sub");
  for (const char* place : {"model/.", "model/./", "model/sub/.."}) EXPECT_THAT(refusal(folder_ / place), HasSubstr("give the folder by its name")) << place;
}

TEST_F(ModelFolderPlace, AFolderThatHoldsMoreThanAModelIsRefused) {
  for (const char* name : {"model.safetensors", "tokenizer.model", "merges.txt", "chat_template.jinja", "README.md", "LICENSE", ".gitattributes"}) {
    base::write_file_atomically(folder_ / "model" / name, "x");
  }
  EXPECT_EQ(refusal(folder_ / "model"), "taken");
  for (const char* name : {"answers.jsonl", "training_args.bin"}) {
    base::write_file_atomically(folder_ / "model" / name, "x");
    EXPECT_THAT(refusal(folder_ / "model"), HasSubstr(fmt::format("holds '{}' too", name)));
    fs::remove(folder_ / "model" / name);
  }
  fs::create_directory(folder_ / "model/checkpoint-500");
  EXPECT_THAT(refusal(folder_ / "model"), HasSubstr("holds 'checkpoint-500' too, which would be removed"));
  EXPECT_THROW(write_folder(folder_ / "model", "model", "config.json", [](const fs::path&) {}), base::UserError);
  EXPECT_TRUE(fs::exists(folder_ / "model/checkpoint-500"));
}

constexpr int kNotPossible = 77;

/// What `work` returns in a process of its own.
int in_a_child(const std::function<int()>& work, pid_t* child = nullptr) {
  const pid_t pid = fork();
  if (pid == 0) _exit(work());
  int status = 0;
  waitpid(pid, &status, 0);
  if (child != nullptr) *child = pid;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// In a world of this process alone, whose disks nobody else sees.
bool mount_at(const fs::path& place) {
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && mount("none", place.c_str(), "tmpfs", 0, nullptr) == 0;
}

TEST_F(ModelFolderPlace, AMountPointIsRefused) {
  const auto place = folder_ / "disk";
  fs::create_directory(place);
  const int found = in_a_child([&] { return !mount_at(place) ? kNotPossible : refusal(place).starts_with("A disk is mounted at") ? 0 : 1; });
  if (found == kNotPossible) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_EQ(found, 0);
}

TEST_F(ModelFolderPlace, WhatCannotBePutThereAtTheEndIsKept) {
  const auto place = folder_ / "disk";
  fs::create_directory(place);
  pid_t child = 0;
  const int found = in_a_child(
      [&] {
        bool is_mounted = false;
        try {
          write_folder(place, "model", "config.json", [&](const fs::path& made) {
            base::write_file_atomically(made / "weights", "of many hours");
            is_mounted = mount_at(place);
          });
        } catch (const base::SurroundingsError&) {
          return 0;
        }
        return is_mounted ? 1 : kNotPossible;
      },
      &child);
  if (found == kNotPossible) GTEST_SKIP() << "nothing can be mounted here";
  ASSERT_EQ(found, 0);
  EXPECT_EQ(base::read_file(folder_ / fmt::format("disk.{}", child) / "weights"), "of many hours");
}

}  // namespace
}  // namespace drover::model
