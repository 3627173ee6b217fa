#include "verify/treebank_words.h"

#include <array>

#include "verify/python_string.h"
#include "verify/sentences.h"

namespace drover::verify {
namespace {

using View = std::u32string_view;

bool stands_apart(char32_t c) { return View(U";@#$%&?!()[]{}<>\"\u201c\u201d\u00ab\u00bb\u2018\u2019").find(c) != View::npos; }

// "don't" and its like; a word that is none of them stays whole.
void append_word(View word, std::vector<std::u32string>& words) {
  const auto small = lower(word);
  constexpr std::array<View, 8> kEndings = {U"n't", U"'ll", U"'re", U"'ve", U"'s", U"'m", U"'d", U"'"};
  for (const auto ending : kEndings) {
    if (small.size() > ending.size() && small.ends_with(ending)) {
      append_word(word.substr(0, word.size() - ending.size()), words);
      words.emplace_back(word.substr(word.size() - ending.size()));
      return;
    }
  }
  struct Joined {
    View word;
    std::size_t first;
  };
  constexpr std::array<Joined, 7> kJoined = {
      {{U"cannot", 3}, {U"gonna", 3}, {U"gotta", 3}, {U"gimme", 3}, {U"lemme", 3}, {U"wanna", 3}, {U"d'ye", 2}}};
  for (const auto& joined : kJoined) {
    if (small == joined.word) {
      words.emplace_back(word.substr(0, joined.first));
      words.emplace_back(word.substr(joined.first));
      return;
    }
  }
  words.emplace_back(word);
}

void append_words(View sentence, std::vector<std::u32string>& words) {
  auto end = sentence.size();
  // The period that ends the sentence stands apart, before any closing marks.
  auto mark = end;
  while (mark > 0 && (is_space(sentence[mark - 1]) || View(U"])}>\"'\u00bb\u201d\u2019").find(sentence[mark - 1]) != View::npos)) --mark;
  const auto final_period = mark > 1 && sentence[mark - 1] == U'.' && sentence[mark - 2] != U'.' ? mark - 1 : View::npos;
  std::size_t begin = 0;
  const auto finish = [&](std::size_t at) {
    if (at > begin) append_word(sentence.substr(begin, at - begin), words);
  };
  for (std::size_t at = 0; at < end;) {
    std::size_t length = 0;
    const char32_t c = sentence[at];
    if (is_space(c)) {
      finish(at);
      begin = ++at;
      continue;
    }
    if (stands_apart(c) || at == final_period) length = 1;
    else if ((c == U',' || c == U':') && at + 1 < end && !is_digit(sentence[at + 1])) length = 1;
    else if ((c == U',' || c == U':') && at + 1 == end) length = 1;
    else if (sentence.substr(at).starts_with(U"...")) length = 3;
    else if (sentence.substr(at).starts_with(U"--")) length = 2;
    if (length == 0) {
      ++at;
      continue;
    }
    finish(at);
    words.emplace_back(sentence.substr(at, length));
    begin = at += length;
  }
  finish(end);
}

}  // namespace

std::vector<std::u32string> treebank_words(std::u32string_view text) {
  std::vector<std::u32string> words;
  for (const auto sentence : sentences_of(text)) append_words(sentence, words);
  return words;
}

std::size_t count_words(std::u32string_view text) {
  std::size_t count = 0;
  bool inside = false;
  for (const char32_t c : text) {
    const bool is_inside = is_word(c);
    count += is_inside && !inside ? 1 : 0;
    inside = is_inside;
  }
  return count;
}

}  // namespace drover::verify
