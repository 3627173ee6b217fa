#pragma once

#include <string>

#include "model/encoder.h"
#include "openai/completion_request.h"
#include "openai/turns.h"

namespace drover::openai {

/// Computes the vectors, a turn for some of them at a time, and writes the answer. Throws ApiError for a text that is longer than the encoder takes, or an unknown token.
std::string embedding_answer(const EmbeddingRequest& request, const model::Encoder& encoder, const std::string& name, Turns& turns);

/// Standard base64 (RFC 4648) of the numbers as little-endian float32.
std::string base64_of(const std::vector<float>& numbers);

}  // namespace drover::openai
