#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::verify {

/// Cuts a text into sentences by the rules of Punkt (Kiss and Strunk 2006, as NLTK carries them out): a mark ".", "?" or
/// "!" before white space or punctuation may end one; abbreviations, initials, numbers and ellipses decide by the word
/// behind them. Where NLTK asks statistics that it learned from newspapers, this asks two short lists of its own
/// (abbreviations, words that begin sentences), so that a few texts are cut elsewhere. The parts point into `text`.
std::vector<std::u32string_view> sentences_of(std::u32string_view text);

}  // namespace drover::verify
