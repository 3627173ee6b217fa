#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "preference/collect.h"

namespace drover::preference {

/// Where a dialog stands, for whoever speaks next in it.
struct DialogSoFar {
  std::size_t opening = 0;      ///< index of the dialog's opening
  std::int64_t turn = 0;        ///< user turns that were answered here, at least 1
  const chat::Dialog& dialog;   ///< ends with the reply that was chosen
};

/// The user's next messages, one for each dialog; empty where the user has nothing more to say.
using NextUserTurns = std::function<std::vector<std::optional<chat::Message>>(std::span<const DialogSoFar> dialogs)>;

/// What the tools answer to a message that calls them: tool messages, in the order of its calls; empty when they cannot be
/// run, which ends the dialog.
using ToolResults = std::function<std::vector<chat::Message>(const chat::Dialog& dialog, const chat::Message& call)>;

/// The user turns of dialogs from a file, after the openings.
struct ImportedDialogs {
  std::vector<ledger::Prompt> openings;                   ///< each up to the first message to be answered
  std::vector<std::vector<chat::Message>> user_turns;     ///< the later ones, parallel to the openings
};

/// Cuts whole dialogs (prompts whose dialog holds answers as well) at their first user message. Answers are left out: they
/// come from the models now. A dialog without a user's message is refused with a UserError.
ImportedDialogs split_dialogs(std::span<const ledger::Prompt> dialogs);

/// Says what the imported dialogs' users said.
NextUserTurns imported_user_turns(std::vector<std::vector<chat::Message>> user_turns);

struct SimulatedUserOptions {
  std::string persona = "a curious person with everyday knowledge";
  std::string wish = "to understand the answer fully and to get what was asked for";
  generate::SamplingOptions sampling{.temperature = 0.9, .max_tokens = 160};
};

/// A model that plays the user: it reads the dialog and writes the user's next message, or that it is done. An empty or
/// cut message also ends the dialog. `generator` is borrowed.
NextUserTurns simulated_user(generate::Generator& generator, SimulatedUserOptions options = {});

struct DialogPlan {
  CollectPlan collect;            ///< of each turn; its seed changes with the turn
  std::int64_t max_turns = 3;     ///< user turns, the opening among them
  std::int64_t max_messages = 8;  ///< assistant messages of one turn, with tools
  NextUserTurns next_user_turns = {};
  ToolResults tool_results = {};  ///< empty: a reply that calls a tool ends its dialog
  std::function<bool(const chat::Dialog&)> has_room = {};  ///< whether the models can answer it: it ends where not; empty: always
};

/// Collects a comparison at every turn (Llama 3 report, 4.2.1): two models answer, the annotator chooses, the chosen or
/// edited reply is appended, the user goes on. Each turn is a prompt of its own with the dialog so far, so it is one
/// example; its messages are stored once. With tools the same happens message by message, and tool results are appended
/// without being ranked (4.3.5). Where nobody has a preference, the dialog goes on with the reply that was shown first. A
/// dialog that waits for a person stops there and goes on when the stage is done again; next turns that the ledger holds
/// are not made again.
Collected collect_dialogs(std::span<const ledger::PromptId> openings, std::span<const evaluate::Responder> responders,
                          Annotator& annotator, const DialogPlan& plan, ledger::Ledger& ledger,
                          const base::OnProgress& on_progress = {});

}  // namespace drover::preference
