#include "verify/sentences.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "verify/python_string.h"

namespace drover::verify {
namespace {

using View = std::u32string_view;

constexpr bool is_end_mark(char32_t c) { return c == U'.' || c == U'?' || c == U'!'; }

// Characters that are never part of a word.
bool is_non_word(char32_t c) { return View(U"?!)\";}]*:@'({[").find(c) != View::npos; }

bool cannot_begin_word(char32_t c) { return View(U"(\"`{[:;&#*@)}]-,").find(c) != View::npos; }

const std::set<std::u32string, std::less<>>& abbreviations() {
  static const std::set<std::u32string, std::less<>> list = {
      U"mr",   U"mrs",  U"ms",   U"dr",  U"prof", U"st",   U"jr",   U"sr",   U"rev",  U"gen", U"gov",  U"sen",  U"rep",
      U"col",  U"capt", U"lt",   U"sgt", U"maj",  U"adm",  U"inc",  U"corp", U"co",   U"cos", U"ltd",  U"bros", U"vs",
      U"e.g",  U"i.e",  U"u.s",  U"u.k", U"u.n",  U"u.s.a", U"a.m", U"p.m",  U"d.c",  U"ph.d", U"no",   U"jan",  U"feb",
      U"mar",  U"apr",  U"aug",  U"sept", U"sep", U"oct",  U"nov",  U"dec",  U"ave",  U"calif", U"fla", U"mass", U"va",
      U"conn", U"colo", U"ariz", U"minn", U"tenn", U"pa",  U"wis",  U"ill",  U"ct",   U"ft",   U"ok",   U"a.d",  U"b.c",
      U"b.a",  U"m.a",  U"m.d",  U"l.a", U"n.y",  U"n.j",  U"n.c",  U"s.c",  U"j.r",  U"c.e",  U"r.h",  U"mg",   U"ex"};
  return list;
}

// Words that are common in small letters and, with a capital, nearly always begin a sentence.
const std::set<std::u32string, std::less<>>& sentence_starters() {
  static const std::set<std::u32string, std::less<>> list = {
      U"the",  U"a",     U"an",   U"this",  U"that",  U"these", U"those", U"it",    U"he",    U"she",   U"they", U"we",
      U"you",  U"his",   U"her",  U"its",   U"their", U"our",   U"my",    U"your",  U"in",    U"on",    U"at",   U"if",
      U"when", U"while", U"but",  U"and",   U"or",    U"so",    U"as",    U"for",   U"from",  U"by",    U"with", U"there",
      U"then", U"some",  U"many", U"most",  U"such",  U"however", U"what", U"who",   U"how",   U"why",   U"where", U"after",
      U"before", U"because", U"although", U"though", U"to",  U"one", U"all",   U"no",    U"not",   U"now",   U"yet",  U"also",
      U"since", U"once",  U"until", U"during", U"under", U"here", U"each",  U"every", U"both",  U"another", U"even", U"still",
      U"only", U"instead", U"despite", U"moreover", U"furthermore", U"finally", U"first", U"next", U"perhaps", U"let",
      U"make", U"use",   U"take", U"do",    U"be",    U"is",    U"are",   U"was",   U"were",  U"has",   U"have", U"can",
      U"may",  U"will",  U"should", U"would", U"could", U"about", U"any", U"just",  U"like",  U"more",  U"other", U"out",
      U"over", U"than",  U"up",   U"write", U"find",  U"get",   U"go",    U"see",   U"try",   U"ask",   U"look"};
  return list;
}

// --- words, as Punkt sees them -------------------------------------------------------------------------------------------

// The length of "--", "..." or ". . ." at `at`; 0 when none begins there.
std::size_t run_at(View text, std::size_t at) {
  for (const char32_t mark : {U'-', U'.'}) {
    auto end = at;
    while (end < text.size() && text[end] == mark) ++end;
    if (end - at >= 2) return end - at;
  }
  auto end = at;  // (?:\.\s){2,}\.
  int pairs = 0;
  while (end + 1 < text.size() && text[end] == U'.' && is_space(text[end + 1])) {
    end += 2;
    ++pairs;
  }
  return pairs >= 2 && end < text.size() && text[end] == U'.' ? end + 1 - at : 0;
}

bool is_word_end(View text, std::size_t at) {
  if (at >= text.size() || is_space(text[at]) || is_non_word(text[at]) || run_at(text, at) > 0) return true;
  return text[at] == U',' && (at + 1 >= text.size() || is_space(text[at + 1]) || is_non_word(text[at + 1]) || run_at(text, at + 1) > 0);
}

std::vector<View> punkt_words(View text) {
  std::vector<View> words;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    auto end = at + 1;
    if (const auto run = run_at(text, at); run > 0) {
      end = at + run;
    } else if (!cannot_begin_word(text[at])) {
      while (!is_word_end(text, end)) ++end;
    }
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// --- the decision --------------------------------------------------------------------------------------------------------

bool is_ellipsis(View word) { return word.size() >= 2 && word.find_first_not_of(U'.') == View::npos; }

bool is_initial(View word) {
  return word.size() == 2 && word[1] == U'.' && is_word(word[0]) && !is_digit(word[0]) && word[0] != U'_';
}

// A number as Punkt counts it: an optional sign or point, digits with , . - between them, perhaps a period.
bool is_number(View word) {
  if (word.ends_with(U'.')) word.remove_suffix(1);
  if (word.starts_with(U'-')) word.remove_prefix(1);
  if (word.starts_with(U'.') || word.starts_with(U',')) word.remove_prefix(1);
  if (word.empty() || !is_digit(word[0])) return false;
  return std::all_of(word.begin(), word.end(), [](char32_t c) { return is_digit(c) || c == U',' || c == U'.' || c == U'-'; });
}

// Whether the word behind begins a sentence; nothing when the word does not say.
std::optional<bool> begins_sentence(View word) {
  if (word.size() == 1 && View(U";:,.!?").find(word[0]) != View::npos) return false;
  auto small = lower(word);
  if (small.size() > 1 && small.ends_with(U'.')) small.pop_back();
  if (is_upper_letter(word[0]) && sentence_starters().contains(small)) return true;
  if (is_lower_letter(word[0])) return false;
  return std::nullopt;
}

bool is_abbreviation(View word_without_period) {
  const auto small = lower(word_without_period);
  if (abbreviations().contains(small)) return true;
  const auto dash = small.rfind(U'-');
  return dash != std::u32string::npos && abbreviations().contains(small.substr(dash + 1));
}

// Whether a sentence ends behind `word`, before `next`.
bool ends_sentence(View word, View next) {
  if (word.size() == 1 && is_end_mark(word[0])) return true;
  const bool ellipsis = is_ellipsis(word);
  if (!ellipsis && (!word.ends_with(U'.') || word.ends_with(U".."))) return false;
  bool ends = false;
  bool abbreviation = false;
  if (!ellipsis) {
    abbreviation = is_abbreviation(word.substr(0, word.size() - 1));
    ends = !abbreviation;
  }
  if (!word.ends_with(U'.')) return ends;
  const bool initial = is_initial(word);
  const auto next_begins = begins_sentence(next);
  if ((abbreviation || ellipsis) && !initial) return next_begins.value_or(false);
  if (initial || is_number(word)) {
    if (next_begins == false) return false;
    // "J. Smith": a name that is no word of its own.
    if (!next_begins && initial && is_upper_letter(next[0])) return false;
  }
  return ends;
}

bool holds_end(View context) {
  const auto words = punkt_words(context);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (ends_sentence(words[i], words[i + 1])) return true;
  }
  return false;
}

// How many of the characters at the front of `next` still belong to the sentence before: closing quotes and brackets.
std::size_t closing_length(View next) {
  std::size_t at = 0;
  while (at < next.size() && View(U"\"')]}").find(next[at]) != View::npos) {
    ++at;
    if (at == next.size()) return at;
    if (is_space(next[at])) {
      while (at < next.size() && is_space(next[at])) ++at;
      return at;
    }
    if (next.substr(at).starts_with(U"--")) return at;
  }
  return 0;
}

struct Slice {
  std::size_t begin, end;
};

/// A mark that may end a sentence, the word before it and what decides.
struct Candidate {
  std::size_t word_begin, mark;
  std::size_t after_end;                  ///< behind the next word, or behind the punctuation that follows
  std::optional<std::size_t> next_begin;  ///< of the next word
};

std::optional<Candidate> candidate_at(View text, std::size_t mark) {
  if (!is_end_mark(text[mark]) || mark + 1 >= text.size()) return std::nullopt;
  if (is_non_word(text[mark + 1])) return Candidate{0, mark, mark + 2, std::nullopt};
  auto begin = mark + 1;
  while (begin < text.size() && is_space(text[begin])) ++begin;
  if (begin == mark + 1 || begin == text.size()) return std::nullopt;
  auto end = begin;
  while (end < text.size() && !is_space(text[end])) ++end;
  return Candidate{0, mark, end, begin};
}

// Of several marks in one word, "What?!", the last one counts.
std::vector<Candidate> candidates_of(View text) {
  std::vector<Candidate> candidates;
  std::optional<Candidate> previous;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto candidate = candidate_at(text, at);
    if (!candidate) continue;
    const std::size_t from = previous ? previous->mark : 0;
    auto begin = at;
    while (begin > from && !is_space(text[begin - 1])) --begin;
    const bool has_space = begin > from + 1;
    candidate->word_begin = has_space ? begin : previous ? previous->word_begin : 0;
    if (previous && previous->mark <= candidate->word_begin) candidates.push_back(*previous);
    previous = candidate;
  }
  if (previous) candidates.push_back(*previous);
  return candidates;
}

std::vector<Slice> slices_of(View text) {
  std::vector<Slice> slices;
  std::size_t last_break = 0;
  for (const auto& candidate : candidates_of(text)) {
    if (!holds_end(text.substr(candidate.word_begin, candidate.after_end - candidate.word_begin))) continue;
    slices.push_back({last_break, candidate.mark + 1});
    last_break = candidate.next_begin.value_or(candidate.mark + 1);
  }
  auto end = text.size();
  while (end > 0 && is_space(text[end - 1])) --end;
  slices.push_back({last_break, std::max(last_break, end)});
  return slices;
}

}  // namespace

std::vector<std::u32string_view> sentences_of(std::u32string_view text) {
  const auto slices = slices_of(text);
  std::vector<View> sentences;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const auto begin = slices[i].begin + moved;
    moved = 0;
    if (i + 1 == slices.size()) {
      if (begin < slices[i].end) sentences.push_back(text.substr(begin, slices[i].end - begin));
      break;
    }
    const auto next = text.substr(slices[i + 1].begin, slices[i + 1].end - slices[i + 1].begin);
    if (const auto closing = closing_length(next); closing > 0) {
      auto end = slices[i + 1].begin + closing;
      while (end > begin && is_space(text[end - 1])) --end;
      sentences.push_back(text.substr(begin, end - begin));
      moved = closing;
    } else if (begin < slices[i].end) {
      sentences.push_back(text.substr(begin, slices[i].end - begin));
    }
  }
  return sentences;
}

}  // namespace drover::verify
