#include "base/json_nesting.h"

#include <gmock/gmock.h>

#include <string>

#include "base/error.h"

namespace drover::base {
namespace {

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(RequireShallowJson, RefusesTheFirstLevelThatIsTooDeep) {
  EXPECT_NO_THROW(require_shallow_json(nested(kMaxJsonNesting), "a.json"));
  try {
    require_shallow_json(nested(kMaxJsonNesting + 1), "a.json");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("a.json nests deeper than 100 levels at byte 100"));
  }
}

TEST(RequireShallowJson, CountsOpenLevelsOnlyAndNoBracketsInStrings) {
  std::string row = "[";
  for (int i = 0; i < 1000; ++i) row += R"({"a[{": "\"[{[{"},[],)";
  EXPECT_NO_THROW(require_shallow_json(row + "0]", "a.json"));
  EXPECT_THROW(require_shallow_json(R"(["\\",)" + nested(kMaxJsonNesting), "a.json"), UserError);
}

}  // namespace
}  // namespace drover::base
