#include "cli/terminal.h"

#include <gtest/gtest.h>

#include "cli/fact_lines.h"
#include "cli/progress_line.h"

namespace drover::cli {
namespace {

TEST(Shown, ControlCharactersBecomeVisible) {
  EXPECT_EQ(shown("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(shown("line\nnext\ttab"), "line\nnext\ttab");
  EXPECT_EQ(shown(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(shown("\xc2\x9b" "31m"), "\\xc2\\x9b31m");  // U+009B is the one-character form of ESC [
}

TEST(Shown, Utf8StaysAndOtherBytesBecomeVisible) {
  EXPECT_EQ(shown("\u00e9\u4f60\U0001f680"), "\u00e9\u4f60\U0001f680");
  EXPECT_EQ(shown("a\xff" "b"), "a\\xffb");
  EXPECT_EQ(shown("\xe4\xbd"), "\\xe4\\xbd");           // a character that ends too early
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
}

TEST(LinesOnScreen, LongLinesGoOnInTheNext) {
  EXPECT_EQ(lines_on_screen("", 10), 0);
  EXPECT_EQ(lines_on_screen("a\n\nb\n", 10), 3);
  EXPECT_EQ(lines_on_screen("a\n\nb", 10), 3);
  EXPECT_EQ(lines_on_screen("0123456789\n", 10), 1);
  EXPECT_EQ(lines_on_screen("0123456789x\n", 10), 2);
}

TEST(LinesOnScreen, CountColumnsNotBytes) {
  EXPECT_EQ(lines_on_screen("\u00e9\u00e9\u00e9\u00e9", 4), 1);
  EXPECT_EQ(lines_on_screen("\u4f60\u4f60\u4f60", 4), 2);  // two columns each
  EXPECT_EQ(lines_on_screen("a\tb", 8), 2);                  // the tab ends at column 8
}

TEST(Progress, ShowsRateAndTimeLeft) {
  base::Progress progress;
  progress.what = "sft";
  progress.done = 20;
  progress.total = 100;
  progress.unit = "steps";
  progress.detail = "loss 0.53";
  EXPECT_EQ(describe_progress(progress, 10.0), "sft  20/100 steps, 2 steps/s, 40 s left | loss 0.53");
  progress.total = 0;
  EXPECT_EQ(describe_progress(progress, 10.0), "sft  20 steps, 2 steps/s | loss 0.53");
}

TEST(FactLines, GroupsDigitsByThree) {
  EXPECT_EQ(grouped(7), "7");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(134515008), "134,515,008");
  EXPECT_EQ(grouped(-123456), "-123,456");
}


}  // namespace
}  // namespace drover::cli
