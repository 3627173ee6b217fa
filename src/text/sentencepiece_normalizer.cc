#include "text/sentencepiece_normalizer.h"

#include <vector>

#include "text/piece_bpe.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

/// Writes normalised text and keeps the rules about blanks.
class BlankWriter {
 public:
  BlankWriter(const SentencePieceNormalizer::Options& options, std::size_t expected)
      : options_(options), blank_(options.escape_whitespaces ? kMetaspace : std::string_view(" ")) {
    out_.reserve(expected + expected / 2 + 8);
  }

  void write(std::string_view text) {
    if (!started_) {
      if (options_.remove_extra_whitespaces && text == " ") return;
      started_ = true;
      if (options_.add_dummy_prefix && !options_.whitespace_as_suffix) out_.append(blank_);
      after_blank_ = options_.remove_extra_whitespaces;
    }
    while (after_blank_ && text.starts_with(' ')) text.remove_prefix(1);
    for (const char c : text) {
      if (c == ' ') {
        out_.append(blank_);
      } else {
        out_.push_back(c);
      }
    }
    if (options_.remove_extra_whitespaces && !text.empty()) after_blank_ = text.ends_with(' ');
  }

  std::string finish() {
    if (!started_) return {};
    if (options_.remove_extra_whitespaces) {
      while (out_.ends_with(blank_)) out_.resize(out_.size() - blank_.size());
    }
    if (options_.add_dummy_prefix && options_.whitespace_as_suffix) out_.append(blank_);
    return std::move(out_);
  }

 private:
  const SentencePieceNormalizer::Options& options_;
  std::string_view blank_;
  std::string out_;
  bool started_ = false;
  bool after_blank_ = false;
};

}  // namespace

std::string SentencePieceNormalizer::apply(std::string_view text, const AddedTokens& keep) const {
  BlankWriter writer(options_, text.size());
  const auto write_plain = [&](std::string_view plain) {
    while (!plain.empty()) {
      const NormalizationMap::Rule rule = rules_.longest(plain);
      if (rule.length > 0) {
        writer.write(rule.replacement);
        plain.remove_prefix(rule.length);
        continue;
      }
      const std::size_t length = decode_character(plain.data(), plain.data() + plain.size()).length;
      writer.write(plain.substr(0, length));
      plain.remove_prefix(length);
    }
  };
  if (!keep.may_split(AddedTokens::Group::kRaw, false)) {
    write_plain(text);
    return writer.finish();
  }
  std::vector<TextPart> parts;
  keep.split(text, AddedTokens::Group::kRaw, false, parts);
  for (const TextPart& part : parts) {
    if (part.id == kNoToken) {
      write_plain(part.text);
    } else {
      writer.write(part.text);
    }
  }
  return writer.finish();
}

}  // namespace drover::text
