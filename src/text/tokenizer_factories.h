#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "text/gguf_vocabulary.h"
#include "text/tokenizer.h"

namespace drover::text {

struct BpeLists;

/// What `tokenizer_config.json` (or `special_tokens_map.json`) beside a tokenizer declares, by spelling.
struct DeclaredTokens {
  std::optional<std::string> bos, eos, unknown, padding;
};

// The makers that load_tokenizer() chooses from. `where` names the file in messages; each throws UserError when the
// content is not what its kind needs.

/// Byte-level BPE: `model.type` BPE with a ByteLevel pre-tokenizer or decoder.
std::shared_ptr<const Tokenizer> make_byte_level_bpe(const nlohmann::json& tokenizer_json,
                                                     const DeclaredTokens& declared, std::string_view where);
/// The same with its long lists apart: those of `tokenizer_json` are not looked at.
std::shared_ptr<const Tokenizer> make_byte_level_bpe(const nlohmann::json& tokenizer_json, const BpeLists& lists,
                                                     const DeclaredTokens& declared, std::string_view where);
std::shared_ptr<const Tokenizer> make_byte_level_bpe(const GgufVocabulary& vocabulary);
/// Meta's tokenizer.model of Llama 3: lines "base64(bytes) rank".
std::shared_ptr<const Tokenizer> make_llama3_bpe(std::string_view tiktoken_ranks, std::string_view where);

/// SentencePiece-style BPE: `model.type` BPE over characters with byte fallback (Llama 2, Mistral).
std::shared_ptr<const Tokenizer> make_sentencepiece_bpe(const nlohmann::json& tokenizer_json,
                                                        const DeclaredTokens& declared, std::string_view where);
std::shared_ptr<const Tokenizer> make_sentencepiece_bpe(const GgufVocabulary& vocabulary);
/// A SentencePiece tokenizer.model (protobuf).
std::shared_ptr<const Tokenizer> make_sentencepiece_bpe_from_model(std::string_view model_bytes,
                                                                   const DeclaredTokens& declared,
                                                                   std::string_view where);

/// WordPiece (BERT).
std::shared_ptr<const Tokenizer> make_wordpiece(const nlohmann::json& tokenizer_json, const DeclaredTokens& declared,
                                                std::string_view where);
std::shared_ptr<const Tokenizer> make_wordpiece(const GgufVocabulary& vocabulary);
/// BERT's vocab.txt, one token a line; `tokenizer_config` holds do_lower_case, strip_accents, tokenize_chinese_chars
/// (null: BERT's own defaults).
std::shared_ptr<const Tokenizer> make_wordpiece_from_vocab_file(std::string_view lines,
                                                                const nlohmann::json& tokenizer_config,
                                                                std::string_view where);

}  // namespace drover::text
