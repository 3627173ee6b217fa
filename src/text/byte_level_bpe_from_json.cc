#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/bpe_lists.h"
#include "text/byte_level_bpe.h"
#include "text/byte_spelling.h"
#include "text/make_pre_tokenizer.h"
#include "text/tokenizer_factories.h"
#include "text/unicode.h"

namespace drover::text {
namespace {

using nlohmann::json;

TokenId read_id(const json& value, std::string_view spelling, std::string_view where) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 ||
      value.get<std::int64_t>() > TokenSpellings::kLargestId) {
    throw base::UserError("{}: the id of token '{}' is not a whole number from 0 to {}.", where, spelling,
                          TokenSpellings::kLargestId);
  }
  return TokenId{value.get<std::int32_t>()};
}

bool flag_in(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

void refuse_affix(const json& model, const char* key, std::string_view where) {
  const auto found = model.find(key);
  if (found != model.end() && found->is_string() && !found->get_ref<const std::string&>().empty()) {
    throw base::UserError("{}: {} '{}' is not supported for byte-level BPE.", where, key,
                          found->get_ref<const std::string&>());
  }
}

void read_vocabulary(const BpeLists& lists, ByteLevelBpeParts& parts) {
  parts.vocabulary.reserve(lists.vocabulary.size());
  for (const auto& [spelling, id] : lists.vocabulary) {
    auto bytes = unspell_bytes(spelling);
    const bool decode_only = !bytes.has_value();
    parts.vocabulary.push_back({decode_only ? std::string(spelling) : std::move(*bytes), id, decode_only});
  }
}

void read_merges(const BpeLists& lists, ByteLevelBpeParts& parts, std::string_view where) {
  parts.merges.reserve(lists.merges.size());
  std::string joined;
  for (std::size_t i = 0; i < lists.merges.size(); ++i) {
    const auto& [left, right] = lists.merges[i];
    joined.assign(left).append(right);
    const auto find = [&, number = i](std::string_view spelling) {
      const TokenId found = lists.ids.find(spelling);
      if (found == kNoToken)
        throw base::UserError("{}: merge {} needs the token '{}', which model.vocab lacks.", where, number, spelling);
      return found;
    };
    parts.merges.push_back({find(left), find(right), find(joined), static_cast<std::int32_t>(i)});
  }
}

void read_byte_tokens(const PieceTable& ids, bool byte_fallback, ByteLevelBpeParts& parts) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string spelling;
    append_utf8(spelling_of_byte(static_cast<std::uint8_t>(byte)), spelling);
    if (const TokenId found = ids.find(spelling); found != kNoToken) {
      parts.byte_tokens[byte] = {found};
    } else if (byte_fallback) {
      // As in Hugging Face tokenizers the fallback spells the bytes of the character that stands for the byte.
      std::vector<TokenId> tokens;
      for (const char part : spelling) {
        const TokenId token = ids.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(part)));
        if (token != kNoToken) tokens.push_back(token);
      }
      if (tokens.size() == spelling.size()) parts.byte_tokens[byte] = std::move(tokens);
    }
  }
}

AddedTokens read_added_tokens(const json& file, std::string_view where) {
  std::vector<AddedToken> tokens;
  const auto listed = file.find("added_tokens");
  if (listed == file.end() || listed->is_null()) return AddedTokens{};
  if (!listed->is_array()) throw base::UserError("{}: added_tokens is no list.", where);
  for (const json& entry : *listed) {
    if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string() || !entry.contains("id")) {
      throw base::UserError("{}: an entry of added_tokens lacks its content or id.", where);
    }
    AddedToken token{.content = entry["content"].get<std::string>()};
    token.id = read_id(entry["id"], token.content, where);
    token.special = flag_in(entry, "special");
    token.lstrip = flag_in(entry, "lstrip");
    token.rstrip = flag_in(entry, "rstrip");
    token.normalized = flag_in(entry, "normalized");
    token.single_word = flag_in(entry, "single_word");
    tokens.push_back(std::move(token));
  }
  return AddedTokens(std::move(tokens));
}

void read_normal_forms(const json& normalizer, std::vector<NormalForm>& forms, std::string_view where) {
  if (normalizer.is_null()) return;
  const std::string type = normalizer.is_object() && normalizer.contains("type") && normalizer["type"].is_string()
                               ? normalizer["type"].get<std::string>()
                               : "";
  if (type == "Sequence" && normalizer.contains("normalizers") && normalizer["normalizers"].is_array()) {
    for (const json& inner : normalizer["normalizers"]) {
      if (inner.is_object() && inner.contains("normalizers"))
        throw base::UserError("{}: the normalizer nests one Sequence in another.", where);
      read_normal_forms(inner, forms, where);
    }
    return;
  }
  const std::pair<const char*, NormalForm> known[] = {
      {"NFC", NormalForm::kNfc}, {"NFD", NormalForm::kNfd}, {"NFKC", NormalForm::kNfkc}, {"NFKD", NormalForm::kNfkd}};
  for (const auto& [name, form] : known) {
    if (type == name) {
      forms.push_back(form);
      return;
    }
  }
  throw base::UserError(
      "{}: the normalizer '{}' is not supported for byte-level BPE; NFC, NFD, NFKC, NFKD and sequences of them are.",
      where, type);
}

}  // namespace

std::shared_ptr<const Tokenizer> make_byte_level_bpe(const json& file, const DeclaredTokens& declared,
                                                     std::string_view where) {
  const auto model = file.find("model");
  if (model == file.end() || !model->is_object()) throw base::UserError("{} has no object 'model'.", where);
  return make_byte_level_bpe(file, bpe_lists_of(*model, where), declared, where);
}

std::shared_ptr<const Tokenizer> make_byte_level_bpe(const json& file, const BpeLists& lists,
                                                     const DeclaredTokens& declared, std::string_view where) {
  const auto model = file.find("model");
  if (model == file.end() || !model->is_object()) throw base::UserError("{} has no object 'model'.", where);
  refuse_affix(*model, "continuing_subword_prefix", where);
  refuse_affix(*model, "end_of_word_suffix", where);

  ByteLevelBpeParts parts;
  parts.added = read_added_tokens(file, where);
  read_vocabulary(lists, parts);
  read_merges(lists, parts, where);
  read_byte_tokens(lists.ids, flag_in(*model, "byte_fallback"), parts);
  parts.ignore_merges = flag_in(*model, "ignore_merges");
  parts.fuse_unknown = flag_in(*model, "fuse_unk");
  const auto find = [&](const std::string& spelling) -> std::optional<TokenId> {
    if (auto added = parts.added.find(spelling)) return added;
    const TokenId found = lists.ids.find(spelling);
    return found == kNoToken ? std::nullopt : std::optional(found);
  };
  if (const auto unknown = model->find("unk_token"); unknown != model->end() && unknown->is_string()) {
    parts.unknown = find(unknown->get<std::string>());
    if (!parts.unknown)
      throw base::UserError("{}: the unk_token '{}' is not in the vocabulary.", where, unknown->get<std::string>());
  }
  if (declared.bos) parts.bos = find(*declared.bos);
  if (declared.eos) parts.eos = find(*declared.eos);
  read_normal_forms(file.value("normalizer", json()), parts.normal_forms, where);
  parts.pre_tokenizer = make_pre_tokenizer(read_split_steps(file.value("pre_tokenizer", json()), where));
  parts.frame = read_special_frame(file.value("post_processor", json()), where);
  return std::make_shared<ByteLevelBpe>(std::move(parts));
}

}  // namespace drover::text
