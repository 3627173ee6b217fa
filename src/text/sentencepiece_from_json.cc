#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/content_hash.h"
#include "base/error.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_factories.h"
#include "text/tokenizer_json.h"

namespace drover::text {
namespace {

using nlohmann::json;
using Metaspace = MetaspacePreparation::Metaspace;

Metaspace::Prepend read_prepend(const json& part, std::string_view where) {
  const auto scheme = json_text(part, "prepend_scheme", where);
  if (!scheme)
    return json_flag(part, "add_prefix_space", true, where) ? Metaspace::Prepend::kAlways : Metaspace::Prepend::kNever;
  if (*scheme == "always") return Metaspace::Prepend::kAlways;
  if (*scheme == "first") return Metaspace::Prepend::kFirst;
  if (*scheme == "never") return Metaspace::Prepend::kNever;
  throw base::UserError("{}: the prepend_scheme '{}' is none of always, first, never.", where, *scheme);
}

std::string read_blank(const json& part, std::string_view where) {
  const std::string blank = json_text(part, "replacement", where).value_or(std::string(kMetaspace));
  if (blank.empty() || blank.size() > 4)
    throw base::UserError("{}: the replacement '{}' of Metaspace is not one character.", where, blank);
  return blank;
}

std::optional<Metaspace> read_metaspace(const json& part, std::string_view where) {
  const std::string type = json_type(part, where);
  if (type.empty()) return std::nullopt;
  if (type == "Sequence") {
    const json& inner = json_part(part, "pretokenizers");
    if (inner.is_array() && inner.size() == 1) return read_metaspace(inner[0], where);
  }
  if (type != "Metaspace") {
    throw base::UserError("{}: the pre-tokenizer '{}' is not supported for BPE over characters; Metaspace is.", where,
                          type);
  }
  Metaspace metaspace;
  metaspace.blank = read_blank(part, where);
  metaspace.prepend = read_prepend(part, where);
  metaspace.split = json_flag(part, "split", true, where);
  return metaspace;
}

/// What the steps of `decoder` amount to.
struct Decoder {
  std::string blank;           ///< written as a blank; empty for none
  std::string blank_of_first;  ///< removed from the first token
  bool bytes = false;          ///< byte pieces become bytes
  bool fused = false;
  int strip_blanks = 0;
};

void read_decoder(const json& part, Decoder& decoder, std::string_view where) {
  const std::string type = json_type(part, where);
  if (type == "Sequence") {
    const json& inner = json_part(part, "decoders");
    if (!inner.is_array()) throw base::UserError("{}: decoder of type Sequence has no list 'decoders'.", where);
    for (const json& next : inner) {
      if (json_type(next, where) == "Sequence")
        throw base::UserError("{}: decoder nests one Sequence in another.", where);
      read_decoder(next, decoder, where);
    }
  } else if (type == "Replace") {
    decoder.blank = json_text(json_part(part, "pattern"), "String", where).value_or("");
    if (decoder.blank.empty() || json_text(part, "content", where) != " ") {
      throw base::UserError("{}: the decoder step Replace does anything but write blanks, which is not supported.",
                            where);
    }
  } else if (type == "ByteFallback") {
    decoder.bytes = true;
  } else if (type == "Fuse") {
    decoder.fused = true;
  } else if (type == "Strip") {
    const json& start = json_part(part, "start");
    if (!decoder.fused || json_text(part, "content", where) != " " || !start.is_number_unsigned() || start > 16 ||
        json_part(part, "stop") != 0) {
      throw base::UserError("{}: the decoder step Strip is supported after Fuse, for blanks at the front only.", where);
    }
    decoder.strip_blanks = start.get<int>();
  } else if (type == "Metaspace") {
    decoder.blank = read_blank(part, where);
    if (read_prepend(part, where) != Metaspace::Prepend::kNever) decoder.blank_of_first = decoder.blank;
  } else {
    throw base::UserError("{}: the decoder '{}' is not supported for BPE over characters.", where,
                          type.empty() ? "null" : type);
  }
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (!from.empty() && text.substr(at).starts_with(from)) {
      result += to;
      at += from.size();
    } else {
      result += text[at++];
    }
  }
  return result;
}

PieceBpe::Options read_options(const json& model, const PieceBpe::Vocabulary& vocabulary, std::string_view where) {
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!json_text(model, affix, where).value_or("").empty()) {
      throw base::UserError("{}: '{}' is not supported for BPE over characters.", where, affix);
    }
  }
  if (const json& dropout = json_part(model, "dropout"); !dropout.is_null() && dropout != 0) {
    throw base::UserError("{}: dropout makes ids random; set it to null.", where);
  }
  PieceBpe::Options options;
  options.byte_fallback = json_flag(model, "byte_fallback", false, where);
  options.fuse_unk = json_flag(model, "fuse_unk", false, where);
  options.ignore_merges = json_flag(model, "ignore_merges", false, where);
  if (const auto unk = json_text(model, "unk_token", where)) {
    const auto found = vocabulary.find(*unk);
    if (found == vocabulary.end())
      throw base::UserError("{}: the unk_token '{}' is not in the vocabulary.", where, *unk);
    options.unk_id = found->second;
  }
  for (const auto& [spelling, id] : vocabulary) {
    if (const int byte = byte_of_piece(spelling); byte >= 0) options.byte_pieces[static_cast<std::size_t>(byte)] = id;
  }
  return options;
}

