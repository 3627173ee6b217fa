#include "verify/constraint_prompts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/random_stream.h"
#include "chat/dialog.h"
#include "text/unicode.h"

namespace drover::verify {
namespace {

using base::RandomStream;
using chat::Json;

// What of a reply a constraint decides; two that share an aspect are not attached together.
namespace aspect {
constexpr unsigned kWords = 1;
constexpr unsigned kFrequency = 2;
constexpr unsigned kForbidden = 4;
constexpr unsigned kLetters = 8;
constexpr unsigned kLanguage = 16;
constexpr unsigned kLength = 32;
constexpr unsigned kLayout = 64;
constexpr unsigned kBrackets = 128;
constexpr unsigned kEnd = 256;
constexpr unsigned kMarks = 512;
constexpr unsigned kTitle = 1024;
constexpr unsigned kStart = 2048;
constexpr unsigned kCase = 4096;
constexpr unsigned kCommas = 8192;
}  // namespace aspect

struct Constraint {
  std::string sentence;
  Json arguments = Json::object();
};

using Maker = Constraint (*)(RandomStream&, std::string_view instruction);

struct ConstraintType {
  std::string_view id;
  unsigned aspects;
  Maker make;
};

template <std::size_t N>
std::string_view one_of(RandomStream& random, const std::array<std::string_view, N>& list) {
  return list[random.below(N)];
}

int between(RandomStream& random, int low, int high) { return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1))); }

constexpr std::array<std::string_view, 60> kWords = {
    "river",   "garden",  "morning", "window",  "bridge",   "music",   "simple",  "careful", "bright",  "quiet",   "travel",  "future",
    "history", "science", "market",  "kitchen", "mountain", "letter",  "number",  "friend",  "family",  "energy",  "culture", "village",
    "nature",  "reason",  "example", "balance", "memory",   "journey", "weather", "lesson",  "project", "teacher", "animal",  "picture",
    "summer",  "winter",  "health",  "budget",  "planet",   "ocean",   "forest",  "machine", "process", "habit",   "method",  "result",
    "choice",  "support", "moment",  "story",   "problem",  "answer",  "system",  "value",   "change",  "growth",  "learn",   "share"};

// Different words, at most three.
std::vector<std::string> some_words(RandomStream& random, int count) {
  std::vector<std::string> words;
  while (static_cast<int>(words.size()) < count) {
    std::string word(one_of(random, kWords));
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
  }
  return words;
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "\"" : i + 1 == words.size() ? " and \"" : ", \"") + words[i] + "\"";
  return text;
}

bool is_less(RandomStream& random) { return random.below(2) == 0; }
const char* relation(bool less) { return less ? "less than" : "at least"; }

Constraint keywords(RandomStream& random, std::string_view) {
  const auto words = some_words(random, between(random, 1, 3));
  const auto list = quoted_list(words);
  return {fmt::format(fmt::runtime(one_of<3>(random, {"Somewhere in the answer, use {}.", "Work {} into what you write.", "Make sure that {} can be found in your text."})), list),
          {{"keywords", words}}};
}

Constraint keyword_frequency(RandomStream& random, std::string_view) {
  const auto word = some_words(random, 1)[0];
  const bool less = is_less(random);
  const int count = between(random, 2, 4);
  const auto sentence = less ? fmt::format("Write the word \"{}\" fewer than {} times.", word, count) : fmt::format("The word \"{}\" has to come up {} times or more.", word, count);
  return {sentence, {{"keyword", word}, {"frequency", count}, {"relation", relation(less)}}};
}

Constraint forbidden_words(RandomStream& random, std::string_view) {
  const auto words = some_words(random, between(random, 1, 3));
  return {fmt::format(fmt::runtime(one_of<2>(random, {"Keep {} out of your answer.", "You may not use {}."})), quoted_list(words)), {{"forbidden_words", words}}};
}

Constraint letter_frequency(RandomStream& random, std::string_view) {
  const std::string letter(one_of<10>(random, {"a", "e", "i", "o", "u", "t", "n", "s", "r", "l"}));
  const bool less = is_less(random);
  const int count = less ? between(random, 20, 60) : between(random, 5, 20);
  return {less ? fmt::format("Let the letter {} occur fewer than {} times.", letter, count) : fmt::format("Let the letter {} occur {} times or more.", letter, count),
          {{"letter", letter}, {"let_frequency", count}, {"let_relation", relation(less)}}};
}

