#include "text/gguf_vocabulary.h"

#include "base/error.h"
#include "weights/gguf.h"

namespace drover::text {
namespace {

std::optional<TokenId> find_token(const weights::GgufFile& file, std::string_view key, std::size_t num_tokens,
                                  std::string_view where) {
  const std::optional<std::int64_t> id = file.find_integer(key);
  if (!id || *id == -1 || *id == 0xFFFFFFFF) return std::nullopt;
  if (*id < 0 || *id >= static_cast<std::int64_t>(num_tokens)) {
    throw base::UserError("{}: {} is {}, but the vocabulary has only {} tokens.", where, key, *id, num_tokens);
  }
  return TokenId{static_cast<std::int32_t>(*id)};
}

void check_count(std::string_view where, std::string_view what, std::size_t count, std::size_t num_tokens) {
  if (count != num_tokens) {
    throw base::UserError("{}: tokenizer.ggml.{} has {} entries for {} tokens.", where, what, count, num_tokens);
  }
}

}  // namespace

GgufVocabulary read_gguf_vocabulary(const weights::GgufFile& file, std::string_view where) {
  GgufVocabulary vocabulary;
  vocabulary.where = where;
  const std::optional<std::string_view> model = file.find_string("tokenizer.ggml.model");
  if (!model) throw base::UserError("{} holds no tokenizer (its metadata lacks tokenizer.ggml.model).", where);
  vocabulary.model = *model;
  vocabulary.pre = file.find_string("tokenizer.ggml.pre").value_or("");
  vocabulary.tokens = file.array_of_strings("tokenizer.ggml.tokens");
  const std::size_t num_tokens = vocabulary.tokens.size();
  if (num_tokens == 0) throw base::UserError("{}: tokenizer.ggml.tokens is empty.", where);

  vocabulary.types.assign(num_tokens, GgufTokenType::kNormal);
  if (const auto types = file.find_array_of_integers("tokenizer.ggml.token_type")) {
    check_count(where, "token_type", types->size(), num_tokens);
    for (std::size_t i = 0; i < num_tokens; ++i) {
      const std::int64_t type = (*types)[i];
      if (type < 0 || type > 6)
        throw base::UserError("{}: token {} has the type {}; known are 0 to 6.", where, i, type);
      vocabulary.types[i] = static_cast<GgufTokenType>(type);
    }
  }
  if (auto scores = file.find_array_of_numbers("tokenizer.ggml.scores")) {
    check_count(where, "scores", scores->size(), num_tokens);
    vocabulary.scores = std::move(*scores);
  }
  if (auto merges = file.find_array_of_strings("tokenizer.ggml.merges")) vocabulary.merges = std::move(*merges);

  vocabulary.bos = find_token(file, "tokenizer.ggml.bos_token_id", num_tokens, where);
  vocabulary.eos = find_token(file, "tokenizer.ggml.eos_token_id", num_tokens, where);
  vocabulary.unknown = find_token(file, "tokenizer.ggml.unknown_token_id", num_tokens, where);
  // llama.cpp wrote this key with a spelling error for years.
  vocabulary.separator = find_token(file, "tokenizer.ggml.seperator_token_id", num_tokens, where);
  if (!vocabulary.separator)
    vocabulary.separator = find_token(file, "tokenizer.ggml.separator_token_id", num_tokens, where);
  vocabulary.padding = find_token(file, "tokenizer.ggml.padding_token_id", num_tokens, where);
  vocabulary.mask = find_token(file, "tokenizer.ggml.mask_token_id", num_tokens, where);
  vocabulary.cls = find_token(file, "tokenizer.ggml.cls_token_id", num_tokens, where);
  vocabulary.add_bos = file.find_bool("tokenizer.ggml.add_bos_token");
  vocabulary.add_eos = file.find_bool("tokenizer.ggml.add_eos_token");
  vocabulary.add_sep = file.find_bool("tokenizer.ggml.add_sep_token");
  vocabulary.add_space_prefix = file.find_bool("tokenizer.ggml.add_space_prefix");
  vocabulary.remove_extra_whitespaces = file.find_bool("tokenizer.ggml.remove_extra_whitespaces");
  return vocabulary;
}

}  // namespace drover::text
