#include "rounds/artefact.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

TEST(HashOfFiles, ACardBesideAModelDoesNotChangeIt) {
  const TemporaryFolder folder("artefact");
  base::write_file_atomically(folder.path() / "config.json", "{}");
  const auto before = hash_of_files(folder.path());
  base::write_file_atomically(folder.path() / "README.md", "a card");
  EXPECT_EQ(hash_of_files(folder.path()), before);
  base::write_file_atomically(folder.path() / "config.json", "{ }");
  EXPECT_NE(hash_of_files(folder.path()), before);
}

}  // namespace
}  // namespace drover::rounds
