#include "text/make_pre_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "text/byte_spelling.h"
#include "text/gpt2_scanner.h"
#include "text/known_patterns.h"
#include "text/llama3_scanner.h"
#include "text/matcher.h"

namespace drover::text {
namespace {

using Kind = SplitStep::Kind;

std::string name_of(const std::vector<SplitStep>& steps) {
  std::string name;
  for (const SplitStep& step : steps) {
    name += fmt::format("{}/{}/{}/{}:{};", static_cast<int>(step.kind), static_cast<int>(step.behavior),
                        int{step.invert}, step.pattern.size(), step.pattern);
  }
  return name;
}

/// One pass over the text with a function that finds the end of the next piece.
template <typename PieceEnd>
class ScannerPreTokenizer final : public PreTokenizer {
 public:
  ScannerPreTokenizer(PieceEnd piece_end, bool add_prefix_space, std::string name)
      : piece_end_(piece_end), add_prefix_space_(add_prefix_space), name_(std::move(name)) {}

  void cut(std::string_view text, Pieces& pieces) const override {
    pieces.lengths.clear();
    if (add_prefix_space_ && !text.empty() && text.front() != ' ') {
      pieces.storage.assign(1, ' ').append(text);
      text = pieces.storage;
    }
    pieces.text = text;
    const CharacterScan scan(text.data() + text.size());
    const char* position = text.data();
    while (position < scan.end()) {
      const char* const end = piece_end_(scan, position);
      pieces.lengths.push_back(static_cast<std::uint32_t>(end - position));
      position = end;
    }
  }

  std::string name() const override { return name_; }

 private:
  PieceEnd piece_end_;
  bool add_prefix_space_;
  std::string name_;
};

/// Takes step after step over all pieces.
class StepwisePreTokenizer final : public PreTokenizer {
 public:
  explicit StepwisePreTokenizer(std::vector<SplitStep> steps) : name_(name_of(steps)) {
    for (SplitStep& step : steps) {
      std::unique_ptr<const Matcher> matcher;
      if (step.kind == Kind::kPattern) matcher = compile_pattern(step.pattern);
      if (step.kind == Kind::kLiteral) matcher = compile_literal(step.pattern);
      steps_.push_back({std::move(step), std::move(matcher)});
    }
  }

  std::string name() const override { return name_; }

  void cut(std::string_view text, Pieces& pieces) const override {
    pieces.text = text;
    pieces.lengths.clear();
    if (text.empty()) return;
    pieces.lengths.push_back(static_cast<std::uint32_t>(text.size()));
    bool spelled = false;
    for (const CompiledStep& step : steps_) {
      switch (step.step.kind) {
        case Kind::kPattern:
        case Kind::kLiteral:
          split(step, pieces);
          break;
        case Kind::kAddPrefixSpace:
          change_each(pieces, [](std::string_view piece) {
            return piece.front() == ' ' ? std::string(piece) : " " + std::string(piece);
          });
          break;
        case Kind::kSpellBytes:
          // Spelling matters only to steps that come after it.
          if (&step != &steps_.back() && !spelled) {
            change_each(pieces, spell_bytes);
            spelled = true;
          }
          break;
      }
    }
    if (spelled) {
      change_each(pieces, [](std::string_view piece) { return unspell_bytes(piece).value_or(std::string(piece)); });
    }
  }

 private:
  struct CompiledStep {
    SplitStep step;
    std::unique_ptr<const Matcher> matcher;
  };
  struct Part {
    MatchRange range;
    bool is_match;
  };

  template <typename Change>
  static void change_each(Pieces& pieces, const Change& change) {
    std::string changed;
    std::size_t begin = 0;
    for (std::uint32_t& length : pieces.lengths) {
      const std::string piece = change(pieces.text.substr(begin, length));
      begin += length;
      length = static_cast<std::uint32_t>(piece.size());
      changed += piece;
    }
    pieces.storage = std::move(changed);
    pieces.text = pieces.storage;
  }

  /// Matches and the gaps between them, in order, end to end.
  static void find_parts(const CompiledStep& step, std::string_view piece, std::vector<Part>& parts) {
    parts.clear();
    std::string masked;
    std::string_view searched = piece;
    if (step.matcher->needs_valid_utf8() && !is_valid_utf8(piece)) {
      masked = mask_invalid_bytes(piece);
      searched = masked;
    }
    std::size_t covered = 0;
    std::size_t from = 0;
    std::optional<std::size_t> last_end;
    while (from <= searched.size()) {
      const std::optional<MatchRange> match = step.matcher->find(searched, from);
      if (!match) break;
      if (match->begin == match->end && last_end == match->end) {  // an empty match right behind a match does not count
        from = from < searched.size()
                   ? from + decode_character(searched.data() + from, searched.data() + searched.size()).length
                   : from + 1;
        continue;
      }
      if (match->begin > covered) parts.push_back({{covered, match->begin}, step.step.invert});
      parts.push_back({*match, !step.step.invert});
      covered = from = match->end;
      last_end = match->end;
    }
    if (covered < searched.size()) parts.push_back({{covered, searched.size()}, step.step.invert});
  }

  /// A control character stands for each invalid byte: one byte as well, and of no class that patterns ask about.
  static std::string mask_invalid_bytes(std::string_view text) {
    std::string masked(text);
    const char* position = text.data();
    const char* const end = position + text.size();
    while (position < end) {
      const DecodedCharacter character = decode_character(position, end);
      if (character.code_point == kInvalidByte) masked[static_cast<std::size_t>(position - text.data())] = '\x1A';
      position += character.length;
    }
    return masked;
  }

