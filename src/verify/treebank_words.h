#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::verify {

/// Cuts a text into words and marks about as NLTK's word_tokenize does (the Penn Treebank's conventions): punctuation stands apart,
/// "don't" is "do" and "n't", hyphenated words are one.
std::vector<std::u32string> treebank_words(std::u32string_view text);

/// How many runs of \w characters a text holds.
std::size_t count_words(std::u32string_view text);

}  // namespace drover::verify
