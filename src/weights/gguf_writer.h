#pragma once

#include <filesystem>
#include <span>

#include "weights/gguf_value.h"
#include "weights/tensor.h"

namespace drover::weights {

/// Writes one GGUF file of version 3, whole or not at all: metadata and tensors in the order given, shapes reversed to GGUF's order,
/// data aligned to `general.alignment` of the metadata, else to 32. Names must be unique, shorter than 64 bytes and have 1 to 4
/// dimensions; rows must be whole blocks; types must exist in GGUF (F32, F16, BF16, F64, I8 to I64 and the Q formats); all checked.
/// When `bytes` is set it provides each tensor's bytes and the views' own bytes are not looked at. Throws SurroundingsError when the
/// disk refuses.
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata, std::span<const TensorView> tensors,
                const TensorBytes& bytes = {});

}  // namespace drover::weights
