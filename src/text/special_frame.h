#pragma once

#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "text/token_id.h"

namespace drover::base {
class FieldHasher;
}

namespace drover::text {

/// What a tokenizer adds around one sequence when EncodeOptions.add_special is set: [CLS] and [SEP] for BERT, BOS for
/// Llama.
struct SpecialFrame {
  std::vector<TokenId> before;
  std::vector<TokenId> after;

  /// Adds everything that decides ids to a hash.
  void hash_into(base::FieldHasher& hasher) const;
};

/// Reads `post_processor` of a tokenizer.json: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (adds
/// nothing), a Sequence of these, or null. `where` names the file. Throws UserError for anything else.
SpecialFrame read_special_frame(const nlohmann::json& post_processor, std::string_view where);

}  // namespace drover::text
