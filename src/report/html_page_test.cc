#include "report/html_page.h"

#include <gmock/gmock.h>

#include "report/html_text.h"
#include "report/model_card.h"
#include "report/summary_json.h"

namespace drover::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHostile = "<script>alert(1)</script>\"'><img src=x onerror=y>\xE2\x80\xAE";

AccuracyLine accuracy(const std::string& stage, const std::string& model, const std::string& suite, double value) {
  return {.stage = stage,
          .model_name = model,
          .model = model,
          .suite = suite,
          .accuracy = value,
          .low = value - 0.25,
          .high = value + 0.25,
          .count = 60,
          .p_value = {}};
}

RunSummary small_run() {
  RunSummary summary;
  summary.recipe_name = "tiny";
  summary.recipe_text = "name = \"tiny\"";
  summary.stages = {{.name = "round 1 / sft", .key = "k", .is_finished = true, .seconds = 1.5}};
  summary.accuracies = {
      accuracy("start / evaluate", "start", "sums", 0.5), accuracy("round 1 / evaluate", "result", "sums", 0.75),
      accuracy("start / evaluate", "start", "words", 0.5), accuracy("round 1 / evaluate", "result", "words", 0.25)};
  summary.accuracies[1].p_value = 0.01;
  summary.accuracies[3].p_value = 0.03;
  summary.deployed = {{.round = 1, .hash = "result", .name = "round 1 dpo", .folder = "models/result"}};
  RoundCounts counts;
  counts.number = 1;
  counts.prompts = {{"sums", 1234}};
  counts.sampled_replies = 12340;
  summary.rounds = {counts};
  summary.curves = {{.stage = "round 1 / sft",
                     .quantity = "loss",
                     .curves = {{.name = "round 1 sft 1", .points = {{1, 2.0}, {2, 1.0}}}}}};
  return summary;
}

/// A run in which everything that others wrote is an attack.
RunSummary hostile_run() {
  auto summary = small_run();
  summary.recipe_name = kHostile;
  summary.recipe_text = kHostile;
  summary.began_at = kHostile;
  summary.stages = {{.name = kHostile,
                     .key = kHostile,
                     .ended_at = kHostile,
                     .inputs = "{\"<b>\": \"<i>\"}",
                     .options = kHostile,
                     .hash = kHostile}};
  for (auto& line : summary.accuracies) line.suite = line.model_name = kHostile;
  summary.rounds[0].prompts = {{kHostile, 1}};
  summary.rounds[0].levels = {{kHostile, 1}};
  summary.rounds[0].annotators = {{kHostile, 1}};
  summary.rounds[0].not_kept = {{kHostile, 1}};
  summary.rounds[0].curated_away = {{kHostile, 1}};
  summary.complexities = {{.stage = kHostile, .capability = kHostile}};
  summary.agreements = {{.stage = kHostile, .annotators = kHostile, .kappa = {}, .alpha = {}}};
  summary.judge = JudgeSummary{.name = kHostile, .lines = {{.set = kHostile}}};
  summary.reward_accuracies = {{.stage = kHostile, .level = "all"}};
  summary.curves = {
      {.stage = kHostile, .quantity = kHostile, .curves = {{.name = kHostile, .points = {{1, 0.0 / 0.0}, {2, 1}}}}}};
  summary.reward_spreads = {
      {.round = 1, .capabilities = {{.capability = kHostile, .rewards = {1, 2, 1.0 / 0.0}, .kept_rewards = {2}}}}};
  summary.samples = {
      {.question = kHostile,
       .expected = kHostile,
       .replies = {{.id = kHostile, .text = kHostile, .score = 1, .is_kept = true, .reason = kHostile}}}};
  summary.dropped = {{.round = 1,
                      .rule = kHostile,
                      .count = 1,
                      .examples = {{.id = kHostile, .question = kHostile, .text = kHostile, .reason = kHostile}}}};
  summary.ratings = {{.kind = RowRating::Kind::kTopic, .stage = kHostile, .name = kHostile, .count = 1},
                     {.kind = RowRating::Kind::kDifficulty, .stage = kHostile, .name = kHostile, .value = 2, .count = 1}};
  summary.mix_tables = {{.title = kHostile,
                         .number = 7,
                         .columns = {kHostile},
                         .lines = {{.dataset = kHostile, .here = {1}, .report = {{}}}}}};
  summary.models = {{.hash = "result",
                     .name = kHostile,
                     .stage = kHostile,
                     .folder = kHostile,
                     .made_by = kHostile,
                     .data = kHostile,
                     .options = kHostile,
                     .parents = {{kHostile, 0.5}}}};
  summary.deployed[0].name = summary.deployed[0].folder = kHostile;
  summary.sources = {
      {.name = kHostile, .licence = kHostile, .location = kHostile, .hash = kHostile, .rows = {{kHostile, 1}}}};
  summary.facts = {{kHostile, 1}};
  return summary;
}

