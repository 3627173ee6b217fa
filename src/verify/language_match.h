#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/language_id.h"

namespace drover::verify {

/// The writing system of most letters of a text: "Latin", "Devanagari", "Thai", "Cyrillic", "Greek", "Arabic", "Hebrew",
/// "Han", "Kana", "Hangul"; empty without letters, "other" for the rest.
std::string_view main_script(std::string_view text);

/// Why a reply is in another language or script than its prompt (a prompt in romanised Hindi must not get Devanagari;
/// Llama 3 report, 4.3.2); empty when it is not, or when that cannot be said. Scripts count from 8 letters on either side;
/// languages from 24, when both are sure (0.7 or more) and `languages` is given.
std::optional<std::string> language_mismatch(std::string_view prompt, std::string_view reply,
                                             const text::LanguageIdentifier* languages);

}  // namespace drover::verify
