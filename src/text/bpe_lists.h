#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "text/piece_table.h"
#include "text/token_id.h"

namespace drover::text {

/// The two long lists of a tokenizer.json of byte-level BPE. Spellings are as in the file ("Ġthe"); views point into what they were
/// read from.
struct BpeLists {
  PieceTable ids;  ///< by spelling, the empty one left out
  std::vector<std::pair<std::string_view, TokenId>> vocabulary;
  std::vector<std::pair<std::string_view, std::string_view>> merges;
};

/// From `model` of a file. Throws UserError that names the first entry that is none.
BpeLists bpe_lists_of(const nlohmann::json& model, std::string_view where);

/// A tokenizer.json read so that its long lists never become trees of small nodes, which take most of the time of loading.
class SplitTokenizerJson {
 public:
  /// Nothing when the text is not JSON, has no such lists, or was built without the fast parser: the general way then says what is wrong,
  /// or reads it. `text` must be known not to nest deeply.
  static std::optional<SplitTokenizerJson> parse(const std::string& text);
  ~SplitTokenizerJson();
  SplitTokenizerJson(SplitTokenizerJson&&) noexcept;

  /// The whole file, with model.vocab and model.merges empty.
  const nlohmann::json& rest() const { return rest_; }
  /// What rest() lacks; valid while this object is. Nothing when an entry is wrong, or two name one token: as parse().
  std::optional<BpeLists> lists() const;

 private:
  struct Document;
  explicit SplitTokenizerJson(std::unique_ptr<Document> document);

  std::unique_ptr<Document> document_;
  nlohmann::json rest_;
};

}  // namespace drover::text
