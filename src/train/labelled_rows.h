#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"
#include "model/token_tree.h"
#include "train/learned_rows.h"

namespace drover::train {

/// A row whose learned positions have labels: `labels[i]` belongs to `row.learned[i]`. A label is the probability that something is
/// right, from 0 to 1, or the number of a class. Targets of the row mean nothing.
struct LabelledRow {
  model::TokenRow row;
  std::vector<float> labels;
};

// Each function throws UserError with the reason alone, as those of learned_rows.h.

/// Replies to one prompt for an outcome reward model: the prompt as root, one child a reply, each labelled at its last token with the
/// probability that it is right as a whole (Lightman et al. 2023, arXiv:2305.20050). Refused:
/// no replies, empty ones, another number of labels, labels outside 0 to 1, too long.
LabelledRow outcome_row(const chat::ChatFormat& format, const chat::Dialog& prompt,
                        std::span<const std::vector<chat::Message>> replies, std::span<const float> labels, const RowOptions& options = {});

struct StepsRowOptions {
  RowOptions rows = {};
  /// Learn labels behind the first step that is certainly wrong (0) too. Whether a step is right after the error is not defined.
  bool after_error = false;
};

/// The final assistant turn for a stepwise reward model: labelled at the end of each step (chat/step_ends.h) with the probability that
/// the step is right; a step without a label is not learned. Refused: another number of labels than steps, none at all, labels
/// outside 0 to 1, too long.
LabelledRow steps_row(const chat::ChatFormat& format, const chat::Dialog& dialog, std::span<const std::optional<float>> labels,
                      const StepsRowOptions& options = {});

/// A dialog for a classifier: labelled at the last of its classified tokens (chat/classified_tokens.h), where `drover score` reads classes.
LabelledRow class_row(const chat::ChatFormat& format, const chat::Dialog& dialog, std::int64_t label, const RowOptions& options = {});

}  // namespace drover::train