Constraint language(RandomStream& random, std::string_view) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kLanguages = {
      {{"de", "German"}, {"fr", "French"}, {"it", "Italian"}, {"pt", "Portuguese"}, {"hi", "Hindi"}, {"es", "Spanish"}, {"th", "Thai"}}};
  const auto& [code, name] = kLanguages[random.below(kLanguages.size())];
  return {fmt::format(fmt::runtime(one_of<2>(random, {"Write all of it in {}.", "Reply in {} and in no other language."})), name), {{"language", code}}};
}

Constraint sentences(RandomStream& random, std::string_view) {
  const bool less = is_less(random);
  const int count = between(random, 3, 8);
  return {less ? fmt::format("Stay below {} sentences.", count) : fmt::format("Write {} or more sentences.", count),
          {{"num_sentences", count}, {"relation", relation(less)}}};
}

Constraint words(RandomStream& random, std::string_view) {
  const bool less = is_less(random);
  const int count = 10 * (less ? between(random, 4, 15) : between(random, 3, 12));
  return {less ? fmt::format("Use fewer than {} words.", count) : fmt::format("Use {} words or more.", count),
          {{"num_words", count}, {"relation", relation(less)}}};
}

Constraint paragraphs(RandomStream& random, std::string_view) {
  const int count = between(random, 2, 4);
  return {fmt::format("Divide the answer into {} paragraphs with a line *** between one and the next.", count), {{"num_paragraphs", count}}};
}

Constraint first_word(RandomStream& random, std::string_view) {
  const int count = between(random, 2, 4);
  const int nth = between(random, 1, count);
  const auto word = some_words(random, 1)[0];
  return {fmt::format("Write {} paragraphs with an empty line between them, and let paragraph number {} begin with the word \"{}\".", count, nth, word),
          {{"num_paragraphs", count}, {"nth_paragraph", nth}, {"first_word", word}}};
}

Constraint placeholders(RandomStream& random, std::string_view) {
  const int count = between(random, 1, 4);
  return {fmt::format("Leave {} or more blanks to be filled in, each named in square brackets like [date].", count), {{"num_placeholders", count}}};
}

Constraint postscript(RandomStream& random, std::string_view) {
  const std::string marker(one_of<2>(random, {"P.S.", "P.P.S"}));
  return {fmt::format("Close with a postscript that starts with {}", marker) + (marker.ends_with('.') ? "" : "."), {{"postscript_marker", marker}}};
}

Constraint bullets(RandomStream& random, std::string_view) {
  const int count = between(random, 2, 5);
  return {fmt::format(fmt::runtime(one_of<2>(random, {"Give exactly {} bullet points, each on a line that begins with \"* \".", "Your list has {} items, no more and no fewer; begin each line of it with \"* \"."})), count),
          {{"num_bullets", count}}};
}

Constraint highlights(RandomStream& random, std::string_view) {
  const int count = between(random, 1, 4);
  return {fmt::format("Mark {} or more passages with asterisks, *like this*.", count), {{"num_highlights", count}}};
}

Constraint sections(RandomStream& random, std::string_view) {
  const int count = between(random, 2, 4);
  const std::string splitter(one_of<3>(random, {"Section", "Part", "Chapter"}));
  return {fmt::format("Structure it in {} parts, headed {} 1, {} 2 and so on.", count, splitter, splitter), {{"num_sections", count}, {"section_spliter", splitter}}};
}

Constraint json_format(RandomStream& random, std::string_view) {
  return {std::string(one_of<2>(random, {"Return nothing but valid JSON.", "The whole reply must be one JSON value."}))};
}

Constraint title(RandomStream& random, std::string_view) {
  return {std::string(one_of<2>(random, {"Give it a title inside double angle brackets: <<title>>.", "Put a heading of your choice between << and >>."}))};
}

Constraint two_responses(RandomStream&, std::string_view) { return {"Offer two different answers and put ****** between them, only there."}; }

Constraint repeat_prompt(RandomStream&, std::string_view instruction) {
  return {"Before you answer, copy the request above exactly, without this sentence and those after it.", {{"prompt_to_repeat", std::string(instruction)}}};
}

Constraint end_phrase(RandomStream& random, std::string_view) {
  const std::string phrase(one_of<5>(random, {"That is all I know.", "Let me know what you think.", "I hope this is useful.", "And so it goes.", "Now it is your turn."}));
  return {fmt::format("The very last words must be: {}", phrase), {{"end_phrase", phrase}}};
}

Constraint quotation(RandomStream& random, std::string_view) {
  return {std::string(one_of<2>(random, {"Put the complete reply between double quotes.", "Open and close the reply with a double quotation mark."}))};
}

Constraint capital_words(RandomStream& random, std::string_view) {
  const bool less = is_less(random);
  const int count = between(random, 2, 6);
  return {less ? fmt::format("Fewer than {} words may be in full capitals.", count) : fmt::format("Write {} or more words in full CAPITALS.", count),
          {{"capital_frequency", count}, {"capital_relation", relation(less)}}};
}

