#include "text/bpe_lists.h"

#include <cstdint>

#ifdef DROVER_HAS_SIMDJSON
#include <simdjson.h>
#endif

#include "base/error.h"
#include "text/token_spellings.h"

namespace drover::text {
namespace {

using nlohmann::json;
using Merge = std::pair<std::string_view, std::string_view>;

bool is_token_id(std::int64_t id) { return id >= 0 && id <= TokenSpellings::kLargestId; }

/// The older spelling of a merge: "a b".
std::optional<Merge> split_merge(std::string_view both) {
  const std::size_t blank = both.find(' ');
  if (blank == std::string_view::npos || blank == 0 || blank + 1 == both.size()) return std::nullopt;
  if (both.find(' ', blank + 1) != std::string_view::npos) return std::nullopt;
  return Merge{both.substr(0, blank), both.substr(blank + 1)};
}

/// Both spellings: since tokenizers 0.20 it is ["a", "b"].
std::optional<Merge> merge_of(const json& merge) {
  if (merge.is_string()) return split_merge(merge.get_ref<const std::string&>());
  if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) return std::nullopt;
  return Merge{merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
}

}  // namespace

BpeLists bpe_lists_of(const json& model, std::string_view where) {
  const auto vocabulary = model.find("vocab");
  if (vocabulary == model.end() || !vocabulary->is_object())
    throw base::UserError("{}: model.vocab is missing or no object.", where);
  BpeLists lists{.ids = PieceTable(vocabulary->size()), .vocabulary = {}, .merges = {}};
  lists.vocabulary.reserve(vocabulary->size());
  for (const auto& [spelling, value] : vocabulary->get_ref<const json::object_t&>()) {
    if (!value.is_number_integer() || !is_token_id(value.get<std::int64_t>())) {
      throw base::UserError("{}: the id of token '{}' is not a whole number from 0 to {}.", where, spelling,
                            TokenSpellings::kLargestId);
    }
    const TokenId id{value.get<std::int32_t>()};
    if (!spelling.empty()) lists.ids.add(spelling, id);
    lists.vocabulary.emplace_back(spelling, id);
  }
  const auto merges = model.find("merges");
  if (merges == model.end() || !merges->is_array())
    throw base::UserError("{}: model.merges is missing or no list.", where);
  lists.merges.reserve(merges->size());
  for (const json& entry : *merges) {
    const auto merge = merge_of(entry);
    if (!merge) throw base::UserError("{}: merge {} is not a pair of two tokens.", where, lists.merges.size());
    lists.merges.push_back(*merge);
  }
  return lists;
}

#ifdef DROVER_HAS_SIMDJSON

namespace dom = simdjson::dom;

struct SplitTokenizerJson::Document {
  dom::parser parser;  // holds all texts
  dom::object vocabulary;
  dom::array merges;
};

namespace {

json json_of(dom::element element);

json json_of(dom::object object) {
  json out = json::object();
  for (const auto& [key, value] : object) out[std::string(key)] = json_of(value);
  return out;
}

json json_of(dom::array array) {
  json out = json::array();
  for (const dom::element value : array) out.push_back(json_of(value));
  return out;
}

json json_of(dom::element element) {
  switch (element.type()) {
    case dom::element_type::OBJECT: return json_of(element.get_object().value_unsafe());
    case dom::element_type::ARRAY: return json_of(element.get_array().value_unsafe());
    case dom::element_type::STRING: return std::string(element.get_string().value_unsafe());
    case dom::element_type::INT64: return element.get_int64().value_unsafe();
    case dom::element_type::UINT64: return element.get_uint64().value_unsafe();
    case dom::element_type::DOUBLE: return element.get_double().value_unsafe();
    case dom::element_type::BOOL: return element.get_bool().value_unsafe();
    case dom::element_type::NULL_VALUE: break;
  }
  return nullptr;
}

std::optional<Merge> merge_of(dom::element merge) {
  std::string_view left;
  std::string_view right;
  if (merge.get(left) == simdjson::SUCCESS) return split_merge(left);
  dom::array pair;
  if (merge.get(pair) != simdjson::SUCCESS || pair.size() != 2) return std::nullopt;
  if (pair.at(0).get(left) != simdjson::SUCCESS || pair.at(1).get(right) != simdjson::SUCCESS) return std::nullopt;
  return Merge{left, right};
}

}  // namespace

std::optional<SplitTokenizerJson> SplitTokenizerJson::parse(const std::string& text) {
  auto document = std::make_unique<Document>();
  dom::object file;
  dom::object model;
  if (document->parser.parse(text).get(file) != simdjson::SUCCESS) return std::nullopt;
  if (file["model"].get(model) != simdjson::SUCCESS) return std::nullopt;
  if (model["vocab"].get(document->vocabulary) != simdjson::SUCCESS) return std::nullopt;
  if (model["merges"].get(document->merges) != simdjson::SUCCESS) return std::nullopt;
  SplitTokenizerJson split(std::move(document));
  split.rest_ = json::object();
  // Of several entries of one name the last counts, as in the general way; the long lists must be the only ones of theirs.
  int num_lists = 0;
  for (const auto& [key, value] : file) {
    if (key != "model") {
      split.rest_[std::string(key)] = json_of(value);
      continue;
    }
    json rest_of_model = json::object();
    for (const auto& [name, part] : model) {
      const bool is_list = name == "vocab" || name == "merges";
      num_lists += is_list ? 1 : 0;
      rest_of_model[std::string(name)] = is_list ? (name == "vocab" ? json::object() : json::array()) : json_of(part);
    }
    split.rest_["model"] = std::move(rest_of_model);
  }
  if (num_lists != 2) return std::nullopt;
  return split;
}

std::optional<BpeLists> SplitTokenizerJson::lists() const {
  BpeLists lists{.ids = PieceTable(document_->vocabulary.size()), .vocabulary = {}, .merges = {}};
  std::vector<bool> is_taken;
  for (const auto& [spelling, value] : document_->vocabulary) {
    std::int64_t id = -1;
    if (value.get(id) != simdjson::SUCCESS || !is_token_id(id)) return std::nullopt;
    const auto index = static_cast<std::size_t>(id);
    if (index >= is_taken.size()) is_taken.resize(index + index / 2 + 1, false);
    if (is_taken[index] || spelling.empty() || lists.ids.find(spelling) != kNoToken) return std::nullopt;
    is_taken[index] = true;
    lists.ids.add(spelling, TokenId{static_cast<std::int32_t>(id)});
    lists.vocabulary.emplace_back(spelling, TokenId{static_cast<std::int32_t>(id)});
  }
  for (const dom::element entry : document_->merges) {
    const auto merge = merge_of(entry);
    if (!merge) return std::nullopt;
    lists.merges.push_back(*merge);
  }
  return lists;
}

#else

struct SplitTokenizerJson::Document {};
std::optional<SplitTokenizerJson> SplitTokenizerJson::parse(const std::string&) { return std::nullopt; }
std::optional<BpeLists> SplitTokenizerJson::lists() const { return std::nullopt; }

#endif

SplitTokenizerJson::SplitTokenizerJson(std::unique_ptr<Document> document) : document_(std::move(document)) {}
SplitTokenizerJson::~SplitTokenizerJson() = default;
SplitTokenizerJson::SplitTokenizerJson(SplitTokenizerJson&&) noexcept = default;

}  // namespace drover::text
