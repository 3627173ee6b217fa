#include "judge/intentions.h"

#include "judge/prompts.h"

namespace drover::judge {
namespace {

std::string singular(std::string word) {
  const auto ends = [&](std::string_view ending) { return word.ends_with(ending); };
  if (word.size() > 4 && ends("ies")) return word.replace(word.size() - 3, 3, "y");
  if (word.size() > 4 && (ends("ches") || ends("shes") || ends("sses") || ends("xes"))) return word.substr(0, word.size() - 2);
  if (word.size() > 3 && ends("s") && !ends("ss") && !ends("us") && !ends("is")) word.pop_back();
  return word;
}

}  // namespace

std::string normalised_tag(std::string_view tag) {
  std::string joined;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    if (!joined.empty()) joined.push_back(' ');
    joined += singular(std::move(word));
    word.clear();
  };
  for (const char letter : tag) {
    const bool is_upper = letter >= 'A' && letter <= 'Z';
    const bool is_kept = is_upper || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
                         static_cast<unsigned char>(letter) >= 0x80;
    if (is_kept) {
      word.push_back(is_upper ? static_cast<char>(letter - 'A' + 'a') : letter);
    } else {
      end_word();
    }
  }
  end_word();
  return joined;
}

std::vector<std::optional<Intentions>> list_intentions(Judge& judge, std::span<const chat::Dialog> dialogs) {
  std::vector<std::string> questions;
  for (const auto& dialog : dialogs) questions.push_back(intentions_prompt(dialog));
  std::vector<std::optional<Intentions>> found;
  for (const auto& list : judge.list(questions)) {
    auto& intentions = found.emplace_back();
    if (!list) continue;
    intentions.emplace();
    for (const auto& tag : *list) {
      auto normalised = normalised_tag(tag);
      if (!normalised.empty()) intentions->tags.insert(std::move(normalised));
    }
  }
  return found;
}

}  // namespace drover::judge