std::string hash_of(const json& file, const std::vector<std::string>& spellings,
                    const std::vector<PieceBpe::MergeRule>& merges, const AddedTokens& added,
                    const SpecialFrame& frame) {
  base::FieldHasher hasher;
  hasher.add("sentencepiece tokenizer.json").add(static_cast<std::int64_t>(spellings.size()));
  for (const std::string& spelling : spellings) hasher.add(spelling);
  for (const auto& [left, right] : merges) hasher.add(left).add(right);
  for (const char* part : {"normalizer", "pre_tokenizer"})
    hasher.add(json_part(file, part).dump(-1, ' ', false, json::error_handler_t::replace));
  for (const char* option : {"byte_fallback", "fuse_unk", "ignore_merges", "unk_token"}) {
    hasher.add(json_part(file["model"], option).dump(-1, ' ', false, json::error_handler_t::replace));
  }
  added.hash_into(hasher);
  frame.hash_into(hasher);
  return hasher.finish().hex();
}

/// The added tokens that are looked for after normalization, by what normalization makes of their spelling.
AddedTokens normalized_tokens(const std::vector<AddedToken>& added, const TextNormalizer& normalizer) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : added) {
    if (!token.normalized) continue;
    tokens.push_back(token);
    tokens.back().content = normalizer.apply(token.content);
    if (tokens.back().content.empty()) tokens.pop_back();
  }
  return AddedTokens(std::move(tokens));
}

void fill_bytes(SentencePieceTokenizer::Parts& parts, const Decoder& decoder,
                const std::vector<std::string>& spellings) {
  parts.strip_blanks = decoder.strip_blanks;
  for (const std::string& spelling : spellings) {
    const int byte = decoder.bytes ? byte_of_piece(spelling) : -1;
    if (byte >= 0) {
      parts.bytes.emplace_back(1, static_cast<char>(byte));
    } else {
      parts.bytes.push_back(replaced(spelling, decoder.blank, " "));
    }
    if (!decoder.blank_of_first.empty()) parts.first_bytes.push_back(replaced(spelling, decoder.blank_of_first, ""));
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> make_sentencepiece_bpe(const json& file, const DeclaredTokens& declared,
                                                        std::string_view where) {
  const json& model = json_part(file, "model");
  PieceBpe::Vocabulary vocabulary = read_json_vocabulary(model, where);
  const std::vector<AddedToken> added = read_json_added_tokens(file, vocabulary.size(), where);
  std::vector<PieceBpe::MergeRule> merges;
  for (const auto& [left, right] : read_json_merges(model, where)) merges.push_back({left, right});
  const std::vector<std::string> spellings = spellings_by_id(vocabulary, added);
  const PieceBpe::Options options = read_options(model, vocabulary, where);
  Decoder decoder;
  read_decoder(json_part(file, "decoder"), decoder, where);

  MetaspacePreparation preparation{TextNormalizer(json_part(file, "normalizer"), where),
                                   read_metaspace(json_part(file, "pre_tokenizer"), where)};
  SentencePieceTokenizer::Parts parts{
      .bpe = PieceBpe::from_merges(std::move(vocabulary), merges, options, std::string(where)),
      .preparation = {},
      .added = AddedTokens(added),
      .added_normalized = normalized_tokens(added, preparation.normalizer),
      .frame = read_special_frame(json_part(file, "post_processor"), where),
  };
  parts.preparation = std::move(preparation);
  fill_bytes(parts, decoder, spellings);
  const auto find = [&](const std::optional<std::string>& spelling) -> std::optional<TokenId> {
    if (!spelling) return std::nullopt;
    if (const auto id = parts.added.find(*spelling)) return id;
    const auto found = parts.bpe.vocabulary().find(*spelling);
    return found == parts.bpe.vocabulary().end() ? std::nullopt : std::optional(TokenId{found->second});
  };
  parts.bos = find(declared.bos);
  parts.eos = find(declared.eos);
  parts.hash = hash_of(file, spellings, merges, parts.added, parts.frame);
  return std::make_shared<SentencePieceTokenizer>(std::move(parts));
}

}  // namespace drover::text
