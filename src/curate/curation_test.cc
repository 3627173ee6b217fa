#include "curate/curation.h"

#include <gtest/gtest.h>

#include "curate/dialog_test.h"

namespace drover::curate {
namespace {

TEST(Curation, StepsSeeWhatIsLeftAndDecisionsKeepTheFirstNumbers) {
  std::vector<Row> rows;
  for (int i = 0; i < 5; ++i) rows.push_back({.dialog = asked("q", std::to_string(i))});
  Curation curation(rows);
  curation.apply("one", std::vector<Decision>{{.index = 0, .kept = false, .rule = "a"},
                                              {.index = 1, .rule = "clean"},
                                              {.index = 2, .kept = true, .rule = "rewritten", .reason = "r"},
                                              {.index = 3, .kept = false, .rule = "a"},
                                              {.index = 4, .rule = "clean"}});
  ASSERT_EQ(curation.rows().size(), 3U);
  EXPECT_EQ(curation.rows()[2].dialog.messages.back().content, "4");
  curation.apply("two", std::vector<Decision>{{.index = 0, .rule = "x"},
                                              {.index = 1, .rule = "x"},
                                              {.index = 2, .kept = false, .rule = "b", .other = 1}});
  EXPECT_EQ(std::vector<std::size_t>(curation.places().begin(), curation.places().end()),
            (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(curation.steps()[0].rules.at("a"), 2);
  EXPECT_EQ(curation.steps()[1].kept, 2);
  const auto& last = curation.recorded().back();
  EXPECT_EQ(curation.recorded().size(), 4U) << "three that went, one that was rewritten";
  EXPECT_EQ(last.step, 1U);
  EXPECT_EQ(last.decision.index, 4U);
  EXPECT_EQ(last.decision.other, 2U);
}

}  // namespace
}  // namespace drover::curate
