#include "verify/language_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "text/unicode.h"

namespace drover::verify {
namespace {

struct Script {
  std::string_view name;
  char32_t begin;
  char32_t end;  // one past
};

// Blocks of letters, sorted. Those of one script that stand apart have an entry each.
constexpr std::array<Script, 19> kScripts = {{{"Latin", 0x41, 0x250},
                                              {"Latin", 0x250, 0x2B0},
                                              {"Greek", 0x370, 0x400},
                                              {"Cyrillic", 0x400, 0x530},
                                              {"Armenian", 0x530, 0x590},
                                              {"Hebrew", 0x590, 0x600},
                                              {"Arabic", 0x600, 0x780},
                                              {"Devanagari", 0x900, 0x980},
                                              {"Bengali", 0x980, 0xA00},
                                              {"Tamil", 0xB80, 0xC00},
                                              {"Thai", 0xE00, 0xE80},
                                              {"Georgian", 0x10A0, 0x1100},
                                              {"Hangul", 0x1100, 0x1200},
                                              {"Latin", 0x1E00, 0x1F00},
                                              {"Greek", 0x1F00, 0x2000},
                                              {"Kana", 0x3040, 0x3100},
                                              {"Han", 0x3400, 0xA000},
                                              {"Hangul", 0xAC00, 0xD7B0},
                                              {"Han", 0x20000, 0x323B0}}};

std::string_view script_of(char32_t letter) {
  for (const auto& script : kScripts) {
    if (letter >= script.begin && letter < script.end) return script.name;
  }
  return "other";
}

struct LetterCount {
  std::string_view script;
  std::int64_t of_script = 0;
  std::int64_t all = 0;
};

LetterCount count_letters(std::string_view text) {
  std::array<std::pair<std::string_view, std::int64_t>, kScripts.size() + 1> counts{};
  std::size_t num_scripts = 0;
  LetterCount found;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const auto character = text::decode_character(at, end);
    at += character.length;
    if ((text::char_class_of(character.code_point) & text::char_class::kLetter) == 0) continue;
    ++found.all;
    const auto name = script_of(character.code_point);
    auto* const last = counts.begin() + num_scripts;
    auto* entry = std::find_if(counts.begin(), last, [&](const auto& count) { return count.first == name; });
    if (entry == last) {
      *entry = {name, 0};
      ++num_scripts;
    }
    ++entry->second;
  }
  for (std::size_t i = 0; i < num_scripts; ++i) {
    if (counts[i].second > found.of_script) found = {counts[i].first, counts[i].second, found.all};
  }
  return found;
}

constexpr std::int64_t kLettersForScript = 8;
constexpr std::int64_t kLettersForLanguage = 24;
constexpr double kSure = 0.7;

}  // namespace

std::string_view main_script(std::string_view text) { return count_letters(text).script; }

std::optional<std::string> language_mismatch(std::string_view prompt, std::string_view reply,
                                             const text::LanguageIdentifier* languages) {
  const auto asked = count_letters(prompt), said = count_letters(reply);
  if (std::min(asked.all, said.all) < kLettersForScript) return std::nullopt;
  // Japanese mixes Kana and Han as it likes.
  const auto is_japanese_or_han = [](std::string_view script) { return script == "Kana" || script == "Han"; };
  if (asked.script != said.script && !(is_japanese_or_han(asked.script) && is_japanese_or_han(said.script)))
    return fmt::format("the prompt is in {} letters, the reply in {}", asked.script, said.script);
  if (languages == nullptr || std::min(asked.all, said.all) < kLettersForLanguage) return std::nullopt;
  const auto from = languages->detect(prompt), to = languages->detect(reply);
  if (!from || !to || from->probability < kSure || to->probability < kSure || from->code == to->code) return std::nullopt;
  return fmt::format("the prompt is in \"{}\", the reply in \"{}\"", from->code, to->code);
}

}  // namespace drover::verify
