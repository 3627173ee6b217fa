#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drover::verify {

// What a reply marks in its text. Each counts what the regular expression of IFEval's scorer would find.

std::size_t count_placeholders(std::u32string_view text);  ///< "[...]" within a line
std::size_t count_highlights(std::u32string_view text);    ///< "*...*" and "**...**" within a line, not blank
std::size_t count_bullets(std::u32string_view text);       ///< lines that begin with "*" (not "**") or "-"

/// Paragraphs between dividers "***"; 0 when one between two dividers is blank.
std::size_t count_divided_paragraphs(std::u32string_view text);

/// The first word of a paragraph in small letters, without quotes before it, up to a punctuation mark. The paragraph is not blank.
std::u32string first_word_of(std::u32string_view paragraph);

bool is_json_in_fences(std::u32string_view text);   ///< JSON and nothing else, perhaps in a code fence
bool holds_title(std::u32string_view text);         ///< "<<...>>" within a line, not blank
bool holds_two_responses(std::u32string_view text); ///< two different parts around "******"

}  // namespace drover::verify
