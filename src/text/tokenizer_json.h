#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "text/added_tokens.h"
#include "text/token_id.h"

namespace drover::text {

// Parts of a Hugging Face tokenizer.json that several kinds of tokenizer share. `where` names the file; each throws
// UserError when the content is not what its kind needs.

/// Refuses ids that are negative or far beyond the number of entries, so that damaged files cannot ask for huge tables.
TokenId checked_token_id(std::int64_t id, std::size_t num_entries, std::string_view where);

/// `model.vocab`: spelling to id.
std::unordered_map<std::string, std::int32_t> read_json_vocabulary(const nlohmann::json& model, std::string_view where);

/// `added_tokens`; empty when there are none.
std::vector<AddedToken> read_json_added_tokens(const nlohmann::json& tokenizer_json, std::size_t vocabulary_size,
                                               std::string_view where);

/// `model.merges`: "left right" or ["left", "right"]. Views point into `model`.
std::vector<std::pair<std::string_view, std::string_view>> read_json_merges(const nlohmann::json& model,
                                                                            std::string_view where);

/// A flag of an object; `otherwise` when it is missing or null.
bool json_flag(const nlohmann::json& object, const char* name, bool otherwise, std::string_view where);
/// A text of an object; nothing when it is missing or null.
std::optional<std::string> json_text(const nlohmann::json& object, const char* name, std::string_view where);
/// The part of that name, null when it is missing.
const nlohmann::json& json_part(const nlohmann::json& object, const char* name);
/// The `type` of a part; empty for null.
std::string json_type(const nlohmann::json& part, std::string_view where);

/// The spellings by id, of the vocabulary and of the added tokens; holes are empty.
std::vector<std::string> spellings_by_id(const std::unordered_map<std::string, std::int32_t>& vocabulary,
                                         const std::vector<AddedToken>& added);

}  // namespace drover::text
