#include "text/special_frame.h"

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "base/content_hash.h"
#include "base/error.h"

namespace drover::text {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(std::string_view where, std::string_view what) {
  throw base::UserError("{}: post_processor {}.", where, what);
}

TokenId read_id(const json& value, std::string_view where) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > INT32_MAX) {
    refuse(where, "holds a token id that is not a whole number from 0");
  }
  return TokenId{value.get<std::int32_t>()};
}

void append_template_ids(const json& piece, const json& special_tokens, std::vector<TokenId>& out,
                         std::string_view where) {
  const auto id = piece.find("id");
  const std::string name = id != piece.end() && id->is_string() ? id->get<std::string>() : "";
  const auto found = special_tokens.find(name);
  if (found == special_tokens.end() || !found->is_object() || !found->contains("ids") || !(*found)["ids"].is_array()) {
    throw base::UserError("{}: post_processor uses the special token '{}', but its special_tokens do not list its ids.",
                          where, name);
  }
  for (const json& listed : (*found)["ids"]) out.push_back(read_id(listed, where));
}

SpecialFrame read_template(const json& processor, std::string_view where) {
  const auto single = processor.find("single");
  if (single == processor.end() || !single->is_array())
    refuse(where, "of type TemplateProcessing has no list 'single'");
  const auto listed = processor.find("special_tokens");
  const json special_tokens = listed != processor.end() && listed->is_object() ? *listed : json::object();
  SpecialFrame frame;
  bool seen_text = false;
  for (const json& piece : *single) {
    if (!piece.is_object()) refuse(where, "of type TemplateProcessing has a piece that is not an object");
    if (piece.contains("Sequence")) {
      if (seen_text) refuse(where, "puts the text in twice");
      seen_text = true;
    } else if (piece.contains("SpecialToken") && piece["SpecialToken"].is_object()) {
      append_template_ids(piece["SpecialToken"], special_tokens, seen_text ? frame.after : frame.before, where);
    } else {
      refuse(where, "of type TemplateProcessing has a piece that is neither Sequence nor SpecialToken");
    }
  }
  if (!seen_text) refuse(where, "of type TemplateProcessing leaves the text out");
  return frame;
}

TokenId read_named_id(const json& processor, const char* name, std::string_view where) {
  const auto pair = processor.find(name);
  if (pair == processor.end() || !pair->is_array() || pair->size() != 2) {
    throw base::UserError("{}: post_processor needs '{}' as a pair of spelling and id.", where, name);
  }
  return read_id((*pair)[1], where);
}

}  // namespace

void SpecialFrame::hash_into(base::FieldHasher& hasher) const {
  for (const std::vector<TokenId>* ids : {&before, &after}) {
    hasher.add(static_cast<std::int64_t>(ids->size()));
    for (const TokenId id : *ids) hasher.add(static_cast<std::int64_t>(to_int(id)));
  }
}

SpecialFrame read_special_frame(const json& post_processor, std::string_view where) {
  if (post_processor.is_null()) return {};
  if (!post_processor.is_object() || !post_processor.contains("type") || !post_processor["type"].is_string()) {
    refuse(where, "is not an object with a type");
  }
  const std::string type = post_processor["type"];
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return read_template(post_processor, where);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return {{read_named_id(post_processor, "cls", where)}, {read_named_id(post_processor, "sep", where)}};
  }
  if (type == "Sequence") {
    const auto processors = post_processor.find("processors");
    if (processors == post_processor.end() || !processors->is_array())
      refuse(where, "of type Sequence has no list 'processors'");
    SpecialFrame frame;
    for (const json& processor : *processors) {
      const SpecialFrame outer = read_special_frame(processor, where);
      frame.before.insert(frame.before.begin(), outer.before.begin(), outer.before.end());
      frame.after.insert(frame.after.end(), outer.after.begin(), outer.after.end());
    }
    return frame;
  }
  throw base::UserError("{}: post_processor has the type '{}', which drover does not know.", where, type);
}

}  // namespace drover::text
