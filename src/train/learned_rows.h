#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chat/chat_format.h"
#include "chat/dialog.h"
#include "chat/preference_row.h"
#include "model/token_tree.h"

namespace drover::train {

/// Which assistant turns a dialog teaches.
enum class Learn {
  kFinal,  ///< the last one, which may hold several messages
  kAll     ///< every one
};

/// What all rows share. A row longer than `max_tokens` is refused, not truncated: a reply without its end teaches never to end.
struct RowOptions {
  std::int64_t max_tokens = 8192;  ///< > 0: tokens of a prompt and its responses together
  bool is_context = false;         ///< that is the model's context, and nobody's choice: messages say so

  void validate() const;
  /// Throws UserError with the reason alone when the row is longer.
  void check_length(const model::TokenRow& row) const;
};

// Each function below throws UserError with the reason alone ("the row has 9000 tokens, more than max_tokens = 8192"), so that a reader
// of files can put file and line before it.

/// A dialog for supervised fine-tuning: the prompt as root, the reply as its child. Learned with weight 1 are content, calls and
/// terminators of the assistant's messages (chat-format roles); headers and tool results inside the turn are context. A message that
/// was cut has no terminator to learn. Refused: nothing to learn, too long, and with kAll a format that writes earlier turns in another
/// way once later ones follow (Qwen3 drops their thoughts, Mistral moves the system message).
model::TokenRow sft_row(const chat::ChatFormat& format, const chat::Dialog& dialog, Learn learn = Learn::kFinal,
                        const RowOptions& options = {});

/// A preference row for the reward model: the prompt as root, one child a response, best first. One learned position a response (its
/// number is `response`): the last token, a terminator unless the response was cut; the target is that token itself and means nothing.
/// Refused: fewer than two responses, equal or empty ones, too long, a level of no preference between neighbours.
model::TokenRow reward_row(const chat::ChatFormat& format, const chat::PreferenceRow& preference, const RowOptions& options = {});

/// A row for direct preference optimisation: prompt, response 0 (chosen), response 1 (rejected). `row.learned` holds every token that
/// either term of the loss needs; the two lists beside it say which term.
struct DpoRow {
  model::TokenRow row;
  std::vector<std::uint8_t> preference;  ///< 1 where the preference term counts: content and calls of both responses
  std::vector<std::uint8_t> likelihood;  ///< 1 where the likelihood term counts: content, calls and terminators of the chosen one
};

struct DpoRowOptions {
  RowOptions rows = {};
  chat::PreferenceLevel lowest_level = chat::PreferenceLevel::kMarginal;  ///< of `dpo_rows`: pairs whose own level is below it are left out
  bool mask_format_tokens = true;  ///< terminators stay out of the preference term (Llama 3 report, 4.1.4); headers always do

  void validate() const { rows.validate(); }
};

/// Pairs the best response with the worst one. Refused as `reward_row` says of these two (whose own level counts), and when a response has
/// no token that counts.
DpoRow dpo_row(const chat::ChatFormat& format, const chat::PreferenceRow& preference, const DpoRowOptions& options = {});

/// One row for every ordered pair of responses that is far enough apart: (edited, chosen), (edited, rejected), (chosen, rejected).
std::vector<DpoRow> dpo_rows(const chat::ChatFormat& format, const chat::PreferenceRow& preference, const DpoRowOptions& options = {});

/// A plain document cut into pieces of at most `max_tokens`; each learns all its tokens but the first. Where one token is left over (often
/// the end of the text), its piece begins half a piece earlier and learns that token alone. A document of one token has no piece.
std::vector<model::TokenRow> document_rows(std::span<const text::TokenId> document, const RowOptions& options = {});

}  // namespace drover::train
