#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace drover::text {

/// What BERT does to text before it is split into words.
struct BertNormalizerOptions {
  bool clean_text = true;            ///< removes controls, turns white space into blanks
  bool handle_chinese_chars = true;  ///< puts blanks around ideographs
  bool strip_accents = true;         ///< decomposes and removes marks
  bool lowercase = true;
};
std::string bert_normalise(std::string_view text, const BertNormalizerOptions& options);

/// The `normalizer` of a tokenizer.json: steps that rewrite a stretch of text before it is split. Known are Sequence,
/// NFC, NFD, NFKC, NFKD, Prepend, Replace (of a string), Strip, Lowercase and BertNormalizer.
class TextNormalizer {
 public:
  TextNormalizer() = default;
  /// Null means no steps. Throws UserError, with `where` naming the file, for steps that are not known.
  TextNormalizer(const nlohmann::json& normalizer, std::string_view where);

  bool empty() const { return steps_.empty(); }
  void append_step(std::function<void(std::string&)> step) { steps_.push_back(std::move(step)); }

  /// Rewrites valid or invalid UTF-8; an empty text stays empty.
  std::string apply(std::string_view text) const;

 private:
  void add(const nlohmann::json& normalizer, std::string_view where, int depth);

  std::vector<std::function<void(std::string&)>> steps_;
};

}  // namespace drover::text
