#pragma once

#include <string>

#include "cli/terminal.h"
#include "model/token_tree.h"
#include "text/tokenizer.h"

namespace drover::cli {

/// A training row as running text, one paragraph a segment, with what is learned marked: bold green with `colour`, between [[ and ]]
/// without. In a row for a language head these are the targets, in another the tokens where something is judged. At most
/// `max_tokens` tokens of each segment are shown.
std::string learned_text(const model::TokenRow& row, const text::Tokenizer& tokenizer, bool learns_targets, bool colour,
                         std::int64_t max_tokens = 400);

/// The same with as many tokens of each segment as leave the whole row, and a line above it, on one screen.
std::string learned_text_for(const ScreenSize& screen, const model::TokenRow& row, const text::Tokenizer& tokenizer, bool learns_targets, bool colour);

}  // namespace drover::cli
