#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_id.h"

namespace drover::ledger {

/// Token ids and log-probabilities as short plain text for a database column: base64 over variable-length numbers and
/// over float32 in little-endian order. Nothing is rounded. Plain text, because databases disagree about binary
/// columns.
std::string pack_ids(std::span<const text::TokenId> ids);
std::string pack_floats(std::span<const float> values);

/// The reverse; throw UserError when the text was not made by the functions above.
std::vector<text::TokenId> unpack_ids(std::string_view packed);
std::vector<float> unpack_floats(std::string_view packed);

}  // namespace drover::ledger
