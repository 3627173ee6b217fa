#include "text/bert_characters.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "text/unicode.h"

namespace drover::text {
namespace {

struct Run {
  char32_t first, last;
};

/// Every `step`th code point of the run has its lower case at this distance.
struct LowerRun {
  char32_t first, last;
  std::uint32_t step;
  std::int32_t distance;
};

#include "text/bert_characters.inc"

template <typename AnyRun, std::size_t kCount>
const AnyRun* find_run(const AnyRun (&runs)[kCount], char32_t code_point) {
  const auto after = std::upper_bound(std::begin(runs), std::end(runs), code_point,
                                      [](char32_t c, const AnyRun& run) { return c < run.first; });
  if (after == std::begin(runs) || std::prev(after)->last < code_point) return nullptr;
  return std::prev(after);
}

}  // namespace

bool is_bert_punctuation(char32_t code_point) { return find_run(kPunctuation, code_point) != nullptr; }
bool is_bert_control(char32_t code_point) { return find_run(kRemoved, code_point) != nullptr; }
bool is_bert_mark(char32_t code_point) { return find_run(kMarks, code_point) != nullptr; }

bool is_bert_ideograph(char32_t code_point) {
  constexpr Run kIdeographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                 {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return code_point >= 0x3400 && find_run(kIdeographs, code_point) != nullptr;
}

void append_bert_lower_case(char32_t code_point, std::string& out) {
  if (code_point == 0x130) {
    append_utf8('i', out);
    append_utf8(0x307, out);
    return;
  }
  const LowerRun* run = find_run(kLower, code_point);
  const bool has_lower = run != nullptr && (code_point - run->first) % run->step == 0;
  append_utf8(has_lower ? static_cast<char32_t>(static_cast<std::int32_t>(code_point) + run->distance) : code_point,
              out);
}

}  // namespace drover::text