TEST(HtmlPage, NeedsNothingBesideItself) {
  for (const auto& page : {html_page(small_run()), html_page(hostile_run())}) {
    for (const auto* outside :
         {"http:", "https:", "src=\"", "<link", "<script", "@import", "url(", "<iframe", "<object"})
      EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
}

TEST(HtmlPage, ShowsTheTextOfOthersLiterally) {
  const auto page = html_page(hostile_run());
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img src=x onerror=y&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\"'><")));
  EXPECT_THAT(page, Not(HasSubstr("\xE2\x80\xAE")));  // it would turn the text behind it
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST(HtmlPage, SaysLossesFirstWithIntervalsAndTheCorrectedTest) {
  const auto page = html_page(small_run());
  EXPECT_THAT(page, HasSubstr("75.0% <small>(50.0–100.0)</small>"));
  EXPECT_LT(page.find("<th scope=\"row\">words</th>"), page.find("<th scope=\"row\">sums</th>"));
  EXPECT_THAT(page, HasSubstr("clearly worse on 1, clearly better on 1"));  // Holm: 0.02 and 0.03
  EXPECT_THAT(page, HasSubstr("-25.0"));
}

TEST(HtmlPage, ShowsCountsWithCommas) { EXPECT_THAT(html_page(small_run()), HasSubstr("12,340")); }

TEST(HtmlPage, HoldsWithoutResults) { EXPECT_THAT(html_page(RunSummary{}), HasSubstr("</html>")); }

TEST(HtmlPage, HasHeadersCaptionsAndTextAlternatives) {
  const auto page = html_page(small_run());
  EXPECT_THAT(page, HasSubstr("<html lang=\"en\">"));
  const auto count = [&](const std::string& what) {
    std::size_t found = 0;
    for (auto at = page.find(what); at != std::string::npos; at = page.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<table"), count("<caption>"));
  EXPECT_EQ(count("<table"), count("<thead>"));
  EXPECT_EQ(count("<svg"), count("role=\"img\" aria-label=\"") + count("aria-hidden=\"true\""));
  EXPECT_EQ(count("<h1"), 1U);
}

TEST(Escaped, ReplacesMarkupControlsDirectionMarksAndBytesThatAreNoText) {
  EXPECT_EQ(escaped("<a href=\"x\">'&'"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
  EXPECT_EQ(escaped(std::string("a\0b\x1b[2J'", 8)), "a�b�[2J&#39;");
  EXPECT_EQ(escaped("a\xC0\xAF\xFF"
                    "b"),
            "a���b");
  EXPECT_EQ(escaped("\xED\xA0\x80"), "���");  // half of a surrogate pair
  EXPECT_EQ(escaped("grüße 😀\n\t"), "grüße 😀\n\t");
  EXPECT_EQ(escaped("\xE2\x80\xAE"), "�");
  EXPECT_EQ(escaped("\xE2\x80"), "��");  // cut off
}

TEST(Shortened, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("grüße", 10), "grüße");
  EXPECT_EQ(shortened("grüße", 3), "gr…");
  EXPECT_EQ(shortened("grüße", 4), "grü…");
}

TEST(WithCommas, GroupsDigitsByThree) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(with_commas(-123), "-123");
}

TEST(ModelCard, SaysScoresDataAndOptionsAndCannotBeBrokenOutOf) {
  auto summary = small_run();
  summary.recipe_text = "a\n````\nb";
  summary.sources = {{.name = "a|b\n# c", .licence = "MIT", .location = "x.jsonl", .hash = "", .rows = {{"sft", 7}}}};
  const auto card = model_card(summary);
  ASSERT_TRUE(card);
  EXPECT_THAT(*card, HasSubstr("# round 1 dpo\n"));
  EXPECT_THAT(*card, HasSubstr("| sums | 60 | 50.0% (25.0 to 75.0) | 75.0% (50.0 to 100.0) | +25.0 | 0.02 | better |"));
  EXPECT_THAT(*card, HasSubstr("| a\\|b \\# c | MIT | 0 | 7 sft | x.jsonl |"));
  EXPECT_THAT(*card, HasSubstr("`````toml\na\n````\nb\n`````\n"));
  EXPECT_FALSE(model_card(RunSummary{}));
}

TEST(SummaryJson, HoldsTheSameFigures) {
  const auto json = summary_json(small_run());
  EXPECT_EQ(json["rounds"][0]["sampled_replies"], 12340);
  EXPECT_EQ(json["changes"][0]["suite"], "words");
  EXPECT_DOUBLE_EQ(json["changes"][0]["difference"].get<double>(), -0.25);
  EXPECT_EQ(json["curves"][0]["curves"][0]["points"][1][1], 1.0);
  EXPECT_NO_THROW(summary_json(hostile_run()).dump(-1, ' ', false, chat::Json::error_handler_t::replace));
}

}  // namespace
}  // namespace drover::report
