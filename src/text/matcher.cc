#include "text/matcher.h"

#include "text/gpt2_scanner.h"
#include "text/known_patterns.h"
#include "text/llama3_scanner.h"
#include "text/onig_pattern.h"
#include "text/set_pattern.h"

namespace drover::text {
namespace {

/// A scanner whose pieces lie end to end: the next match begins where the search does.
template <typename PieceEnd>
class ScannerMatcher final : public Matcher {
 public:
  explicit ScannerMatcher(PieceEnd piece_end) : piece_end_(piece_end) {}

  std::optional<MatchRange> find(std::string_view text, std::size_t from) const override {
    if (from >= text.size()) return std::nullopt;
    const CharacterScan scan(text.data() + text.size());
    return MatchRange{from, static_cast<std::size_t>(piece_end_(scan, text.data() + from) - text.data())};
  }

 private:
  PieceEnd piece_end_;
};

template <typename PieceEnd>
std::unique_ptr<const Matcher> scanner(PieceEnd piece_end) {
  return std::make_unique<ScannerMatcher<PieceEnd>>(piece_end);
}

class LiteralMatcher final : public Matcher {
 public:
  explicit LiteralMatcher(const std::string& literal) : literal_(literal) {}

  std::optional<MatchRange> find(std::string_view text, std::size_t from) const override {
    if (literal_.empty()) return std::nullopt;
    const std::size_t found = text.find(literal_, from);
    if (found == std::string_view::npos) return std::nullopt;
    return MatchRange{found, found + literal_.size()};
  }

 private:
  std::string literal_;
};

}  // namespace

std::unique_ptr<const Matcher> compile_pattern(const std::string& pattern) {
  switch (recognise_pattern(pattern)) {
    case KnownScanner::kGpt2:
      return scanner([](const CharacterScan& scan, const char* at) { return gpt2_piece_end<false>(scan, at); });
    case KnownScanner::kLlama3:
      return scanner([](const CharacterScan& scan, const char* at) { return llama3_piece_end<>(scan, at, 3); });
    case KnownScanner::kQwen2:
      return scanner([](const CharacterScan& scan, const char* at) { return llama3_piece_end<>(scan, at, 1); });
    case KnownScanner::kQwen35:
      return scanner([](const CharacterScan& scan, const char* at) {
        return llama3_piece_end < char_class::kLetter | char_class::kMark > (scan, at, 1);
      });
    case KnownScanner::kNone:
      break;
  }
  if (auto simple = compile_set_pattern(pattern)) return simple;
  return compile_onig_pattern(pattern);
}

std::unique_ptr<const Matcher> compile_literal(const std::string& literal) {
  return std::make_unique<LiteralMatcher>(literal);
}

}  // namespace drover::text
