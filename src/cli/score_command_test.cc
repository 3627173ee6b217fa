// `drover score` on small random models with heads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "chat/chat_format.h"
#include "chat/reply_tokens.h"
#include "cli/broken_weights_test.h"
#include "cli/drover_process_test.h"
#include "model/model_path.h"
#include "model/heads.h"
#include "model/model.h"
#include "model/random_decoder.h"
#include "model/scores.h"
#include "model/token_tree.h"
#include "text/load_tokenizer.h"

namespace drover::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A random model over the small model's tokenizer and template, with this head.
std::shared_ptr<const model::Model> model_with(model::HeadKind kind, std::int64_t num_labels, const std::vector<std::string>& labels = {}) {
  const auto source = model::model_path("smollm2-135m-instruct");
  const auto tokenizer = text::load_tokenizer(source);
  const auto trunk = model::random_decoder(model::tiny_config(tokenizer->vocab_size()), 5);
  const auto decoder = kind == model::HeadKind::kLanguage ? trunk : model::with_head(*trunk, {.kind = kind, .num_labels = num_labels, .seed = 4, .labels = labels});
  return std::make_shared<const model::Model>(decoder, tokenizer, text::read_chat_template(source), source);
}

/// The head's outputs at the tokens of a reply, computed for this text alone by the path that trains.
std::vector<std::vector<float>> outputs_alone(const model::Model& model, const std::string& question, const std::string& answer) {
  chat::Dialog dialog;
  dialog.messages.push_back({.sender = chat::Sender::kUser, .content = question});
  dialog.messages.push_back({.sender = chat::Sender::kAssistant, .content = answer});
  auto split = chat::split_at_reply(*chat::make_chat_format("chatml-smollm2", model.shared_tokenizer()), dialog, 1);
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < split.reply.ids.size(); ++i) positions.push_back(static_cast<std::int64_t>(split.prompt.size() + i));
  split.prompt.insert(split.prompt.end(), split.reply.ids.begin(), split.reply.ids.end());
  return model::scores(model, model::single_sequence(split.prompt), positions);
}

std::vector<json> objects_of(const std::string& text) {
  std::vector<json> objects;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) objects.push_back(json::parse(line));
  return objects;
}

std::string dialog_line(const std::string& question, const std::string& answer) {
  return json{{"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}}.dump() + "\n";
}

TEST(Score, RewardsAreTheHeadsOutputAtTheTerminator) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  const auto model = model_with(model::HeadKind::kReward, 1);
  model->save(folder.path() / "rewards");
  folder.write("dialogs.jsonl", dialog_line("Name a colour.", "blue") + "\n" + dialog_line("Name a river.", "The Nile, I think."));
  folder.write("pairs.jsonl", R"({"prompt": "Name a colour.", "chosen": "blue", "rejected": "I would rather not."})"
                              "\n");
  const auto dialogs = run_script("drover score rewards dialogs.jsonl --json --dtype f32 --threads 1", folder);
  ASSERT_EQ(dialogs.status, 0) << dialogs.errors;
  const auto rows = objects_of(dialogs.output);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].at("line"), 1);
  EXPECT_EQ(rows[1].at("line"), 3) << "blank lines count";
  const double blue = outputs_alone(*model, "Name a colour.", "blue").back()[0];
  EXPECT_NEAR(rows[0].at("reward").get<double>(), blue, 1e-5);
  EXPECT_NEAR(rows[1].at("reward").get<double>(), outputs_alone(*model, "Name a river.", "The Nile, I think.").back()[0], 1e-5);
  EXPECT_FALSE(rows[0].contains("response"));

  const auto pairs = run_script("drover score rewards - --json --dtype f32 --threads 1 < pairs.jsonl", folder);
  ASSERT_EQ(pairs.status, 0) << pairs.errors;
  const auto responses = objects_of(pairs.output);
  ASSERT_EQ(responses.size(), 2U);
  EXPECT_EQ(responses[0].at("response"), 1);
  EXPECT_EQ(responses[1].at("response"), 2);
  EXPECT_NEAR(responses[0].at("reward").get<double>(), blue, 1e-5);
  EXPECT_NEAR(responses[1].at("reward").get<double>(), outputs_alone(*model, "Name a colour.", "I would rather not.").back()[0], 1e-5);

  const auto table = run_script("drover score rewards pairs.jsonl --dtype f32 --threads 1", folder);
  EXPECT_THAT(table.output, HasSubstr("response 2")) << "for people";
}

TEST(Score, StepsHaveOneNumberEachAndClassesOneALabel) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  const std::string answer = "First add.\n\nThen halve.";
  folder.write("dialogs.jsonl", dialog_line("How?", answer));
  const auto steps = model_with(model::HeadKind::kSteps, 1);
  steps->save(folder.path() / "steps");
  const auto step_result = run_script("drover score steps dialogs.jsonl --json --dtype f32 --threads 1", folder);
  ASSERT_EQ(step_result.status, 0) << step_result.errors;
  const auto step_values = objects_of(step_result.output).at(0).at("steps");
  ASSERT_EQ(step_values.size(), 2U);
  const auto step_outputs = outputs_alone(*steps, "How?", answer);
  // The terminator is the last token, the last full stop the one before it.
  EXPECT_NEAR(step_values[1].get<double>(), step_outputs[step_outputs.size() - 2][0], 1e-5);

  const auto classes = model_with(model::HeadKind::kClasses, 3);
  classes->save(folder.path() / "classes");
  const auto class_result = run_script("drover score classes dialogs.jsonl --json --dtype f32 --threads 1", folder);
  ASSERT_EQ(class_result.status, 0) << class_result.errors;
  const auto class_values = objects_of(class_result.output).at(0).at("classes");
  ASSERT_EQ(class_values.size(), 3U);
  const auto class_outputs = outputs_alone(*classes, "How?", answer);
  for (std::size_t label = 0; label < 3; ++label) EXPECT_NEAR(class_values[label].get<double>(), class_outputs.back()[label], 1e-5);
}

