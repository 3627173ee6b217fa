#include "train/labelled_rows.h"

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/classified_tokens.h"
#include "chat/reply_tokens.h"
#include "chat/step_ends.h"

namespace drover::train {
namespace {

using base::UserError;

void check_probability(float label) {
  if (!(label >= 0.0F && label <= 1.0F)) throw UserError("the label {} is no probability: it must be from 0 (wrong) to 1 (right)", label);
}

void label_token(LabelledRow& made, std::int64_t token, float label, std::int32_t response) {
  made.row.learned.push_back({.position = token, .target = made.row.tokens[static_cast<std::size_t>(token)], .weight = 1.0F,
                              .response = response});
  made.labels.push_back(label);
}

chat::PromptAndReply final_turn(const chat::ChatFormat& format, const chat::Dialog& dialog) {
  if (const auto reason = chat::nothing_to_learn(dialog)) throw UserError("there is nothing to learn: {}", *reason);
  return chat::split_at_reply(format, dialog, chat::final_assistant_turn(dialog).begin);
}

/// The prompt as root and its reply below it.
LabelledRow unlabelled(const chat::PromptAndReply& split) {
  LabelledRow made;
  made.row.add_segment(made.row.add_segment(-1, split.prompt), split.reply.ids);
  return made;
}

}  // namespace

LabelledRow outcome_row(const chat::ChatFormat& format, const chat::Dialog& prompt, std::span<const std::vector<chat::Message>> replies,
                        std::span<const float> labels, const RowOptions& options) {
  if (replies.empty()) throw UserError("there is no reply to judge");
  if (replies.size() != labels.size()) throw UserError("{} replies have {} labels", replies.size(), labels.size());
  LabelledRow made;
  std::int32_t root = -1;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    chat::Dialog dialog = prompt;
    dialog.messages.insert(dialog.messages.end(), replies[i].begin(), replies[i].end());
    check_probability(labels[i]);
    chat::Dialog alone;
    alone.messages = replies[i];
    if (const auto reason = chat::nothing_to_learn(alone)) throw UserError("reply {} cannot be judged: {}", i + 1, *reason);
    const auto split = chat::split_at_reply(format, dialog, prompt.messages.size());
    if (i == 0) root = made.row.add_segment(-1, split.prompt);
    made.row.add_segment(root, split.reply.ids);
    label_token(made, made.row.num_tokens() - 1, labels[i], static_cast<std::int32_t>(i));
  }
  options.check_length(made.row);
  return made;
}

LabelledRow steps_row(const chat::ChatFormat& format, const chat::Dialog& dialog, std::span<const std::optional<float>> labels,
                      const StepsRowOptions& options) {
  const auto split = final_turn(format, dialog);
  auto made = unlabelled(split);
  const auto ends = chat::step_ends(format.tokenizer(), split);
  if (ends.size() != labels.size()) {
    throw UserError("the reply has {} steps (lines that are not blank), but there are {} labels", ends.size(), labels.size());
  }
  const auto begin = static_cast<std::int64_t>(split.prompt.size());
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (!labels[i]) continue;
    check_probability(*labels[i]);
    label_token(made, begin + static_cast<std::int64_t>(ends[i]), *labels[i], 0);
    if (*labels[i] == 0.0F && !options.after_error) break;
  }
  if (made.labels.empty()) throw UserError("no step has a label");
  options.rows.check_length(made.row);
  return made;
}

LabelledRow class_row(const chat::ChatFormat& format, const chat::Dialog& dialog, std::int64_t label, const RowOptions& options) {
  LabelledRow made;
  made.row.add_segment(-1, chat::classified_tokens(format, dialog));
  label_token(made, made.row.num_tokens() - 1, static_cast<float>(label), 0);
  options.check_length(made.row);
  return made;
}

}  // namespace drover::train
