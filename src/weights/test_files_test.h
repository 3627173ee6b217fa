#pragma once

// Files that several tests of this room read and write.
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "weights/tensor.h"

namespace drover::weights {

inline std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(DROVER_SOURCE_FOLDER) / "src/weights/testdata" / name;
}

/// A folder that lives as long as one test.
class InScratchFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("drover_weights_" + std::string(info->test_suite_name()) + "_" + std::string(info->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::vector<float> decoded(const TensorView& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.num_elements()));
  to_float32(tensor.type, tensor.bytes, values);
  return values;
}

/// Runs `read` and returns the message of its UserError; empty when it did not throw.
template <typename Read>
std::string user_error_of(const Read& read) {
  try {
    read();
  } catch (const base::UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace drover::weights
