#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::text {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// The Unicode normal form of valid UTF-8, as Hugging Face tokenizers makes it: characters that its older tables do not
/// know stay as they are and bound what may be reordered or composed. Empty when `text` has the form already or is not
/// valid UTF-8 (which is left as it is). Throws UserError in a build without utf8proc.
std::optional<std::string> normalise(std::string_view text, NormalForm form);

}  // namespace drover::text
