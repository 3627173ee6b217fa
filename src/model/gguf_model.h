#pragma once

#include <filesystem>

#include "model/model.h"
#include "weights/tensor.h"

namespace drover::model {

/// Writes one GGUF file that loads here and in llama.cpp: weights of this type (F32, BF16 or Q8_0; norms and biases stay F32, and so
/// do, under Q8_0, matrices whose rows are not whole blocks of 32), metadata, tokenizer and chat template. The file appears whole or
/// not at all. Throws UserError when the model has no language head, or its tokenizer has no form in GGUF.
void write_gguf_model(const Model& model, const std::filesystem::path& path, weights::ElementType type);

}  // namespace drover::model
