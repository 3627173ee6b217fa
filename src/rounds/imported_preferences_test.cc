#include "rounds/imported_preferences.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "evaluate/recorded_replies.h"
#include "rounds/tiny_recipe_test.h"

namespace drover::rounds {
namespace {

using ::testing::ElementsAre;

class ImportedPreferencesTest : public ::testing::Test {
 protected:
  /// What becomes of these rows, in words: "edited > preferred > other: level".
  std::vector<std::string> imported(const std::string& rows, const std::string& level = "better") {
    const auto file = folder_.path() / "people.jsonl";
    base::write_file_atomically(file, rows);
    const auto recipe = tiny_recipe(
        {{"[collect]\n", fmt::format("[preferences.people]\nfile = \"{}\"\nlevel = \"{}\"\n[collect]\n", file.string(), level)}});
    Workspace work(recipe, folder_.path(), ledger_, {});
    import_preferences(work, "stage", 1, PromptPool(recipe));
    std::vector<std::string> found;
    for (const auto id : ledger_.comparisons_of("stage")) {
      const auto comparison = *ledger_.find(id);
      const auto text = [&](ledger::GenerationId reply) { return evaluate::text_of(ledger_.find(reply)->reply); };
      found.push_back((comparison.edited.is_nothing() ? "" : text(comparison.edited) + " > ") + text(comparison.preferred) + " > " +
                      text(comparison.other) + ": " + std::string(chat::name_of(comparison.level)));
    }
    return found;
  }

  TemporaryFolder folder_{"imported-preferences"};
  ledger::Ledger ledger_{folder_.path() / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate};
};

TEST_F(ImportedPreferencesTest, TheSourcesLevelIsThatOfRowsWhichStateNone) {
  EXPECT_THAT(imported(R"({"prompt": "1", "chosen": "a", "rejected": "b"}
{"prompt": "2", "chosen": "a", "rejected": "b", "level": "significantly_better"}
)",
                       "slightly_better"),
              ElementsAre("a > b: slightly_better", "a > b: significantly_better"));
}

TEST_F(ImportedPreferencesTest, ARowWithoutAPreferenceStaysOne) {
  EXPECT_THAT(imported(R"({"prompt": "1", "chosen": "a", "rejected": "b", "level": "none"})"), ElementsAre("a > b: none"));
}

TEST_F(ImportedPreferencesTest, ARankingIsItsBestAgainstItsWorst) {
  EXPECT_THAT(imported(R"({"prompt": "1", "responses": ["a", "b", "c"], "levels": ["significantly_better", "slightly_better"]}
{"prompt": "2", "responses": ["d", "c", "b", "a"], "ranking": [3, 2, 1, 0], "levels": ["better", "marginally_better", "none"]}
{"prompt": "3", "responses": ["a", "b", "c"], "levels": ["none", "none"]}
)"),
              ElementsAre("a > c: significantly_better", "a > d: better", "a > c: none"));
}

TEST_F(ImportedPreferencesTest, AnEditedResponseMakesAThreeWayRow) {
  EXPECT_THAT(imported(R"({"prompt": "1", "chosen": "a", "rejected": "b", "edited": "c", "level": "slightly_better"}
{"prompt": "2", "chosen": "a", "rejected": "b", "edited": "c", "level": "none"}
)"),
              ElementsAre("c > a > b: slightly_better", "c > b: better"));
}

TEST_F(ImportedPreferencesTest, ARowThatAsksASuitesQuestionIsLeftOutAndCounted) {
  std::string held_out;
  base::for_each_line(std::filesystem::path(DROVER_SOURCE_FOLDER) / "recipes/tiny/suite.jsonl", [&](std::int64_t number, std::string_view line) {
    if (number == 1) held_out = chat::Json::parse(line).at("messages").at(0).at("content");
  });
  EXPECT_THAT(imported(R"({"prompt": "20+20", "chosen": "40", "rejected": "41"})" "\n"
                       R"({"prompt": ")" + held_out + R"(", "chosen": "a", "rejected": "b"})" "\n"),
              ElementsAre("40 > 41: better"));
  const auto metrics = ledger_.metrics_of("stage");
  ASSERT_EQ(metrics.size(), 1U);
  EXPECT_EQ(metrics[0].name, "leaked rows");
  EXPECT_EQ(metrics[0].subject, "preferences.people");
  EXPECT_EQ(metrics[0].value, 1);
}

}  // namespace
}  // namespace drover::rounds
