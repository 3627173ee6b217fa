#include "cli/learned_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cli/terminal.h"

namespace drover::cli {

std::string learned_text(const model::TokenRow& row, const text::Tokenizer& tokenizer, bool learns_targets, bool colour,
                         std::int64_t max_tokens) {
  std::set<std::pair<std::int64_t, text::TokenId>> learned;
  for (const auto& entry : row.learned) learned.insert({entry.position, entry.target});
  const auto is_learned = [&](std::int32_t segment, std::int64_t token) {
    const bool is_first = token == row.segments[static_cast<std::size_t>(segment)].begin;
    const auto position = !learns_targets ? token : is_first ? row.position_before(segment) : token - 1;
    return learned.contains({position, row.tokens[static_cast<std::size_t>(token)]});
  };
  const std::string open = colour ? "\x1b[1;32m" : "[[", close = colour ? "\x1b[0m" : "]]";
  std::string text;
  for (std::int32_t s = 0; s < std::ssize(row.segments); ++s) {
    const auto& segment = row.segments[static_cast<std::size_t>(s)];
    // The end of a segment is what shows how it ends, so the beginning is left out of a long one.
    const auto begin = std::max(segment.begin, segment.end - max_tokens);
    text += segment.parent < 0 ? "" : "  |- ";
    if (begin > segment.begin) text += fmt::format("({} tokens) ... ", begin - segment.begin);
    bool marked = false;
    std::string run;
    const auto finish_run = [&] {
      text += (marked ? open : "") + shown(run) + (marked ? close : "");
      run.clear();
    };
    for (auto token = begin; token < segment.end; ++token) {
      if (is_learned(s, token) != marked) {
        if (!run.empty()) finish_run();
        marked = !marked;
      }
      run += tokenizer.bytes_of(row.tokens[static_cast<std::size_t>(token)]);
    }
    if (!run.empty()) finish_run();
    text += '\n';
  }
  return text;
}

std::string learned_text_for(const ScreenSize& screen, const model::TokenRow& row, const text::Tokenizer& tokenizer, bool learns_targets, bool colour) {
  std::int64_t most = 400;
  // Measured with the marks, which take columns, in place of colours, which take none.
  while (most > 1 && lines_on_screen(learned_text(row, tokenizer, learns_targets, false, most), screen.columns) + 2 > screen.lines) {
    most = most * 3 / 4;
  }
  return learned_text(row, tokenizer, learns_targets, colour, most);
}

}  // namespace drover::cli
