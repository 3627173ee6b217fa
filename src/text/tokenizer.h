#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_id.h"

namespace drover::text {

/// How text becomes ids.
struct EncodeOptions {
  /// Strings that spell a special token ("<|eot_id|>") become that token. Off, they encode as the plain text they are,
  /// so that text from users cannot forge a control token.
  bool parse_special = false;
  /// Adds what the model's own post-processor adds around a sequence (BOS for Llama, [CLS] and [SEP] for BERT).
  bool add_special = false;
};

/// How ids become text.
struct DecodeOptions {
  bool skip_special = false;  ///< leaves special tokens out
};

/// Turns text into a model's token ids and back. Immutable after loading and safe to use from many threads at once.
///
/// Text is bytes, normally UTF-8. Bytes that are not valid UTF-8 are handled as the class says that does the work
/// (byte-level BPE keeps them as bytes); nothing crashes on them.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Appends the ids of `text` to `out`.
  virtual void encode_into(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const = 0;
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text of the ids. Bytes that form no valid UTF-8 stay as they are: `StreamingDecoder` waits for whole
  /// characters.
  virtual std::string decode(std::span<const TokenId> ids, const DecodeOptions& options = {}) const = 0;

  /// The bytes that the token stands for in the middle of a text; a special token's are its spelling. Empty for ids
  /// without a spelling (holes in the vocabulary).
  virtual std::string_view bytes_of(TokenId id) const = 0;

  /// The number of rows that ids may index: one more than the largest id.
  virtual std::int32_t vocab_size() const = 0;

  /// Whether the id is a control token that user text must not produce.
  virtual bool is_special(TokenId id) const = 0;
  /// The id of an added or special token by its exact spelling.
  virtual std::optional<TokenId> special(std::string_view spelling) const = 0;

  /// What the tokenizer's own files declare.
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;

  /// A hash of everything that decides ids: equal hashes encode every text equally. 32 hexadecimal digits.
  virtual std::string hash() const = 0;
};

/// Decodes a growing reply and hands out only whole characters: bytes of an unfinished UTF-8 character wait for the
/// next token. What it hands out is always valid UTF-8: a byte that can belong to no character becomes U+FFFD.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(const Tokenizer& tokenizer, DecodeOptions options = {});

  /// The text that became certain with this token; may be empty.
  std::string push(TokenId id);
  /// What is left at the end; an unfinished character becomes U+FFFD.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  DecodeOptions options_;
  std::vector<TokenId> window_;  // the newest ids, with one handed-out id before them as context
  std::size_t handed_out_ = 0;   // bytes of the window's text that were returned already
};

}  // namespace drover::text
