#include "engine/vocabulary_trie.h"

#include <algorithm>

#include "base/error.h"

namespace drover::engine {

VocabularyTrie::VocabularyTrie(const text::Tokenizer& tokenizer)
    : vocab_size_(tokenizer.vocab_size()), spelled_bytes_(256, false), spellings_(static_cast<std::size_t>(vocab_size_)) {
  std::vector<std::pair<std::string_view, text::TokenId>> sorted;
  for (std::int32_t i = 0; i < vocab_size_; ++i) {
    const text::TokenId id{i};
    const std::string_view bytes = tokenizer.bytes_of(id);
    if (bytes.empty()) continue;
    const bool is_special = tokenizer.is_special(id);
    if (is_special || tokenizer.special(bytes) == id) {
      const Symbol symbol = kFirstTokenSymbol + static_cast<Symbol>(token_symbols_.size());
      token_symbols_.push_back(id);
      added_tokens_.emplace(std::string(bytes), symbol);
      if (is_special) control_symbols_.emplace(i, symbol);
    }
    if (is_special) continue;
    std::string& spelling = spellings_[static_cast<std::size_t>(i)];
    spelling = bytes;
    sorted.emplace_back(spelling, id);
    longest_token_ = std::max(longest_token_, static_cast<std::int32_t>(bytes.size()));
    const auto brackets = std::count_if(bytes.begin(), bytes.end(), [](char c) { return c == '[' || c == '{'; });
    most_brackets_ = std::max(most_brackets_, static_cast<std::int32_t>(brackets));
    if (bytes.size() == 1) spelled_bytes_[static_cast<unsigned char>(bytes[0])] = true;
  }
  std::sort(sorted.begin(), sorted.end());  // string_view compares bytes as unsigned numbers
  build(sorted);
}

void VocabularyTrie::build(const std::vector<std::pair<std::string_view, text::TokenId>>& sorted) {
  const auto add_node = [&](Symbol symbol) {
    symbols_.push_back(symbol);
    ends_.push_back(0);
    first_tokens_.push_back(static_cast<std::uint32_t>(tokens_.size()));
  };
  add_node(-1);
  std::vector<std::size_t> path = {0};  // the nodes of the spelling at hand, the root first
  const auto close_to = [&](std::size_t length) {
    for (; path.size() > length; path.pop_back()) ends_[path.back()] = num_nodes();
  };
  std::string_view previous;
  for (const auto& [spelling, id] : sorted) {
    const auto [here, there] = std::mismatch(spelling.begin(), spelling.end(), previous.begin(), previous.end());
    const auto common = static_cast<std::size_t>(here - spelling.begin());
    close_to(1 + common);
    for (std::size_t i = common; i < spelling.size(); ++i) {
      path.push_back(symbols_.size());
      add_node(static_cast<unsigned char>(spelling[i]));
    }
    tokens_.push_back(id);
    previous = spelling;
  }
  close_to(1);
  for (std::size_t i = 0; i < token_symbols_.size(); ++i) {
    path.push_back(symbols_.size());
    add_node(kFirstTokenSymbol + static_cast<Symbol>(i));
    tokens_.push_back(token_symbols_[i]);
    close_to(1);
  }
  close_to(0);
  first_tokens_.push_back(static_cast<std::uint32_t>(tokens_.size()));
}

std::vector<Symbol> VocabularyTrie::spelling(text::TokenId id) const {
  const std::int32_t at = text::to_int(id);
  DROVER_CHECK(at >= 0 && at < vocab_size_, "Token {} is outside a vocabulary of {}", at, vocab_size_);
  if (const auto control = control_symbols_.find(at); control != control_symbols_.end()) return {control->second};
  std::vector<Symbol> symbols;
  for (const char c : spellings_[static_cast<std::size_t>(at)]) symbols.push_back(static_cast<unsigned char>(c));
  return symbols;
}

std::optional<Symbol> VocabularyTrie::token_symbol(std::string_view spelling) const {
  const auto found = added_tokens_.find(std::string(spelling));
  return found == added_tokens_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Symbol> VocabularyTrie::whole_symbol(text::TokenId id) const {
  const auto& spelling = spellings_[static_cast<std::size_t>(text::to_int(id))];  // empty for control tokens
  const auto symbol = spelling.empty() ? std::nullopt : token_symbol(spelling);
  return symbol && token_of(*symbol) == id ? symbol : std::nullopt;
}

text::TokenId VocabularyTrie::token_of(Symbol symbol) const {
  return token_symbols_.at(static_cast<std::size_t>(symbol - kFirstTokenSymbol));
}

}  // namespace drover::engine
