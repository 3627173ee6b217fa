#include "text/tokenizer.h"

#include "text/unicode.h"

namespace drover::text {

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  encode_into(text, options, ids);
  return ids;
}

StreamingDecoder::StreamingDecoder(const Tokenizer& tokenizer, DecodeOptions options)
    : tokenizer_(tokenizer), options_(options) {}

std::string StreamingDecoder::push(TokenId id) {
  window_.push_back(id);
  const std::string all = tokenizer_.decode(window_, options_);
  const std::size_t certain = all.size() - unfinished_tail(all);
  std::string text;
  if (certain > handed_out_) {
    text = replace_invalid_utf8(std::string_view(all).substr(handed_out_, certain - handed_out_));
    handed_out_ = certain;
  }
  // One id stays as context: the first id of a text may decode differently (SentencePiece drops its blank).
  if (certain == all.size() && handed_out_ == certain && window_.size() > 1) {
    const std::size_t context = tokenizer_.decode({&id, 1}, options_).size();
    if (context > 0) {
      window_.assign(1, id);
      handed_out_ = context;
    }
  }
  return text;
}

std::string StreamingDecoder::finish() {
  const std::string all = tokenizer_.decode(window_, options_);
  const bool unfinished = all.size() > handed_out_;
  window_.clear();
  handed_out_ = 0;
  return unfinished ? "\xEF\xBF\xBD" : "";
}

}  // namespace drover::text
