#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weights/tensor.h"

namespace drover::weights {

/// The element type of a GGUF tensor type number, or nothing when drover cannot decode it.
std::optional<ElementType> element_type_of_gguf(std::uint32_t number);

/// The GGUF number of an element type, or nothing when GGUF has none (BOOL, U8, F8_E4M3, ...).
std::optional<std::uint32_t> gguf_number_of(ElementType type);

/// "F32, F16, Q4_0, ...": what can be read, for messages.
std::string readable_gguf_types();

}  // namespace drover::weights
