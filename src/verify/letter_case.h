#pragma once

namespace drover::verify {

/// The small letter of a capital one, where it is one letter; anything else as it is.
char32_t lower_case_of(char32_t c);

}  // namespace drover::verify
