#include "verify/marked_text.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/json_nesting.h"
#include "verify/python_string.h"

namespace drover::verify {
namespace {

using View = std::u32string_view;

// The end of line at or behind `at`.
std::size_t line_end(View text, std::size_t at) { return std::min(text.find(U'\n', at), text.size()); }

// Lines that begin, behind white space (which may be blank lines), as `begins(position)` says; it returns where the rest of the line is
// looked for, or nothing.
template <typename Begins>
std::size_t count_lines(View text, const Begins& begins) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    auto mark = at;
    while (mark < text.size() && is_space(text[mark])) ++mark;
    if (const auto rest = begins(mark)) {
      ++count;
      at = line_end(text, *rest);
    } else {
      at = line_end(text, at);
    }
    // The next line start; a match that ended at one begins there no second time, as it took at least a character.
    at = at < text.size() ? at + 1 : at;
  }
  return count;
}

bool starts_code_fence(View& text) {
  for (const View prefix : {View(U"```json"), View(U"```Json"), View(U"```JSON"), View(U"```")}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  return true;
}

}  // namespace

std::size_t count_placeholders(std::u32string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(U'[', at)) != View::npos;) {
    const auto end = text.find_first_of(U"]\n", at + 1);
    if (end != View::npos && text[end] == U']') {
      ++count;
      at = end + 1;
    } else {
      ++at;
    }
    if (end == View::npos) break;
  }
  return count;
}

std::size_t count_highlights(std::u32string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(U'*', at)) != View::npos;) {
    const auto end = text.find_first_of(U"*\n", at + 1);
    if (end != View::npos && text[end] == U'*') {
      count += is_blank(text.substr(at + 1, end - at - 1)) ? 0 : 1;
      at = end + 1;
    } else {
      ++at;
    }
  }
  for (std::size_t at = 0; (at = text.find(U"**", at)) != View::npos;) {
    const auto end = text.find_first_of(U"*\n", at + 2);
    if (end != View::npos && text.substr(end).starts_with(U"**")) {
      count += is_blank(text.substr(at + 2, end - at - 2)) ? 0 : 1;
      at = end + 2;
    } else {
      ++at;
    }
  }
  return count;
}

std::size_t count_bullets(std::u32string_view text) {
  const auto stars = count_lines(text, [&](std::size_t mark) -> std::optional<std::size_t> {
    if (mark + 1 < text.size() && text[mark] == U'*' && text[mark + 1] != U'*') return mark + 2;
    return std::nullopt;
  });
  const auto dashes = count_lines(text, [&](std::size_t mark) -> std::optional<std::size_t> {
    if (mark < text.size() && text[mark] == U'-') return mark + 1;
    return std::nullopt;
  });
  return stars + dashes;
}

std::size_t count_divided_paragraphs(std::u32string_view text) {
  std::vector<View> paragraphs;
  std::size_t begin = 0;
  for (std::size_t at = 0; (at = text.find(U"***", at)) != View::npos;) {
    const auto edge = at > begin && is_space(text[at - 1]) ? at - 1 : at;
    paragraphs.push_back(text.substr(begin, edge - begin));
    at += 3;
    if (at < text.size() && is_space(text[at])) ++at;
    begin = at;
  }
  paragraphs.push_back(text.substr(begin));
  auto count = paragraphs.size();
  for (std::size_t i = 0; i < paragraphs.size(); ++i) {
    if (!is_blank(paragraphs[i])) continue;
    if (i > 0 && i + 1 < paragraphs.size()) return 0;
    --count;
  }
  return count;
}

std::u32string first_word_of(std::u32string_view paragraph) {
  auto word = split_words(paragraph).at(0);
  while (word.starts_with(U'\'')) word.remove_prefix(1);
  while (word.starts_with(U'"')) word.remove_prefix(1);
  return lower(word.substr(0, word.find_first_of(U".,?!'\"")));
}

bool is_json_in_fences(std::u32string_view text) {
  text = strip(text);
  starts_code_fence(text);
  if (text.ends_with(U"```")) text.remove_suffix(3);
  const auto bytes = encode(strip(text));
  try {
    base::require_shallow_json(bytes, "reply");
  } catch (const base::UserError&) {
    return false;
  }
  return nlohmann::json::accept(bytes);
}

bool holds_title(std::u32string_view text) {
  for (std::size_t at = 0; (at = text.find(U"<<", at)) != View::npos;) {
    const auto line = text.substr(at, line_end(text, at) - at);
    const auto end = line.rfind(U">>");
    if (end == View::npos || end < 3) {
      ++at;
      continue;
    }
    auto inside = line.substr(0, end + 2);
    while (inside.starts_with(U'<')) inside.remove_prefix(1);
    while (inside.ends_with(U'>')) inside.remove_suffix(1);
    if (!is_blank(inside)) return true;
    at += end + 2;
  }
  return false;
}

bool holds_two_responses(std::u32string_view text) {
  const auto parts = split(text, U"******");
  std::vector<View> responses;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!is_blank(parts[i]))
      responses.push_back(strip(parts[i]));
    else if (i > 0 && i + 1 < parts.size())
      return false;
  }
  return responses.size() == 2 && responses[0] != responses[1];
}

}  // namespace drover::verify
