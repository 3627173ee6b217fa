#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"

namespace drover::train {

// Rows of files with labels, as JSON lines. A dialog stands there in any of the shapes of chat/dialog_file.h (with its tools and
// dates), the label in a key beside it. Everything here throws UserError with the reason alone. `shape` says for people how the row was
// written ("OpenAI messages", "PRM800K"): the rows of a file should agree.

/// Replies to one prompt, each with the probability that it is right.
struct OutcomeExample {
  chat::Dialog prompt{};
  std::vector<std::vector<chat::Message>> replies{};
  std::vector<float> labels{};
  std::string shape{};
};

/// Reads {DIALOG, "label": true | false | 0 ... 1}, whose final assistant turn is judged, or
/// {"prompt": P, "responses": [R, ...], "labels": [true | false | 0 ... 1, ...]}: many replies to one prompt, which is computed once.
OutcomeExample outcome_example(std::string_view line);

/// A dialog and a label for each step of its final assistant turn: the probability that the step is right, or nothing.
struct StepsExample {
  chat::Dialog dialog{};
  std::vector<std::optional<float>> labels{};
  std::string shape{};
};

/// Reads {DIALOG, "labels": [true | false | 0 ... 1 | null, ...]} with a label for each line of the reply that is not blank;
/// TRL's {"prompt": P, "completions": [step, ...], "labels": [...]}; or a line of PRM800K ({"question": ..., "label": {"steps": ...}}),
/// where a neutral step counts as right and solutions that annotators gave up are refused. A step of several lines has its label at
/// the end of the last one.
StepsExample steps_example(std::string_view line);

/// A dialog and the name of its class.
struct ClassExample {
  chat::Dialog dialog{};
  std::string label{};
  std::string shape{};  ///< says of the label too whether it is a name or a number, and of the dialog whether somebody answered
};

/// Reads {DIALOG, "label": text | whole number}; the dialog may end with a question.
ClassExample class_example(std::string_view line);

}  // namespace drover::train
