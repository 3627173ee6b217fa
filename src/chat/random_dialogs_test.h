#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random_stream.h"
#include "chat/chat_format.h"

namespace drover::chat {

/// For tests: random texts, arguments and dialogs that a format can write, full of what tempts parsers.
class RandomDialogs {
 public:
  explicit RandomDialogs(base::RandomStream stream) : stream_(stream) {}

  bool chance(double probability) { return stream_.uniform() < probability; }
  std::uint64_t below(std::uint64_t bound) { return stream_.below(bound); }

  std::string text(int max_pieces = 8) {
    static constexpr std::string_view kPieces[] = {
        "a", "Hello", " ", "  ", "\n", "\n\n", "\t", "{", "}", "[", "]", "(", ")", "\"", "'", "\\", "\\n", ":", ",", "=", "0", "-1.5e3",
        "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x9A\x80", "\xE2\x80\xA8", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|im_end|>",
        "<|im_start|>", "<tool_call>", "</tool_call>", "<think>", "</think>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "<function=",
        "</function>", "brave_search.call(query=", "{\"name\": \"get_weather\"", "\"parameters\": {}", "[get_weather(", "<tool_response>",
        "None", "true", "system", "assistant", "\x01", "\x7F"};
    std::string text;
    for (std::uint64_t i = below(static_cast<std::uint64_t>(max_pieces)); i > 0; --i) text += kPieces[below(std::size(kPieces))];
    return text;
  }

  std::string name() {
    static constexpr std::string_view kNames[] = {"city", "n", "_x1", "from", "Metric", "query", "name", "arguments", "type"};
    return std::string(kNames[below(std::size(kNames))]);
  }

  Json value(int depth = 3) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0: return nullptr;
      case 1: return chance(0.5);
      case 2: return below(1000);
      case 3: return -static_cast<std::int64_t>(below(1000)) - 1;
      case 4: return (static_cast<double>(below(100000)) - 5e4) / 64 * (chance(0.2) ? 1e20 : 1);
      case 5: return text(5);
      case 6: {
        Json list = Json::array();
        for (std::uint64_t i = below(4); i > 0; --i) list.push_back(value(depth - 1));
        return list;
      }
      default: {
        Json object = Json::object();
        for (std::uint64_t i = below(4); i > 0; --i) object[text(3)] = value(depth - 1);
        return object;
      }
    }
  }

  Json arguments() {
    Json object = Json::object();
    for (std::uint64_t i = below(4); i > 0; --i) object[name()] = value();
    return object;
  }

  ToolCall function_call() {
    static constexpr std::string_view kFunctions[] = {"get_weather", "clock", "send_mail"};
    return {.name = std::string(kFunctions[below(std::size(kFunctions))]), .arguments = arguments()};
  }

  ToolCall core_call() {
    if (chance(0.4)) return {.kind = ToolCall::Kind::kCode, .name = "code_interpreter", .code = text()};
    std::string query;
    for (const char c : text()) query += c == '"' ? '\'' : c;
    return {.kind = ToolCall::Kind::kBuiltin, .name = chance(0.5) ? "brave_search" : "photogen", .arguments = {{"query", query}}};
  }

  /// An assistant's message that the format can write and, where its calls are marked, tell from content.
  Message assistant(std::string_view format) {
    const bool llama = format.starts_with("llama-3");
    const bool has_calls = format != "llama3" && format != "llama-2" && format != "chatml";
    const bool pythonic = format == "llama-3.2" || format == "llama-3.3";
    Message message;
    message.sender = Sender::kAssistant;
    message.content = text();
    if (has_calls && chance(0.5)) {
      message.ending = Ending::kMessage;
      if (llama && chance(0.4)) {
        message.calls.push_back(core_call());
      } else {
        const bool many = pythonic || !llama;
        for (std::uint64_t i = many ? 1 + below(3) : 1; i > 0; --i) message.calls.push_back(function_call());
        if (format == "mistral") {
          for (ToolCall& call : message.calls) call.id = "abcdef" + std::to_string(100 + below(900));
        }
        if (pythonic || format == "mistral") message.content.clear();
      }
    } else if (llama && chance(0.2)) {
      message.ending = Ending::kMessage;
    }
    if (format == "chatml-qwen3" && chance(0.4)) {
      const std::string thoughts = text(4);
      if (!thoughts.empty() && thoughts.find("think>") == std::string::npos) {
        message.content = "<think>\n" + thoughts + "\n</think>\n\n" + message.content;
      }
    }
    if (chance(0.15)) message.ending = Ending::kCut;
    return message;
  }

  /// The tools that random calls use.
  static Dialog with_tools(std::string_view format) {
    Dialog dialog;
    const bool has_calls = format != "llama3" && format != "llama-2" && format != "chatml";
    if (has_calls) {
      for (const char* name : {"get_weather", "clock", "send_mail"}) dialog.tools.push_back({.name = name, .description = "does it"});
    }
    if (format.starts_with("llama-3")) dialog.core_tools = {"brave_search", "photogen", "code_interpreter"};
    return dialog;
  }

 private:
  base::RandomStream stream_;
};

}  // namespace drover::chat
