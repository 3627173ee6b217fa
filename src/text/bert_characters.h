#pragma once

#include <string>

namespace drover::text {

/// What BERT's normalizer and pre-tokenizer think of a code point, equal to Hugging Face tokenizers 0.23 (whose tables
/// for BERT are those of an older Unicode than elsewhere).
bool is_bert_punctuation(char32_t code_point);

/// Removed by `clean_text`: controls, formats, private use, U+0000 and U+FFFD.
bool is_bert_control(char32_t code_point);

/// Removed by `strip_accents` once the text is decomposed: marks without width.
bool is_bert_mark(char32_t code_point);

/// The ideographs that `handle_chinese_chars` puts blanks around.
bool is_bert_ideograph(char32_t code_point);

/// Appends the lower case; U+0130 alone has two characters.
void append_bert_lower_case(char32_t code_point, std::string& out);

}  // namespace drover::text