  static void apply_behavior(SplitBehavior behavior, std::vector<Part>& parts) {
    std::vector<Part> joined;
    bool previous_is_match = false;
    const auto extend_or_push = [&](const Part& part, bool extend, bool forwards) {
      if (extend && !joined.empty()) {
        MatchRange& last = joined.back().range;
        (forwards ? last.end : last.begin) = forwards ? part.range.end : part.range.begin;
      } else {
        joined.push_back(part);
      }
      previous_is_match = part.is_match;
    };
    switch (behavior) {
      case SplitBehavior::kIsolated:
        return;
      case SplitBehavior::kRemoved:
        std::erase_if(parts, [](const Part& part) { return part.is_match; });
        return;
      case SplitBehavior::kContiguous:
        for (const Part& part : parts) extend_or_push(part, part.is_match == previous_is_match, true);
        break;
      case SplitBehavior::kMergedWithPrevious:
        for (const Part& part : parts) extend_or_push(part, part.is_match && !previous_is_match, true);
        break;
      case SplitBehavior::kMergedWithNext:
        for (auto part = parts.rbegin(); part != parts.rend(); ++part)
          extend_or_push(*part, part->is_match && !previous_is_match, false);
        std::reverse(joined.begin(), joined.end());
        break;
    }
    parts = std::move(joined);
  }

  static void split(const CompiledStep& step, Pieces& pieces) {
    std::vector<std::uint32_t> lengths;
    std::string kept;  // the text without what the step removes
    const bool removes = step.step.behavior == SplitBehavior::kRemoved;
    std::vector<Part> parts;
    std::size_t begin = 0;
    for (const std::uint32_t length : pieces.lengths) {
      const std::string_view piece = pieces.text.substr(begin, length);
      begin += length;
      find_parts(step, piece, parts);
      apply_behavior(step.step.behavior, parts);
      for (const Part& part : parts) {
        const std::size_t size = part.range.end - part.range.begin;
        if (size == 0) continue;
        lengths.push_back(static_cast<std::uint32_t>(size));
        if (removes) kept += piece.substr(part.range.begin, size);
      }
    }
    pieces.lengths = std::move(lengths);
    if (removes) {
      pieces.storage = std::move(kept);
      pieces.text = pieces.storage;
    }
  }

  std::vector<CompiledStep> steps_;
  std::string name_;
};

/// Whether a step cuts the text into the matches of a pattern that covers all of it.
bool keeps_all_matches(const SplitStep& step) {
  return step.kind == Kind::kPattern && ((step.behavior == SplitBehavior::kIsolated && !step.invert) ||
                                         (step.behavior == SplitBehavior::kRemoved && step.invert));
}

template <typename PieceEnd>
std::unique_ptr<const PreTokenizer> scanner(PieceEnd piece_end, bool add_prefix_space, std::string name) {
  return std::make_unique<ScannerPreTokenizer<PieceEnd>>(piece_end, add_prefix_space, std::move(name));
}

}  // namespace

std::unique_ptr<const PreTokenizer> make_stepwise_pre_tokenizer(std::vector<SplitStep> steps) {
  return std::make_unique<StepwisePreTokenizer>(std::move(steps));
}

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(std::vector<SplitStep> steps) {
  if (!steps.empty() && steps.back().kind == Kind::kSpellBytes) steps.pop_back();
  std::string name = name_of(steps);
  const SplitStep isolate_numbers{.pattern = R"(\p{N})"};
  std::size_t first = 0;
  const bool prefix = steps.size() > 1 && steps[0].kind == Kind::kAddPrefixSpace;
  if (prefix) ++first;
  const bool isolates = !prefix && steps.size() == 2 && steps[0] == isolate_numbers;
  if (isolates) ++first;
  if (first + 1 == steps.size() && keeps_all_matches(steps[first])) {
    const KnownScanner known = recognise_pattern(steps[first].pattern);
    const auto letters_and_marks = [](const CharacterScan& scan, const char* at) {
      return llama3_piece_end < char_class::kLetter | char_class::kMark > (scan, at, 1);
    };
    if (isolates && known == KnownScanner::kGpt2)
      return scanner([](const CharacterScan& scan, const char* at) { return gpt2_piece_end<true>(scan, at); }, false,
                     std::move(name));
    if (!isolates) {
      switch (known) {
        case KnownScanner::kGpt2:
          return scanner([](const CharacterScan& scan, const char* at) { return gpt2_piece_end<false>(scan, at); },
                         prefix, std::move(name));
        case KnownScanner::kLlama3:
          return scanner([](const CharacterScan& scan, const char* at) { return llama3_piece_end<>(scan, at, 3); },
                         prefix, std::move(name));
        case KnownScanner::kQwen2:
          return scanner([](const CharacterScan& scan, const char* at) { return llama3_piece_end<>(scan, at, 1); },
                         prefix, std::move(name));
        case KnownScanner::kQwen35:
          return scanner(letters_and_marks, prefix, std::move(name));
        case KnownScanner::kNone:
          break;
      }
    }
  }
  return make_stepwise_pre_tokenizer(std::move(steps));
}

}  // namespace drover::text
