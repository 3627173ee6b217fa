#pragma once

#include <string>

#include "chat/dialog.h"

namespace drover::curate {

/// A question and its answer.
inline chat::Dialog asked(const std::string& question, const std::string& answer) {
  chat::Dialog dialog;
  dialog.messages = {{.sender = chat::Sender::kUser, .content = question},
                     {.sender = chat::Sender::kAssistant, .content = answer}};
  return dialog;
}

}  // namespace drover::curate
