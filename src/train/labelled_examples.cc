#include "train/labelled_examples.h"

#include <variant>

#include "base/error.h"
#include "base/nearest_name.h"
#include "chat/assistant_turn.h"
#include "chat/dialog_file.h"
#include "chat/strict_json.h"

namespace drover::train {
namespace {

using base::UserError;
using chat::Json;

Json object_of(std::string_view line) {
  auto parsed = chat::parse_strict_json(line);
  if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) {
    throw UserError("the line is not JSON at byte {}: {}", fault->offset, fault->reason);
  }
  auto row = std::get<Json>(std::move(parsed));
  if (!row.is_object()) throw UserError("a row must be a JSON object");
  return row;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json& at(const Json& object, std::string_view key, std::string_view where) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) throw UserError("{} has no \"{}\"", where, key);
  return *found;
}

/// How the dialog of a row is written.
std::string dialog_shape(const Json& row) {
  if (row.contains("messages")) return std::string(chat::describe(chat::RowShape::kMessages));
  if (row.contains("conversations")) return std::string(chat::describe(chat::RowShape::kShareGpt));
  return std::string(chat::describe(row.contains("completion") ? chat::RowShape::kPromptCompletion : chat::RowShape::kPrompt));
}

/// Takes a key out of the row; what is left must be a dialog.
Json take(Json& row, std::string_view key) {
  if (!row.contains(key)) {
    static constexpr std::string_view kKnown[] = {"label", "labels"};
    std::string hint;
    for (const auto& item : row.items()) {
      if (hint.empty() && item.key() != "label" && item.key() != "labels") hint = base::suggestion(item.key(), kKnown);
    }
    throw UserError("the row has no \"{}\"{}", key, hint);
  }
  Json value = std::move(row[std::string(key)]);
  row.erase(std::string(key));
  return value;
}

float probability_of(const Json& label) {
  if (label.is_boolean()) return label.get<bool>() ? 1.0F : 0.0F;
  if (label.is_number()) {
    const double value = label.get<double>();
    if (value >= 0.0 && value <= 1.0) return static_cast<float>(value);
  }
  throw UserError("the label {} is neither true, false nor a probability from 0 to 1", text_of(label).substr(0, 40));
}

const Json& list_of(const Json& value, std::string_view key) {
  if (!value.is_array()) throw UserError("\"{}\" must be a list", key);
  return value;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

/// A reply put together from steps, each on lines of its own.
class SteppedReply {
 public:
  explicit SteppedReply(std::string shape) : shape_(std::move(shape)) {}

  void add(std::string_view step, std::optional<float> label) {
    if (is_blank(step)) throw UserError("step {} is empty", num_steps_ + 1);
    ++num_steps_;
    step.remove_prefix(step.find_first_not_of(" \t\r\n"));
    step = step.substr(0, step.find_last_not_of(" \t\r\n") + 1);
    if (!text_.empty()) text_ += '\n';
    text_ += step;
    while (!step.empty()) {
      const auto end = step.find('\n');
      const auto rest = end == std::string_view::npos ? std::string_view() : step.substr(end + 1);
      if (!is_blank(step.substr(0, end))) labels_.push_back(rest.empty() ? label : std::nullopt);
      step = rest;
    }
  }

  StepsExample take(chat::Dialog prompt) {
    prompt.messages.push_back({.sender = chat::Sender::kAssistant, .content = std::move(text_)});
    return {std::move(prompt), std::move(labels_), std::move(shape_)};
  }

 private:
  std::string shape_;
  std::size_t num_steps_ = 0;
  std::string text_;
  std::vector<std::optional<float>> labels_;
};

std::optional<float> step_label_of(const Json& label) {
  return label.is_null() ? std::nullopt : std::optional(probability_of(label));
}

StepsExample trl_steps(Json row) {
  const auto labels = take(row, "labels");
  const auto steps = take(row, "completions");
  list_of(labels, "labels");
  list_of(steps, "completions");
  if (labels.size() != steps.size()) throw UserError("there are {} completions and {} labels", steps.size(), labels.size());
  SteppedReply reply("TRL prompts and lists of steps");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i].is_string()) throw UserError("completion {} is no text", i + 1);
    reply.add(steps[i].get_ref<const std::string&>(), step_label_of(labels[i]));
  }
  return reply.take(chat::parse_dialog_row(text_of(row)));
}

/// PRM800K's rating of a completion: -1 wrong, 0 neutral, 1 right; people's own completions have none.
std::optional<float> rating_of(const Json& completion) {
  const auto rating = completion.find("rating");
  if (rating == completion.end() || rating->is_null()) return std::nullopt;
  if (!rating->is_number_integer() || rating->get<std::int64_t>() < -1 || rating->get<std::int64_t>() > 1) {
    throw UserError("a rating is {}: it must be -1, 0 or 1", text_of(*rating).substr(0, 40));
  }
  return rating->get<std::int64_t>() < 0 ? 0.0F : 1.0F;
}

