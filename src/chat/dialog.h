#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace drover::chat {

/// JSON that keeps the order of keys: a model sees tool schemas and arguments in the order they were written.
using Json = nlohmann::ordered_json;

enum class Sender { kSystem, kUser, kAssistant, kTool };

/// How a message ends.
enum class Ending {
  kTurn,     ///< the sender has finished; the other side speaks next
  kMessage,  ///< a stopping point inside an assistant turn; a tool result must follow
  kCut       ///< the length limit cut it: no terminator exists, and it is never learned as if it had ended
};

/// What an assistant asks a tool to do.
struct ToolCall {
  enum class Kind {
    kFunction,  ///< a function of the dialog's `tools`, with JSON arguments
    kBuiltin,   ///< one of the model's own core tools (brave_search, wolfram_alpha), with a query
    kCode       ///< code for the interpreter; `code` holds it
  };
  Kind kind = Kind::kFunction;
  std::string id{};                     ///< ties a result to its call in dialog JSON; not rendered by most formats
  std::string name{};                   ///< function or core tool; "code_interpreter" for code
  Json arguments = Json::object();    ///< an object; {"query": ...} for core tools
  std::string code{};                   ///< kCode only

  bool operator==(const ToolCall&) const = default;
};

struct Message {
  Sender sender = Sender::kUser;
  std::string recipient{};         ///< who should read it when that is not the other side: a tool's name; usually empty
  std::string content{};
  std::vector<ToolCall> calls{};   ///< assistant only; follow the content
  /// A message with calls that is not cut counts as kMessage whatever stands here: a tool result must follow. kCut is for assistants.
  Ending ending = Ending::kTurn;
  std::string call_id{};           ///< tool results: the id of the call that this answers
  std::string tool_name{};         ///< tool results: the tool that answers

  bool operator==(const Message&) const = default;
};

/// A tool the assistant may call, described by JSON schema.
struct ToolDefinition {
  std::string name{};
  std::string description{};
  Json parameters = Json::object();  ///< JSON schema of the arguments: {"type": "object", "properties": {...}, "required": [...]}

  bool operator==(const ToolDefinition&) const = default;
};

/// A conversation and what its system prompt offers. Several messages of one sender in a row are legal: an assistant turn may hold
/// text, a call, a tool's result and the final answer.
struct Dialog {
  std::vector<Message> messages{};
  std::vector<ToolDefinition> tools{};
  std::vector<std::string> core_tools{};  ///< the model's own tools that are switched on; "code_interpreter" among them
  std::string today{};                    ///< "26 Jul 2024", for formats that show a date; from the recipe, never from the clock

  bool operator==(const Dialog&) const = default;
};

}  // namespace drover::chat
