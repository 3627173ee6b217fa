#include "curate/openings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>

#include "base/error.h"
#include "base/random_stream.h"
#include "text/unicode.h"

namespace drover::curate {
namespace {

constexpr std::int64_t kWordsOfAFirstSentence = 16;
constexpr std::array<std::string_view, 6> kRegrets = {"sorry",   "apolog", "regret",
                                                      "forgive", "pardon", "unfortunately"};

/// Hands out the words of a text in lower case (ASCII; other letters stay) until `on_word` returns false.
/// `ends_sentence`: whether something between this word and the one before ended a sentence.
template <typename OnWord>
void for_each_word(std::string_view text, const OnWord& on_word) {
  std::string word;
  bool ends_sentence = false;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const auto [c, length] = text::decode_character(at, end);
    const bool is_apostrophe = c == '\'' || c == 0x2019;
    if ((text::char_class_of(c) & (text::char_class::kLetter | text::char_class::kNumber | text::char_class::kMark)) !=
        0) {
      if (c < 0x80) {
        word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
      } else {
        word.append(at, length);
      }
    } else if (is_apostrophe && !word.empty()) {
      word += '\'';
    } else {
      while (word.ends_with('\'')) word.pop_back();
      if (!word.empty() && !on_word(word, ends_sentence)) return;
      if (!word.empty()) ends_sentence = false;
      word.clear();
      ends_sentence =
          ends_sentence || c == '.' || c == '!' || c == '?' || c == '\n' || c == 0x3002 || c == 0xFF01 || c == 0xFF1F;
    }
    at += length;
  }
  while (word.ends_with('\'')) word.pop_back();
  if (!word.empty()) on_word(word, ends_sentence);
}

/// How many of a group must go so that at most `share` of what is left belongs to it.
std::int64_t surplus(std::int64_t found, std::int64_t all, double share) {
  const double over = static_cast<double>(found) - share * static_cast<double>(all);
  if (over <= 1e-9 || share >= 1.0) return 0;
  const auto drop = static_cast<std::int64_t>(std::ceil(over / (1.0 - share) - 1e-9));
  return std::min(drop, found - 1);
}

class Balancing {
 public:
  Balancing(std::span<const std::string_view> replies, const OpeningOptions& options) : options_(options) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
      balance_.decisions.push_back({.index = i, .kept = true, .rule = "opening"});
      const bool regrets = apologises(replies[i]);
      auto phrase = opening_phrase(replies[i], options.words);
      if (regrets) apologies_.push_back(i);
      if (!phrase.empty()) phrases_[std::move(phrase)].push_back(i);
      is_apology_.push_back(regrets);
    }
    left_ = static_cast<std::int64_t>(replies.size());
  }

  OpeningBalance run() {
    std::vector<Group> groups = {{.name = "apologies",
                                  .what = "replies that apologise in their first sentence",
                                  .share = options_.apology_share,
                                  .rows = apologies_}};
    std::vector<const std::pair<const std::string, std::vector<std::size_t>>*> order;
    for (const auto& phrase : phrases_) order.push_back(&phrase);
    std::stable_sort(order.begin(), order.end(),
                     [](const auto* a, const auto* b) { return a->second.size() > b->second.size(); });
    for (const auto* phrase : order) {
      Group group{.name = phrase->first,
                  .what = fmt::format("replies that begin with \"{}\"", phrase->first),
                  .share = options_.phrase_share};
      std::copy_if(phrase->second.begin(), phrase->second.end(), std::back_inserter(group.rows),
                   [&](std::size_t i) { return !is_apology_[i]; });
      if (group.rows.size() > 1) groups.push_back(std::move(group));
    }
    // What one group loses makes the shares of the others larger.
    for (bool goes_on = true; goes_on;) {
      goes_on = false;
      for (auto& group : groups) goes_on = drop_surplus(group) || goes_on;
    }
    for (const auto* phrase : order) record(phrase->first, phrase->second);
    std::stable_sort(balance_.phrases.begin(), balance_.phrases.end(),
                     [](const auto& a, const auto& b) { return a.apologises && !b.apologises; });
    balance_.apologies_found = static_cast<std::int64_t>(apologies_.size());
    for (const auto i : apologies_) balance_.apologies_kept += balance_.decisions[i].kept ? 1 : 0;
    return std::move(balance_);
  }

 private:
  struct Group {
    std::string name = {}, what = {};
    double share = 1.0;
    std::vector<std::size_t> rows = {};  // that are left
    std::int64_t found = 0;              // before anything was dropped
  };

  bool drop_surplus(Group& group) {
    const auto found = static_cast<std::int64_t>(group.rows.size());
    const auto drop = surplus(found, left_, group.share);
    if (drop == 0) return false;
    if (group.found == 0) {  // the first time
      group.found = found;
      base::RandomStream random(options_.seed, "opening " + group.name);
      random.shuffle(std::span(group.rows));
    }
    for (std::int64_t i = 0; i < drop; ++i) {
      auto& decision = balance_.decisions[group.rows.back()];
      group.rows.pop_back();
      decision.kept = false;
      decision.rule = is_apology_[decision.index] ? "overused apology" : "overused opening";
      decision.reason =
          fmt::format("{} are {} of {}, but a share of {:g} is enough", group.what, found, left_, group.share);
    }
    left_ -= drop;
    return true;
  }

  void record(const std::string& phrase, const std::vector<std::size_t>& rows) {
    if (rows.size() < 2) return;
    OpeningPhrase one{.phrase = phrase, .found = static_cast<std::int64_t>(rows.size())};
    std::size_t regrets = 0;
    for (const auto i : rows) {
      one.kept += balance_.decisions[i].kept ? 1 : 0;
      regrets += is_apology_[i] ? 1U : 0U;
    }
    one.apologises = 2 * regrets > rows.size();
    balance_.phrases.push_back(std::move(one));
  }

  const OpeningOptions& options_;
  OpeningBalance balance_;
  std::vector<std::size_t> apologies_;
  std::map<std::string, std::vector<std::size_t>> phrases_;
  std::vector<bool> is_apology_;
  std::int64_t left_ = 0;
};

}  // namespace

void OpeningOptions::validate() const {
  if (!(apology_share >= 0 && apology_share <= 1))
    throw base::UserError("The share of apologies is {}; it must be from 0 to 1.", apology_share);
  if (!(phrase_share >= 0 && phrase_share <= 1))
    throw base::UserError("The share of an opening phrase is {}; it must be from 0 to 1.", phrase_share);
  if (words < 1 || words > 16)
    throw base::UserError("An opening phrase of {} words is not possible: take 1 to 16.", words);
}

std::string opening_phrase(std::string_view text, std::int64_t words) {
  std::string phrase;
  for_each_word(text, [&](const std::string& word, bool) {
    if (words-- <= 0) return false;
    if (!phrase.empty()) phrase += ' ';
    phrase += word;
    return true;
  });
  return phrase;
}

bool apologises(std::string_view text) {
  bool found = false;
  std::int64_t words = 0;
  for_each_word(text, [&](const std::string& word, bool ends_sentence) {
    if ((ends_sentence && words > 0) || ++words > kWordsOfAFirstSentence) return false;
    found =
        std::any_of(kRegrets.begin(), kRegrets.end(), [&](std::string_view stem) { return word.starts_with(stem); });
    return !found;
  });
  return found;
}

OpeningBalance balance_openings(std::span<const std::string_view> replies, const OpeningOptions& options) {
  options.validate();
  return Balancing(replies, options).run();
}

}  // namespace drover::curate