TEST(Score, AClassifierNamesItsClassesAndScoresPromptsWhereAReplyWouldBegin) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  const auto model = model_with(model::HeadKind::kClasses, 2, {"maths", "talk"});
  model->save(folder.path() / "classes");
  folder.write("rows.jsonl", json{{"prompt", "2+2?"}, {"label", "maths"}}.dump() + "\n");
  const auto result = run_script("drover score classes rows.jsonl --json --dtype f32 --threads 1", folder);
  ASSERT_EQ(result.status, 0) << result.errors;
  const auto row = objects_of(result.output).at(0);
  EXPECT_EQ(row.at("names"), json({"maths", "talk"}));
  chat::Dialog dialog;
  dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "2+2?"});
  const auto format = chat::make_chat_format("chatml-smollm2", model->shared_tokenizer());
  const auto prompt = format->render(dialog, {.generation_prompt = true}).ids;
  const std::vector<std::int64_t> end{static_cast<std::int64_t>(prompt.size()) - 1};
  const auto expected = model::scores(*model, model::single_sequence(prompt), end).front();
  ASSERT_EQ(row.at("classes").size(), 2U);
  for (std::size_t label = 0; label < 2; ++label) EXPECT_NEAR(row.at("classes")[label].get<double>(), expected[label], 1e-5);
  const std::string best = expected[0] > expected[1] ? "maths" : "talk";
  EXPECT_EQ(row.at("label"), best);
  EXPECT_THAT(run_script("drover score classes rows.jsonl --dtype f32 --threads 1", folder).output, HasSubstr("  " + best + ": maths "));
}

TEST(Score, LabelsOfRowsArePassedOver) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  model_with(model::HeadKind::kReward, 1)->save(folder.path() / "rewards");
  auto labelled = json::parse(dialog_line("Name a colour.", "blue"));
  folder.write("plain.jsonl", labelled.dump() + "\n");
  labelled["label"] = true;
  folder.write("label.jsonl", labelled.dump() + "\n");
  folder.write("labels.jsonl", R"({"prompt": "Name a colour.", "responses": ["blue", "no"], "labels": [1, 0]})" "\n");
  const auto plain = run_script("drover score rewards plain.jsonl --json --threads 1", folder);
  const auto one = run_script("drover score rewards label.jsonl --json --threads 1", folder);
  ASSERT_EQ(one.status, 0) << one.errors;
  EXPECT_EQ(one.output, plain.output);
  EXPECT_EQ(objects_of(run_script("drover score rewards labels.jsonl --json --threads 1", folder).output).size(), 2U);
}

TEST(Score, AModelWhoseScoresAreNoNumbersIsRefused) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  model_with(model::HeadKind::kReward, 1)->save(folder.path() / "broken");
  break_weights(folder.path() / "broken");
  folder.write("dialogs.jsonl", dialog_line("Name a colour.", "blue"));
  for (const std::string more : {"", " --json", " --on-bad-row skip"}) {
    const auto result = run_script("drover score broken dialogs.jsonl --threads 1" + more, folder);
    EXPECT_EQ(result.status, 1) << more;
    EXPECT_EQ(result.num_error_lines(), 1) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("dialogs.jsonl, line 1: the model 'broken' gives a score that is NaN: "));
    EXPECT_THAT(result.output, IsEmpty());
  }
}

TEST(Score, BadRowsAndModelsAreNamed) {
  DROVER_NEEDS_SMALL_MODEL();
  const TemporaryFolder folder;
  model_with(model::HeadKind::kReward, 1)->save(folder.path() / "rewards");
  model_with(model::HeadKind::kLanguage, 0)->save(folder.path() / "language");
  folder.write("dialogs.jsonl", dialog_line("Name a colour.", "blue") + R"({"messages": [{"role": "user", "content": "Well?"}]})" + "\n");
  const auto stopped = run_script("drover score rewards dialogs.jsonl --json --threads 1", folder);
  EXPECT_EQ(stopped.status, 1);
  EXPECT_THAT(stopped.errors, HasSubstr("dialogs.jsonl, line 2: there is nothing to score: it does not end with an assistant's message"));
  const auto skipped = run_script("drover score rewards dialogs.jsonl --json --threads 1 --on-bad-row skip", folder);
  EXPECT_EQ(skipped.status, 0);
  EXPECT_EQ(objects_of(skipped.output).size(), 1U);
  EXPECT_THAT(skipped.errors, HasSubstr("dialogs.jsonl, line 2: there is nothing to score"));
  const auto language = run_script("drover score language dialogs.jsonl", folder);
  EXPECT_EQ(language.status, 1);
  EXPECT_THAT(language.errors, HasSubstr("is a language model"));
  EXPECT_THAT(language.output, IsEmpty());
}

}  // namespace
}  // namespace drover::cli
