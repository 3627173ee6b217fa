#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "text/tokenizer.h"

namespace drover::text {

/// The ids of each text, as `tokenizer.encode` gives them, computed on all threads of the pool.
std::vector<std::vector<TokenId>> encode_batch(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                                               const EncodeOptions& options, base::ThreadPool& pool);

}  // namespace drover::text
