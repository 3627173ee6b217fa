#include "text/tokenizer_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace drover::text {

using nlohmann::json;

TokenId checked_token_id(std::int64_t id, std::size_t num_entries, std::string_view where) {
  constexpr std::size_t kHoles = 1'000'000;
  if (id < 0 || static_cast<std::size_t>(id) >= num_entries + kHoles) {
    throw base::UserError("{}: the token id {} does not fit a vocabulary of {} entries.", where, id, num_entries);
  }
  return TokenId{static_cast<std::int32_t>(id)};
}

std::unordered_map<std::string, std::int32_t> read_json_vocabulary(const json& model, std::string_view where) {
  const json& vocab = json_part(model, "vocab");
  if (!vocab.is_object() || vocab.empty()) throw base::UserError("{}: model has no object 'vocab' with tokens.", where);
  std::unordered_map<std::string, std::int32_t> vocabulary;
  vocabulary.reserve(vocab.size());
  for (const auto& [spelling, id] : vocab.items()) {
    if (!id.is_number_integer())
      throw base::UserError("{}: the id of token '{}' is not a whole number.", where, spelling);
    vocabulary.emplace(spelling, to_int(checked_token_id(id.get<std::int64_t>(), vocab.size(), where)));
  }
  return vocabulary;
}

std::vector<AddedToken> read_json_added_tokens(const json& tokenizer_json, std::size_t vocabulary_size,
                                               std::string_view where) {
  const json& list = json_part(tokenizer_json, "added_tokens");
  if (list.is_null()) return {};
  if (!list.is_array()) throw base::UserError("{}: added_tokens is not a list.", where);
  std::vector<AddedToken> tokens;
  tokens.reserve(list.size());
  for (const json& entry : list) {
    if (!entry.is_object() || !json_part(entry, "id").is_number_integer() || !json_part(entry, "content").is_string()) {
      throw base::UserError("{}: entry {} of added_tokens needs 'id' (a whole number) and 'content' (a text).", where,
                            tokens.size());
    }
    AddedToken token;
    token.content = entry["content"].get<std::string>();
    token.id = checked_token_id(entry["id"].get<std::int64_t>(), vocabulary_size + list.size(), where);
    token.special = json_flag(entry, "special", false, where);
    token.lstrip = json_flag(entry, "lstrip", false, where);
    token.rstrip = json_flag(entry, "rstrip", false, where);
    token.single_word = json_flag(entry, "single_word", false, where);
    token.normalized = json_flag(entry, "normalized", !token.special, where);
    if (!token.content.empty()) tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<std::pair<std::string_view, std::string_view>> read_json_merges(const json& model, std::string_view where) {
  const json& list = json_part(model, "merges");
  if (!list.is_array()) throw base::UserError("{}: model has no list 'merges'.", where);
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  merges.reserve(list.size());
  for (const json& merge : list) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>());
      continue;
    }
    const std::string_view text =
        merge.is_string() ? std::string_view(merge.get_ref<const std::string&>()) : std::string_view();
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) {
      throw base::UserError("{}: entry {} of merges is neither \"left right\" nor [\"left\", \"right\"].", where,
                            merges.size());
    }
    merges.emplace_back(text.substr(0, blank), text.substr(blank + 1));
  }
  return merges;
}

bool json_flag(const json& object, const char* name, bool otherwise, std::string_view where) {
  const json& value = json_part(object, name);
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) throw base::UserError("{}: '{}' is neither true nor false.", where, name);
  return value.get<bool>();
}

std::optional<std::string> json_text(const json& object, const char* name, std::string_view where) {
  const json& value = json_part(object, name);
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) throw base::UserError("{}: '{}' is not a text.", where, name);
  return value.get<std::string>();
}

const json& json_part(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string json_type(const json& part, std::string_view where) {
  if (part.is_null()) return {};
  const auto type = json_text(part, "type", where);
  if (!type) throw base::UserError("{}: a part of the tokenizer has no 'type'.", where);
  return *type;
}

std::vector<std::string> spellings_by_id(const std::unordered_map<std::string, std::int32_t>& vocabulary,
                                         const std::vector<AddedToken>& added) {
  std::int32_t largest = -1;
  for (const auto& [spelling, id] : vocabulary) largest = std::max(largest, id);
  for (const AddedToken& token : added) largest = std::max(largest, to_int(token.id));
  std::vector<std::string> spellings(static_cast<std::size_t>(largest) + 1);
  for (const auto& [spelling, id] : vocabulary) spellings[static_cast<std::size_t>(id)] = spelling;
  for (const AddedToken& token : added) spellings[static_cast<std::size_t>(to_int(token.id))] = token.content;
  return spellings;
}

}  // namespace drover::text