/// The completion that the solution went on with, or null where it stopped.
const Json* continued(const Json& step, const Json& completions) {
  const auto& chosen = at(step, "chosen_completion", "a step");
  if (chosen.is_number_integer()) {
    const auto index = chosen.get<std::int64_t>();
    if (index < 0 || index >= std::ssize(completions)) throw UserError("the chosen completion {} of a step does not exist", index);
    return &completions[static_cast<std::size_t>(index)];
  }
  const auto human = step.find("human_completion");
  return human == step.end() || human->is_null() ? nullptr : &*human;
}

StepsExample prm800k_steps(const Json& row) {
  const auto& problem = at(at(row, "question", "the row"), "problem", "\"question\"");
  const auto& label = at(row, "label", "the row");
  if (!problem.is_string()) throw UserError("\"problem\" must be a text");
  const auto reason = label.find("finish_reason");
  if (reason != label.end() && (*reason == "give_up" || *reason == "bad_problem")) {
    throw UserError("the annotator did not judge the solution ({})", reason->get<std::string>());
  }
  SteppedReply reply("PRM800K");
  for (const auto& step : list_of(at(label, "steps", "\"label\""), "steps")) {
    const auto& completions = at(step, "completions", "a step");
    static const Json kNone = Json::array();
    const auto& offered = completions.is_null() ? kNone : list_of(completions, "completions");
    const Json* taken = continued(step, offered);
    const bool ends = taken == nullptr;
    if (ends && !offered.empty()) taken = &offered.front();  // the wrong step that the solution ended with
    if (taken == nullptr) break;
    const auto& text = at(*taken, "text", "a completion");
    if (!text.is_string()) throw UserError("the text of a completion is no text");
    reply.add(text.get_ref<const std::string&>(), rating_of(*taken));
    if (ends) break;
  }
  chat::Dialog prompt;
  prompt.messages.push_back({.sender = chat::Sender::kUser, .content = problem.get<std::string>()});
  return reply.take(std::move(prompt));
}

OutcomeExample many_replies(Json row) {
  const auto labels = take(row, "labels");
  const auto responses = take(row, "responses");
  list_of(labels, "labels");
  list_of(responses, "responses");
  if (labels.size() != responses.size()) throw UserError("there are {} responses and {} labels", responses.size(), labels.size());
  OutcomeExample example;
  example.shape = "prompts and labelled responses";
  example.prompt = chat::parse_dialog_row(text_of(row));
  const auto prompt_size = static_cast<std::ptrdiff_t>(example.prompt.messages.size());
  for (std::size_t i = 0; i < responses.size(); ++i) {
    row["completion"] = responses[i];
    const auto dialog = chat::parse_dialog_row(text_of(row));
    example.replies.emplace_back(dialog.messages.begin() + prompt_size, dialog.messages.end());
    example.labels.push_back(probability_of(labels[i]));
  }
  return example;
}

}  // namespace

OutcomeExample outcome_example(std::string_view line) {
  Json row = object_of(line);
  if (row.contains("responses")) return many_replies(std::move(row));
  const auto label = take(row, "label");
  auto dialog = chat::parse_dialog_row(text_of(row));
  if (const auto reason = chat::nothing_to_learn(dialog)) throw UserError("there is nothing to judge: {}", *reason);
  const auto begin = static_cast<std::ptrdiff_t>(chat::final_assistant_turn(dialog).begin);
  OutcomeExample example;
  example.shape = dialog_shape(row);
  example.replies.emplace_back(dialog.messages.begin() + begin, dialog.messages.end());
  example.labels.push_back(probability_of(label));
  dialog.messages.resize(static_cast<std::size_t>(begin));
  example.prompt = std::move(dialog);
  return example;
}

StepsExample steps_example(std::string_view line) {
  Json row = object_of(line);
  if (row.contains("completions")) return trl_steps(std::move(row));
  if (row.contains("question")) return prm800k_steps(row);
  const auto labels = take(row, "labels");
  StepsExample example;
  example.shape = dialog_shape(row);
  for (const auto& label : list_of(labels, "labels")) example.labels.push_back(step_label_of(label));
  example.dialog = chat::parse_dialog_row(text_of(row));
  return example;
}

ClassExample class_example(std::string_view line) {
  Json row = object_of(line);
  const auto label = take(row, "label");
  std::string name;
  if (label.is_string()) {
    name = label.get<std::string>();
  } else if (label.is_number_integer()) {
    name = text_of(label);
  }
  if (name.empty() || name.size() > 200) throw UserError("the label {} is neither a name nor a whole number", text_of(label).substr(0, 40));
  auto dialog = chat::parse_dialog_row(text_of(row));
  const auto* replies = chat::final_assistant_turn(dialog).empty() ? " without replies" : "";
  return {std::move(dialog), std::move(name), dialog_shape(row) + replies + (label.is_string() ? ", named classes" : ", numbered classes")};
}

}  // namespace drover::train
