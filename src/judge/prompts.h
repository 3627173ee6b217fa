#pragma once

#include <span>
#include <string>
#include <string_view>

#include "chat/dialog.h"

// What judges are asked, in drover's own words. Each question ends with the form of the answer, because models follow
// what they read last.

namespace drover::judge {

/// A dialog as a judge reads it: one block a message, headed by its sender. Lines of the dialog that look like a head are
/// indented, so that a reply cannot pretend to be another block.
std::string shown_dialog(const chat::Dialog& dialog);
std::string shown_reply(std::span<const chat::Message> reply);

/// One yes-or-no criterion about the last reply of a dialog; to be answered with 0 or 1.
std::string criterion_prompt(const chat::Dialog& dialog, std::string_view criterion);
/// How hard a dialog's task is; to be answered with 1, 2 or 3.
std::string difficulty_prompt(const chat::Dialog& dialog);
/// Which of two replies is better; to be answered with A, B or, when ties are allowed, C for neither.
std::string pairwise_prompt(const chat::Dialog& prompt, std::span<const chat::Message> reply_a,
                            std::span<const chat::Message> reply_b, bool allow_tie);
/// A question about the last reply of a dialog; to be answered with yes or no.
std::string binary_prompt(const chat::Dialog& dialog, std::string_view question);
/// What the user of a dialog wants; to be answered with a JSON list of short tags.
std::string intentions_prompt(const chat::Dialog& dialog);

}  // namespace drover::judge
