#include "chat/chat_format.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/error.h"
#include "base/nearest_name.h"
#include "chat/chatml_family.h"
#include "chat/inst_formats.h"
#include "chat/llama_family.h"

namespace drover::chat {
namespace {

using TokenizerPtr = std::shared_ptr<const text::Tokenizer>;

struct KnownFormat {
  std::string_view name;
  std::shared_ptr<const ChatFormat> (*make)(TokenizerPtr tokenizer);
};

constexpr KnownFormat kFormats[] = {
    {"llama3", make_llama3},
    {"llama-3.1", make_llama31},
    {"llama-3.1-function-tag", make_llama31_function_tag},
    {"llama-3.2", [](TokenizerPtr tokenizer) { return make_llama_pythonic("llama-3.2", std::move(tokenizer)); }},
    {"llama-3.3", [](TokenizerPtr tokenizer) { return make_llama_pythonic("llama-3.3", std::move(tokenizer)); }},
    {"chatml", make_chatml},
    {"chatml-smollm2", make_chatml_smollm2},
    {"chatml-qwen2.5", make_chatml_qwen25},
    {"chatml-qwen3", make_chatml_qwen3},
    {"mistral", make_mistral},
    {"llama-2", make_llama2},
};

}  // namespace

std::string_view name_of(TokenRole role) {
  switch (role) {
    case TokenRole::kBegin: return "begin";
    case TokenRole::kHeader: return "header";
    case TokenRole::kContent: return "content";
    case TokenRole::kToolCall: return "tool_call";
    case TokenRole::kTerminator: return "terminator";
  }
  return "";
}

ParsedReply ChatFormat::parse_reply(const Dialog& dialog, std::span<const text::TokenId> ids) const {
  const auto parser = start_reply(dialog);
  for (const text::TokenId id : ids) parser->push(id);
  return parser->finish();
}

std::vector<std::string> chat_format_names() {
  std::vector<std::string> names;
  for (const KnownFormat& format : kFormats) names.emplace_back(format.name);
  return names;
}

std::shared_ptr<const ChatFormat> make_chat_format(std::string_view name, TokenizerPtr tokenizer) {
  std::vector<std::string_view> names;
  for (const KnownFormat& format : kFormats) {
    if (format.name == name) return format.make(std::move(tokenizer));
    names.push_back(format.name);
  }
  throw base::UserError("Unknown chat format \"{}\"{}; known: {}.", name, base::suggestion(name, names), fmt::join(names, ", "));
}

}  // namespace drover::chat