Constraint english_capital(RandomStream&, std::string_view) { return {"Write in English and use capital letters throughout."}; }
Constraint english_lowercase(RandomStream&, std::string_view) { return {"Write in English without a single capital letter."}; }

Constraint no_comma(RandomStream& random, std::string_view) {
  return {std::string(one_of<2>(random, {"Do without commas.", "There must not be any comma in it."}))};
}

const std::vector<ConstraintType>& types() {
  using namespace aspect;
  static const std::vector<ConstraintType> list = {
      {"keywords:existence", aspect::kWords, keywords},
      {"keywords:frequency", kFrequency, keyword_frequency},
      {"keywords:forbidden_words", kForbidden | aspect::kWords | kFrequency, forbidden_words},
      {"keywords:letter_frequency", kLetters, letter_frequency},
      {"language:response_language", kLanguage | kCase | aspect::kWords | kFrequency | kForbidden | kLetters | kLength | kEnd | kStart | kLayout, language},
      {"length_constraints:number_sentences", kLength | kLayout, sentences},
      {"length_constraints:number_words", kLength, words},
      {"length_constraints:number_paragraphs", kLayout, paragraphs},
      {"length_constraints:nth_paragraph_first_word", kLayout | kStart | kTitle | kEnd, first_word},
      {"detectable_content:number_placeholders", kBrackets, placeholders},
      {"detectable_content:postscript", kEnd, postscript},
      {"detectable_format:number_bullet_lists", kLayout, bullets},
      {"detectable_format:number_highlighted_sections", kMarks, highlights},
      {"detectable_format:multiple_sections", kLayout | kCase, sections},
      {"detectable_format:json_format", kLayout | kMarks | kTitle | kStart | kEnd | kCommas | kBrackets | kCase, json_format},
      {"detectable_format:title", kTitle, title},
      {"combination:two_responses", kLayout | kStart | kEnd | kLength | kMarks, two_responses},
      {"combination:repeat_prompt", kStart | kCase | kCommas | kLength | kForbidden | kLanguage | kLetters | kTitle, repeat_prompt},
      {"startend:end_checker", kEnd, end_phrase},
      {"startend:quotation", kStart, quotation},
      {"change_case:capital_word_frequency", kCase, capital_words},
      {"change_case:english_capital", kCase | kLanguage, english_capital},
      {"change_case:english_lowercase", kCase | kLanguage, english_lowercase},
      {"punctuation:no_comma", kCommas, no_comma}};
  return list;
}

std::vector<ConstraintType> chosen_types(const std::vector<std::string>& names) {
  if (names.empty()) return types();
  std::vector<ConstraintType> chosen;
  for (const auto& name : names) {
    const auto found = std::find_if(types().begin(), types().end(), [&](const auto& type) { return type.id == name; });
    if (found == types().end()) throw base::UserError("There is no constraint type '{}'{}.", name, base::suggestion(name, constraint_types()));
    chosen.push_back(*found);
  }
  return chosen;
}

}  // namespace

std::vector<std::string_view> constraint_types() {
  std::vector<std::string_view> ids;
  for (const auto& type : types()) ids.push_back(type.id);
  return ids;
}

ConstrainedPrompt constrain(std::string_view instruction, std::int64_t index, const ConstraintOptions& options) {
  if (options.fewest < 1 || options.most < options.fewest || options.most > 6) {
    throw base::UserError("{} to {} constraints on a prompt are not possible: from 1 to 6.", options.fewest, options.most);
  }
  RandomStream random(options.seed, "constraints", static_cast<std::uint64_t>(index));
  auto candidates = chosen_types(options.types);
  random.shuffle(std::span(candidates));
  const int wanted = between(random, options.fewest, options.most);

  ConstrainedPrompt prompt;
  const auto base_text = text::replace_invalid_utf8(instruction);
  prompt.text = base_text;
  Json arguments = Json::array();
  unsigned taken = 0;
  for (const auto& type : candidates) {
    if (static_cast<int>(prompt.ids.size()) == wanted) break;
    if ((type.aspects & taken) != 0) continue;
    taken |= type.aspects;
    const auto constraint = type.make(random, base_text);
    prompt.text += (prompt.ids.empty() ? "\n\n" : " ") + constraint.sentence;
    prompt.ids.emplace_back(type.id);
    arguments.push_back(constraint.arguments);
  }
  prompt.expected = Json{{"instruction_id_list", prompt.ids}, {"kwargs", arguments}}.dump();
  return prompt;
}

}  // namespace drover::verify
