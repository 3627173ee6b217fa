#pragma once

#include <nlohmann/json.hpp>

#include <memory>
#include <span>
#include <string>

#include "engine/token_constraint.h"
#include "engine/vocabulary_trie.h"

namespace drover::engine {

/// A function that may be called.
struct CallableFunction {
  std::string name{};
  nlohmann::ordered_json parameters = nlohmann::ordered_json::object();  ///< JSON schema of the arguments, an object's
};

/// How a model writes its calls.
enum class ToolCallForm {
  kLlama,    ///< Llama 3: {"name": ..., "parameters": {...}}, one call
  kQwen,     ///< Qwen: <tool_call>, newline, {"name": ..., "arguments": {...}}, newline, </tool_call>; the next call after a newline
  kSmolLm2,  ///< SmolLM2: <tool_call>[{"name": ..., "arguments": {...}}, ...]</tool_call>
};

/// A reply that is a call of one of the functions, with arguments that satisfy its schema; several calls when `many_calls` (never with
/// kLlama). Where the tags are tokens of the vocabulary, only these tokens are allowed, and none of them inside a call; where they are
/// text, "<" inside a call is written as an escape. Throws UserError when there is no function, two have one name, or a schema is refused
/// (compile_json_schema(); its places then begin with the function's name).
std::shared_ptr<const TokenConstraint> compile_tool_calls(std::span<const CallableFunction> functions, ToolCallForm form, bool many_calls,
                                                          std::shared_ptr<const VocabularyTrie> vocabulary);

}  // namespace drover::engine
