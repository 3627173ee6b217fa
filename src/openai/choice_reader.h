#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_format.h"
#include "engine/engine.h"
#include "openai/token_run.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// What ends replies, and how they are read.
struct ReadingRules {
  const text::Tokenizer* tokenizer = nullptr;
  const chat::ChatFormat* format = nullptr;           ///< null: the reply is plain text
  const chat::Dialog* dialog = nullptr;               ///< with a format
  std::span<const text::TokenId> stop_ids = {};       ///< all of them
  std::span<const std::string> stop_strings = {};     ///< cut out of the text, with what follows
  std::int64_t min_tokens = 0;                        ///< a stop string counts from the token after these on, as stop ids do
  std::span<const text::TokenId> forced = {};         ///< the reply begins with these, which nobody drew (the beginning of a call)
};

/// One choice while its tokens come: hands out text as soon as it is certain and knows why it ended.
class ChoiceReader {
 public:
  explicit ChoiceReader(const ReadingRules& rules);

  /// Takes the next token and returns the text that became certain with it. Not to be called once it has ended.
  std::string push(const engine::SampledToken& token, std::span<const engine::RankedToken> top = {});
  /// The engine ended the choice. Returns the rest of the text.
  std::string end(engine::SampleEnd end);

  /// After a stop string, or end().
  bool has_ended() const { return !finish_reason_.empty(); }
  /// "stop", "length", "tool_calls"; "abort" when it was cancelled.
  const std::string& finish_reason() const { return finish_reason_; }
  /// The stop string that ended it.
  const std::optional<std::string>& stop_string() const { return stop_string_; }

  const TokenRun& run() const { return run_; }
  const std::string& text() const { return text_; }
  const std::vector<chat::ToolCall>& calls() const { return calls_; }

 private:
  std::string release(std::string certain);
  void finish_as(std::string reason);

  ReadingRules rules_;
  std::unique_ptr<chat::ReplyParser> parser_;
  std::optional<text::StreamingDecoder> decoder_;
  TokenRun run_;
  std::string parsed_;          // all that parser or decoder gave
  std::string held_;            // its end, which may begin a stop string
  std::size_t too_early_ = 0;   // of it: bytes in which no stop string can end, being of the first min_tokens tokens
  std::string text_;
  std::vector<chat::ToolCall> calls_;
  std::string finish_reason_;
  std::optional<std::string> stop_string_;
};

}  // namespace drover::openai
