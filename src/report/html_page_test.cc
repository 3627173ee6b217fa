#include "report/html_page.h"

#include <gmock/gmock.h>

namespace drover::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunSummary small_run() {
  RunSummary summary;
  summary.recipe_name = "tiny";
  summary.recipe_text = "name = \"tiny\"";
  summary.stages = {{.name = "round 1 / sft", .key = "k", .is_finished = true, .seconds = 1.5}};
  summary.accuracies = {{.stage = "round 1 / evaluate",
                         .model_name = "round 1 sft",
                         .model = "h",
                         .suite = "sums",
                         .accuracy = 0.5,
                         .low = 0.25,
                         .high = 0.75,
                         .count = 60,
                         .p_value = 0.01}};
  summary.losses = {{.name = "round 1 sft 1", .losses = {2.0, 1.0}}};
  summary.samples = {
      {.question = "<script>alert(1)</script>",
       .expected = "7",
       .replies = {{.id = "00ff", .text = "7\"><img src=x>", .score = 1, .is_kept = true, .reason = "best"}}}};
  return summary;
}

TEST(HtmlPage, NeedsNothingBesideItself) {
  const auto page = html_page(small_run());
  for (const auto* outside : {"http:", "https:", "src=\"", "<link", "<script", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  EXPECT_THAT(page, HasSubstr("50.0%"));
  EXPECT_THAT(page, HasSubstr("25.0 to 75.0%"));
}

TEST(HtmlPage, ShowsTheTextOfModelsLiterally) {
  const auto page = html_page(small_run());
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("7&quot;&gt;&lt;img src=x&gt;"));
  EXPECT_EQ(escaped(std::string("a\0b\x1b[2J'", 8)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD[2J&#39;");
  EXPECT_EQ(escaped("<a href=\"x\">'&'"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
}

TEST(HtmlPage, HoldsWithoutResults) { EXPECT_THAT(html_page(RunSummary{}), HasSubstr("</html>")); }

}  // namespace
}  // namespace drover::report
