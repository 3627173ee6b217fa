#include "text/text_normalizer.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/bert_characters.h"
#include "text/normal_form.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

using nlohmann::json;

constexpr int kDeepestSequence = 16;
constexpr std::size_t kLongestReplacement =
    64;  // bytes; with the next limit, damaged files cannot ask for endless memory
constexpr std::size_t kLargestGrowth = 64;

std::string text_field(const json& step, const char* name, std::string_view where) {
  const auto found = step.find(name);
  if (found == step.end() || !found->is_string())
    throw base::UserError("{}: a step of normalizer has no text '{}'.", where, name);
  if (found->get_ref<const std::string&>().size() > kLongestReplacement) {
    throw base::UserError("{}: '{}' of a step of normalizer is longer than {} bytes.", where, name,
                          kLongestReplacement);
  }
  return found->get<std::string>();
}

bool flag_field(const json& step, const char* name, bool otherwise, std::string_view where) {
  const auto found = step.find(name);
  if (found == step.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) throw base::UserError("{}: '{}' of normalizer is neither true nor false.", where, name);
  return found->get<bool>();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string replaced;
  replaced.reserve(text.size() + text.size() / 4);
  std::size_t copied = 0;
  for (; at != std::string::npos; at = text.find(from, copied)) {
    replaced.append(text, copied, at - copied).append(to);
    copied = at + from.size();
  }
  replaced.append(text, copied);
  text.swap(replaced);
}

std::string replaced_string(const json& step, std::string_view where) {
  const auto pattern = step.find("pattern");
  if (pattern == step.end() || !pattern->is_object() || !pattern->contains("String") ||
      !(*pattern)["String"].is_string() || (*pattern)["String"].get_ref<const std::string&>().empty()) {
    throw base::UserError(
        "{}: a Replace step of normalizer has no pattern 'String'. Only plain strings can be replaced.", where);
  }
  return (*pattern)["String"].get<std::string>();
}

void strip(std::string& text, bool left, bool right) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  const auto is_space = [](char32_t c) { return (char_class_of(c) & char_class::kSpace) != 0; };
  while (left && begin < end) {
    const DecodedCharacter first = decode_character(text.data() + begin, text.data() + end);
    if (!is_space(first.code_point)) break;
    begin += first.length;
  }
  while (right && begin < end) {
    const DecodedCharacter last = decode_last_character(text.data() + begin, text.data() + end);
    if (!is_space(last.code_point)) break;
    end -= last.length;
  }
  text = text.substr(begin, end - begin);
}

void normalise_in_place(std::string& text, NormalForm form) {
  if (auto changed = normalise(text, form)) text = std::move(*changed);
}

/// Calls on_character(code point, its bytes) for each character of the text.
template <typename OnCharacter>
void for_each_character(std::string_view text, const OnCharacter& on_character) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const DecodedCharacter character = decode_character(at, end);
    on_character(character.code_point, std::string_view(at, character.length));
    at += character.length;
  }
}

std::string lower_case(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (c < 0x80) {
      lower.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
    } else if (c == kInvalidByte) {
      lower.append(bytes);
    } else {
      append_bert_lower_case(c, lower);
    }
  });
  return lower;
}

std::string clean_and_space(std::string_view text, const BertNormalizerOptions& options) {
  std::string cleaned;
  cleaned.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (c >= 0x20 && c < 0x7F) {
      cleaned.push_back(static_cast<char>(c));
    } else if (options.clean_text && (c == kInvalidByte || is_bert_control(c))) {
      // dropped
    } else if (options.clean_text && (char_class_of(c) & char_class::kSpace) != 0) {
      cleaned.push_back(' ');
    } else if (options.handle_chinese_chars && is_bert_ideograph(c)) {
      cleaned.append(" ").append(bytes).append(" ");
    } else {
      cleaned.append(bytes);
    }
  });
  return cleaned;
}

std::string without_marks(std::string_view text) {
  std::string bare;
  bare.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (c < 0x80 || !is_bert_mark(c)) bare.append(bytes);
  });
  return bare;
}

}  // namespace

std::string bert_normalise(std::string_view text, const BertNormalizerOptions& options) {
  std::string normal =
      options.clean_text || options.handle_chinese_chars ? clean_and_space(text, options) : std::string(text);
  const bool is_ascii =
      std::all_of(normal.begin(), normal.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
  if (options.strip_accents && !is_ascii) {
    normalise_in_place(normal, NormalForm::kNfd);
    normal = without_marks(normal);
  }
  if (options.lowercase) normal = lower_case(normal);
  return normal;
}

TextNormalizer::TextNormalizer(const json& normalizer, std::string_view where) { add(normalizer, where, 0); }

std::string TextNormalizer::apply(std::string_view text) const {
  const std::size_t limit = text.size() * kLargestGrowth + 4096;
  std::string result(text);
  for (const auto& step : steps_) {
    step(result);
    if (result.size() > limit) {
      throw base::UserError(
          "The tokenizer's normalizer turned {} bytes of text into {}. Is its tokenizer.json damaged?", text.size(),
          result.size());
    }
  }
  return result;
}

void TextNormalizer::add(const json& step, std::string_view where, int depth) {
  if (step.is_null()) return;
  if (!step.is_object()) throw base::UserError("{}: normalizer is not an object.", where);
  if (depth > kDeepestSequence)
    throw base::UserError("{}: normalizer nests more than {} sequences.", where, kDeepestSequence);
  const std::string type = text_field(step, "type", where);
  const auto form_step = [&](NormalForm form) {
    append_step([form](std::string& text) { normalise_in_place(text, form); });
  };
  if (type == "Sequence") {
    const auto inner = step.find("normalizers");
    if (inner == step.end() || !inner->is_array())
      throw base::UserError("{}: a Sequence of normalizer has no list 'normalizers'.", where);
    for (const json& next : *inner) add(next, where, depth + 1);
  } else if (type == "NFC") {
    form_step(NormalForm::kNfc);
  } else if (type == "NFD") {
    form_step(NormalForm::kNfd);
  } else if (type == "NFKC") {
    form_step(NormalForm::kNfkc);
  } else if (type == "NFKD") {
    form_step(NormalForm::kNfkd);
  } else if (type == "Prepend") {
    append_step([front = text_field(step, "prepend", where)](std::string& text) {
      if (!text.empty()) text.insert(0, front);
    });
  } else if (type == "Replace") {
    append_step([from = replaced_string(step, where), to = text_field(step, "content", where)](std::string& text) {
      replace_all(text, from, to);
    });
  } else if (type == "Strip") {
    const bool left = flag_field(step, "strip_left", true, where);
    const bool right = flag_field(step, "strip_right", true, where);
    append_step([left, right](std::string& text) { strip(text, left, right); });
  } else if (type == "Lowercase") {
    append_step([](std::string& text) { text = lower_case(text); });
  } else if (type == "BertNormalizer") {
    BertNormalizerOptions options;
    options.clean_text = flag_field(step, "clean_text", true, where);
    options.handle_chinese_chars = flag_field(step, "handle_chinese_chars", true, where);
    options.lowercase = flag_field(step, "lowercase", true, where);
    options.strip_accents = flag_field(step, "strip_accents", options.lowercase, where);
    append_step([options](std::string& text) { text = bert_normalise(text, options); });
  } else {
    throw base::UserError("{}: the normalizer step '{}' is not supported.", where, type);
  }
}

}  // namespace drover::text
