#include "curate/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "curate/dialog_test.h"
#include "curate/mix_table.h"
#include "judge/scripted_judge_test.h"

namespace drover::curate {
namespace {

using ::testing::HasSubstr;

TEST(Topics, APromptedModelNamesTheCoarseTopicAndThenAFineOneInsideIt) {
  judge::ScriptedModel model([](const std::string& question, std::int64_t) -> std::string {
    const bool is_fine = question.find("geometry and trigonometry") != std::string::npos;
    if (question.find("gibberish") != std::string::npos) return "no idea";
    return is_fine ? "geometry and trigonometry" : "mathematical reasoning";
  });
  judge::Judge judge(model);
  std::vector<Row> rows = {{.dialog = asked("What is the area of a circle?", "pi r^2")},
                           {.dialog = asked("gibberish", "x")},
                           {.dialog = asked("q", "a"), .topic = "code"},
                           {.dialog = asked("q", "a"), .capability = "mine"}};
  EXPECT_EQ(fill_topics(rows, *prompted_topics(judge)), 2);
  EXPECT_EQ(rows[0].topic, "mathematical reasoning");
  EXPECT_EQ(rows[0].subtopic, "geometry and trigonometry");
  EXPECT_EQ(rows[0].capability, "reasoning");
  EXPECT_EQ(rows[1].topic, "") << "unknown stays unknown";
  EXPECT_EQ(rows[2].topic, "code") << "known before";
  EXPECT_EQ(rows[3].capability, "mine") << "known before";
}

TEST(Topics, TheDefaultOnesCoverTheReportsDataSets) {
  std::set<std::string> datasets, names;
  for (const auto& topic : default_topics()) {
    datasets.insert(dataset_of(topic.capability));
    EXPECT_TRUE(names.insert(topic.name).second);
    EXPECT_GE(topic.fine.size(), 2U);
  }
  EXPECT_EQ(datasets, (std::set<std::string>{"General English", "Code", "Multilingual", "Exam-like",
                                             "Reasoning and tools", "Long context"}));
}

TEST(Topics, ListsThatNameATopicTwiceAreRefused) {
  judge::ScriptedModel model([](const std::string&, std::int64_t) { return "a"; });
  judge::Judge judge(model);
  EXPECT_THROW(prompted_topics(judge, {}), base::UserError);
  EXPECT_THROW(prompted_topics(judge, {{"a", "", {}}, {"a", "", {}}}), base::UserError);
  EXPECT_THROW(prompted_topics(judge, {{"a", "", {"x", "x"}}}), base::UserError);
}

}  // namespace
}  // namespace drover::curate
