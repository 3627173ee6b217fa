#include "verify/letter_case.h"

#include <utf8proc.h>

namespace drover::verify {

char32_t lower_case_of(char32_t c) {
  return c > 0x10FFFF ? c : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

}  // namespace drover::verify
