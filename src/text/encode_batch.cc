#include "text/encode_batch.h"

namespace drover::text {

std::vector<std::vector<TokenId>> encode_batch(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                                               const EncodeOptions& options, base::ThreadPool& pool) {
  constexpr std::int64_t kTextsAtOnce =
      16;  // few enough to share out the longest texts, many enough to hide the sharing
  std::vector<std::vector<TokenId>> encoded(texts.size());
  pool.parallel_for(static_cast<std::int64_t>(texts.size()), kTextsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    std::vector<TokenId> ids;
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      ids.clear();
      tokenizer.encode_into(texts[i], options, ids);
      encoded[i].assign(ids.begin(), ids.end());
    }
  });
  return encoded;
}

}  // namespace drover::text
