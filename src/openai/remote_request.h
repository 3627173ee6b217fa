#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "chat/dialog.h"
#include "generate/generator.h"

namespace drover::openai {

/// What a server was found not to understand.
struct RemoteAbilities {
  bool log_probs = true;
  bool token_ids = true;     ///< "return_token_ids", vLLM's field beyond the protocol
  bool many_choices = true;  ///< n > 1
};

/// The request for samples `first` .. `first + count - 1` of `request`: for /chat/completions when `prompt_ids` is empty, else for
/// /completions. Fields beyond OpenAI's (top_k, min_p, repetition_penalty, min_tokens, stop_token_ids) are vLLM's and appear only when they are on.
chat::Json remote_request(const generate::GenerationRequest& request, std::span<const text::TokenId> prompt_ids, const std::string& model,
                          std::int64_t first, std::int64_t count, const RemoteAbilities& abilities);

/// The seed that a server is given for a sample: different for each number, from 0 to 2^31 - 1.
std::int64_t remote_seed(std::uint64_t seed, std::int64_t sample_number);

}  // namespace drover::openai
