#include "openai/reply_constraints.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "base/error.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"
#include "engine/json_schema_constraint.h"
#include "engine/tool_call_constraint.h"

namespace drover::openai {
namespace {

constexpr std::size_t kKept = 32;

std::optional<engine::ToolCallForm> form_of(std::string_view format) {
  if (format == "llama-3.1") return engine::ToolCallForm::kLlama;
  if (format == "chatml-qwen2.5" || format == "chatml-qwen3") return engine::ToolCallForm::kQwen;
  if (format == "chatml-smollm2") return engine::ToolCallForm::kSmolLm2;
  return std::nullopt;
}

}  // namespace

const std::shared_ptr<const engine::VocabularyTrie>& ReplyConstraints::vocabulary() {
  if (vocabulary_ == nullptr) vocabulary_ = std::make_shared<engine::VocabularyTrie>(*tokenizer_);
  return vocabulary_;
}

template <typename Compile>
ReplyConstraints::Constraint ReplyConstraints::remembered(const std::string& name, Compile compile) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(newest_.begin(), newest_.end(), [&](const auto& entry) { return entry.first == name; });
  if (found != newest_.end()) {
    newest_.splice(newest_.begin(), newest_, found);
  } else {
    newest_.emplace_front(name, compile(vocabulary()));
    if (newest_.size() > kKept) newest_.pop_back();
  }
  return newest_.front().second;
}

std::shared_ptr<const engine::TokenConstraint> ReplyConstraints::of_schema(const std::string& schema) {
  return remembered("schema " + schema, [&](const auto& vocabulary) {
    if (schema.empty()) return engine::compile_json_object(vocabulary);
    // The plain parser takes quadratic time for long objects.
    const auto parsed = chat::parse_strict_json(schema);
    const auto* json = std::get_if<chat::Json>(&parsed);
    DROVER_CHECK(json != nullptr, "A schema of a request is not JSON any more");
    return engine::compile_json_schema(*json, vocabulary);
  });
}

std::shared_ptr<const engine::TokenConstraint> ReplyConstraints::of_calls(std::string_view format, const std::vector<chat::ToolDefinition>& tools) {
  const auto form = form_of(format);
  if (!form) return nullptr;
  std::vector<engine::CallableFunction> functions;
  std::string name = "calls ";
  for (const auto& tool : tools) {
    functions.push_back({.name = tool.name, .parameters = tool.parameters});
    name += chat::tool_to_json(tool).dump();
  }
  return remembered(name, [&](const auto& vocabulary) { return engine::compile_tool_calls(functions, *form, *form != engine::ToolCallForm::kLlama, vocabulary); });
}

}  // namespace drover::openai
