#pragma once

#include <string>
#include <string_view>

#include "text/added_tokens.h"
#include "text/normalization_map.h"

namespace drover::text {

/// How SentencePiece prepares text (its NormalizerSpec): rules of a map, white space, the blank in front.
///
/// Bytes that are no UTF-8 stay as they are, where SentencePiece itself puts U+FFFD: with byte fallback they come back
/// unchanged.
class SentencePieceNormalizer {
 public:
  struct Options {
    bool add_dummy_prefix = true;           ///< a blank goes in front of the text
    bool remove_extra_whitespaces = false;  ///< no blanks at the ends, no two in a row
    bool escape_whitespaces = true;         ///< blanks are written as U+2581
    bool whitespace_as_suffix = false;      ///< the dummy blank goes behind the text
  };

  SentencePieceNormalizer(const Options& options, NormalizationMap rules)
      : options_(options), rules_(std::move(rules)) {}

  /// `keep` holds the user-defined pieces, which the rules leave alone.
  std::string apply(std::string_view text, const AddedTokens& keep) const;

  const Options& options() const { return options_; }

 private:
  Options options_;
  NormalizationMap rules_;
};

}  // namespace drover::text
