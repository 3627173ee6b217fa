#include "ledger/fact_json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"

namespace drover::ledger {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class FactJsonTest : public ::testing::Test {
 protected:
  FactJsonTest() : folder_(std::filesystem::path(::testing::TempDir()) / fmt::format("drover facts {}", getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FactJsonTest() override { std::filesystem::remove_all(folder_); }

  Ledger open(const std::string& name) const { return Ledger(folder_ / name, Ledger::OpenMode::kCreate); }

  // A little of everything, the awkward values included.
  static ComparisonRequestId fill(Ledger& ledger) {
    Prompt prompt;
    prompt.dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "Straße?\n\"\\ \x01"});
    prompt.dialog.tools.push_back({.name = "search", .description = "looks"});
    prompt.dialog.today = "26 Jul 2024";
    prompt.source = "planted";
    prompt.licence = "CC0-1.0";
    prompt.tags = {"chat"};
    prompt.difficulty = 0.1;
    prompt.checker = "numeric";
    prompt.expected = "7";
    const auto id = ledger.add(prompt);
    const auto reply = [&](std::int64_t sample, chat::Ending ending) {
      Generation generation{.prompt = id,
                            .stage = "collect",
                            .sample = sample,
                            .model = "model",
                            .tokenizer = "tokenizer",
                            .ids = {text::TokenId{0}, text::TokenId{128255}},
                            .log_probs = {-0.1F, -1e-30F},
                            .reply = {{.sender = chat::Sender::kAssistant, .content = std::to_string(sample)}},
                            .fault = "odd",
                            .options = "{}"};
      generation.reply[0].ending = ending;
      return generation;
    };
    const auto first = ledger.add(reply(0, chat::Ending::kTurn));
    const auto second = ledger.add(reply(1, chat::Ending::kCut));
    auto better = reply(0, chat::Ending::kTurn);
    better.kind = GenerationKind::kEdited;
    better.origin = "ann";
    better.edited_from = first;
    const auto edited = ledger.add(better);
    ledger.add(Score{.generation = first, .stage = "reject", .scorer = "reward", .value = 1.0 / 3, .reason = "so"});
    ledger.add(CheckedAnswer{.generation = first, .stage = "collect", .checker = "numeric", .is_right = true,
                             .answer = "0", .reason = ""});
    ledger.add(Decision{.generation = second, .stage = "curate", .rule = "cut", .is_kept = false, .reason = "",
                        .score = 0.25});
    const auto request = ledger.add(ComparisonRequest{.prompt = id, .stage = "collect", .first = second,
                                                      .second = first, .unit = ComparisonUnit::kTurn,
                                                      .annotator = "people"});
    ledger.add(Comparison{.prompt = id, .stage = "collect", .preferred = first, .other = second,
                          .level = chat::PreferenceLevel::kSlight, .annotator = "ann", .reason = "shorter",
                          .unit = ComparisonUnit::kTurn, .edited = edited, .request = request});
    ledger.add(TrainingRow{.stage = "dpo", .ordinal = 3, .kind = "dpo", .generations = {edited, first, second}});
    ledger.add(ModelFact{.hash = "model", .name = "dpo 1", .stage = "dpo", .folder = "models/dpo", .made_by = "dpo",
                         .data = "d", .options = "{}", .parents = {{"start", 0.5}, {"other", 0.5}}});
    ledger.add(Source{.name = "planted", .licence = "CC0-1.0", .location = "x.jsonl", .hash = "h"});
    return request;
  }

  static std::vector<std::string> lines(const Ledger& ledger) {
    std::vector<std::string> lines;
    for (const auto what : exported_kinds())
      export_facts(ledger, what, [&](const chat::Json& fact) { lines.push_back(fact.dump()); });
    return lines;
  }

  static std::string refusal(Ledger& ledger, const std::string& line) {
    try {
      import_fact(ledger, chat::Json::parse(line));
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "no refusal";
  }

  std::filesystem::path folder_;
};

TEST_F(FactJsonTest, WhatIsImportedIsExportedAsItWas) {
  auto first = open("first.sqlite");
  fill(first);
  const auto exported = lines(first);
  EXPECT_THAT(exported, SizeIs(9));  // a prompt, three samples, a comparison, a row, a request, a model, a source
  auto second = open("second.sqlite");
  for (const auto& line : exported) import_fact(second, chat::Json::parse(line));
  EXPECT_EQ(lines(second), exported);
  for (const auto& line : exported) import_fact(second, chat::Json::parse(line));
  EXPECT_EQ(lines(second), exported);  // twice is once
}

TEST_F(FactJsonTest, AnAnswerSettlesTheRequestThatWasExported) {
  auto ledger = open("ledger.sqlite");
  const auto request = fill(ledger);
  std::string id;
  export_facts(ledger, "requests", [&](const chat::Json& fact) { id = fact.at("id"); });
  EXPECT_EQ(id, request.hex());
  EXPECT_EQ(import_fact(ledger, {{"kind", "answer"},
                                 {"request", id},
                                 {"annotator", "ann"},
                                 {"preferred", "first"},
                                 {"level", "better"},
                                 {"edited", {{{"role", "assistant"}, {"content", "Even better."}}}}}),
            "answer");
  EXPECT_TRUE(ledger.pending_requests("collect").empty());
  const auto answers = ledger.answers_to(request);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].preferred, ComparisonAnswer::Preferred::kFirst);
  EXPECT_EQ(answers[0].edited.at(0).content, "Even better.");
}

TEST_F(FactJsonTest, RefusesWhatContradictsItself) {
  auto ledger = open("ledger.sqlite");
  const auto id = fill(ledger).hex();
  const auto answer = [&](const std::string& rest) {
    return refusal(ledger, fmt::format(R"({{"kind":"answer","request":"{}","annotator":"a",{}}})", id, rest));
  };
  EXPECT_THAT(answer(R"("preferred":"neither","level":"better")"), HasSubstr("neither exactly when"));
  EXPECT_THAT(answer(R"("preferred":"first","level":"none")"), HasSubstr("neither exactly when"));
  EXPECT_THAT(answer(R"("preferred":"frist","level":"better")"), HasSubstr("first"));
  EXPECT_THAT(answer(R"("preferred":"first","level":"best")"), HasSubstr("significantly_better"));
  EXPECT_THAT(answer(R"("level":"better")"), HasSubstr("\"preferred\" is missing"));
  EXPECT_THAT(refusal(ledger, R"({"kind":"answer","request":"0000000000000001","annotator":"a"})"),
              HasSubstr("has not asked for"));
  EXPECT_THAT(refusal(ledger, R"({"kind":"answer","request":"fffffffffffffffff","annotator":"a"})"),
              HasSubstr("16 hexadecimal digits"));
  EXPECT_THAT(refusal(ledger, R"([1])"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(ledger, R"({"kind":"smaple"})"), HasSubstr("sample"));
  EXPECT_THAT(refusal(ledger, R"({"kind":"sample","prompt":[]})"), HasSubstr("object"));
  EXPECT_THAT(refusal(ledger, R"({"kind":"sample","prompt":{"messages":[{"role":"user","content":"a"}]},"ids":[-1]})"),
              HasSubstr("token ids"));
  EXPECT_THAT(refusal(ledger, R"({"kind":"prompt","id":"0000000000000001","messages":[{"role":"user","content":"a"}]})"),
              HasSubstr("remove \"id\""));
}

}  // namespace
}  // namespace drover::ledger
