#include "text/normal_form.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <vector>

#include "base/error.h"
#include "text/unicode.h"

#ifdef DROVER_HAS_UTF8PROC
#include <utf8proc.h>
#endif

namespace drover::text {

#ifdef DROVER_HAS_UTF8PROC
namespace {

struct Range {
  char32_t first, last;
};

/// What utf8proc 2.8 (Unicode 15) decomposes, composes or reorders and Hugging Face tokenizers 0.23 (Unicode 9) leaves
/// alone, found by trying all characters in both.
constexpr Range kYoungerThanReference[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x10781, 0x10785},
    {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF},
    {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E},
    {0x11839, 0x1183A}, {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E06D},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9}};

bool is_younger(char32_t code_point) {
  const Range* after = std::upper_bound(std::begin(kYoungerThanReference), std::end(kYoungerThanReference), code_point,
                                        [](char32_t wanted, const Range& range) { return wanted < range.first; });
  return after != std::begin(kYoungerThanReference) && code_point <= (after - 1)->last;
}

/// Whether a character alone may not be in composed form, or may change what stands before it. Errs on the careful
/// side: of the marks many would be harmless.
bool may_need_composing(char32_t code_point) {
  if (code_point < 0x300) return false;
  if (char_class_of(code_point) & char_class::kMark) return true;
  if (code_point >= 0x1161 && code_point <= 0x11FF) return true;  // vowels and final consonants of Hangul
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point));
  const bool decomposes = property->decomp_seqindex != UINT16_MAX && property->decomp_type == 0;
  // Of what decomposes, only pairs that may be composed again are composed already; from the compatibility ideographs
  // on (whose single characters utf8proc may store as pairs) nothing common is.
  const bool is_single = property->decomp_seqindex >> 13 == 0;
  return decomposes && (property->comp_exclusion || is_single || code_point >= 0xF900);
}

bool is_surely_composed(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* position = text.data(); position < end;) {
    const DecodedCharacter character = decode_character(position, end);
    if (may_need_composing(character.code_point)) return false;
    position += character.length;
  }
  return true;
}

utf8proc_option_t options_of(NormalForm form) {
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::kNfc || form == NormalForm::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

/// Sorts long runs of combining marks by their combining class, as normalising does anyway: utf8proc's own sorting
/// takes quadratic time.
std::string sort_long_mark_runs(std::string_view text) {
  struct Mark {
    utf8proc_propval_t combining_class;
    std::string_view bytes;
  };
  constexpr std::size_t kLongRun = 64;
  std::string sorted;
  std::vector<Mark> run;
  const auto flush = [&] {
    if (run.size() >= kLongRun) {
      std::stable_sort(run.begin(), run.end(),
                       [](const Mark& a, const Mark& b) { return a.combining_class < b.combining_class; });
    }
    for (const Mark& mark : run) sorted += mark.bytes;
    run.clear();
  };
  const char* const end = text.data() + text.size();
  for (const char* position = text.data(); position < end;) {
    const DecodedCharacter character = decode_character(position, end);
    const auto combining_class =
        utf8proc_get_property(static_cast<utf8proc_int32_t>(character.code_point))->combining_class;
    if (combining_class == 0) flush();
    run.push_back({combining_class, {position, character.length}});
    if (combining_class == 0) flush();
    position += character.length;
  }
  flush();
  return sorted;
}

void append_normal(std::string_view text, utf8proc_option_t options, std::string& out) {
  if (text.empty()) return;
  std::string sorted;
  if (text.size() > 4096) {
    sorted = sort_long_mark_runs(text);
    text = sorted;
  }
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  DROVER_CHECK(size >= 0, "utf8proc could not normalise valid text: {}", utf8proc_errmsg(size));
  out.append(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
}

}  // namespace
#endif

std::optional<std::string> normalise(std::string_view text, NormalForm form) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
  if (ascii || !is_valid_utf8(text)) return std::nullopt;
#ifdef DROVER_HAS_UTF8PROC
  if (form == NormalForm::kNfc && is_surely_composed(text)) return std::nullopt;
  const utf8proc_option_t options = options_of(form);
  std::string normal;
  const char* segment = text.data();
  const char* const end = text.data() + text.size();
  for (const char* position = segment; position < end;) {
    const DecodedCharacter character = decode_character(position, end);
    if (is_younger(character.code_point)) {
      append_normal({segment, static_cast<std::size_t>(position - segment)}, options, normal);
      segment = position + character.length;
      normal.append(position, character.length);
    }
    position += character.length;
  }
  append_normal({segment, static_cast<std::size_t>(end - segment)}, options, normal);
  if (normal == text) return std::nullopt;
  return normal;
#else
  (void)form;
  throw base::UserError(
      "This tokenizer normalises text, which this build of drover cannot do: it was built without utf8proc. Install "
      "libutf8proc-dev and build again.");
#endif
}

}  // namespace drover::text
