#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "rounds/recipe.h"

namespace drover::rounds {

/// The tiny recipe with texts of it replaced; each must stand in it.
inline Recipe tiny_recipe(const std::vector<std::pair<std::string, std::string>>& changes = {}) {
  const auto file = std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes" / "tiny.toml";
  auto text = base::read_file(file);
  for (const auto& [from, to] : changes) {
    EXPECT_THAT(text, ::testing::HasSubstr(from));
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  return parse_recipe(text, file);
}

/// A folder that is empty at first and gone at the end.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name)
      : path_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover-{}-{}", name, getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace drover::rounds
