#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"
#include "text/tokenizer.h"

namespace drover::chat {

/// What a token does in a rendered dialog. Losses are defined on roles, never on string matching.
enum class TokenRole : std::uint8_t {
  kBegin,       ///< begin-of-sequence
  kHeader,      ///< who speaks: start and end of header, role name, the newlines after it; separators between messages
  kContent,     ///< what a message says
  kToolCall,    ///< a call, the python tag included
  kTerminator,  ///< end of turn, end of message
};

std::string_view name_of(TokenRole role);

/// A dialog as the model sees it: parallel lists, one entry a token.
struct RenderedDialog {
  std::vector<text::TokenId> ids;
  std::vector<TokenRole> roles;
  /// The index in `Dialog::messages` that the token belongs to; -1 for what the format adds by itself (begin, a default system
  /// message, tool prompts, the generation prompt).
  std::vector<std::int32_t> messages;
};

struct RenderOptions {
  /// Ends with the header of an assistant message, so that the model answers.
  bool generation_prompt = false;
};

/// What is wrong with a reply, for people and for rejection rules.
struct ReplyFault {
  enum class Kind {
    kMalformed,       ///< a call cannot be read (broken JSON, two calls where one is allowed, ...); its text is kept as content
    kUnknownFunction  ///< the call can be read and is kept, but the dialog offers no such function or core tool
  };
  Kind kind = Kind::kMalformed;
  std::string reason;        ///< one sentence
  std::int64_t offset = 0;   ///< byte offset in the reply's text where it went wrong
};

/// A reply as messages: what the assistant said and the calls it made.
struct ParsedReply {
  /// What could be read. One assistant message: sampling stops at every terminator, also between the messages of one turn. It ends
  /// as kMessage when it holds calls or an end-of-message token, as kCut without a terminator, else as kTurn.
  std::vector<Message> messages;
  std::optional<ReplyFault> fault;
};

/// Reads a reply token by token while it streams.
class ReplyParser {
 public:
  virtual ~ReplyParser() = default;
  /// Takes the next token of the reply. Returns the text that became certain and is meant for the reader (not part of a call). The
  /// texts of all calls, joined, are a beginning of the content that `finish` returns, cut between characters.
  virtual std::string push(text::TokenId id) = 0;
  /// Whether the last token ended the message or the turn.
  virtual bool is_finished() const = 0;
  /// Whether this token, pushed next, would end the message or the turn.
  virtual bool ends_at(text::TokenId id) const = 0;
  /// What was said, once no more tokens come. A reply without a terminator ends as Ending::kCut.
  virtual ParsedReply finish() = 0;
};

/// A model family's way of writing dialogs as tokens. Immutable, usable from many threads; keeps its tokenizer alive.
class ChatFormat {
 public:
  virtual ~ChatFormat() = default;

  /// "llama-3.1", "chatml-smollm2", ...: what `--format` takes.
  virtual std::string_view name() const = 0;

  /// Throws UserError when the dialog holds what the format cannot express (two calls in one message where only one is possible).
  virtual RenderedDialog render(const Dialog& dialog, const RenderOptions& options = {}) const = 0;

  /// Starts reading a reply to `dialog`. Its tools decide what is a call: where a call is marked by control tokens it is always one;
  /// where it is marked by text alone (bare JSON, a Python list, `<function=...>`) it is one only when the dialog offers tools, and
  /// content that spells such a call reads as the call. The parser keeps no reference to `dialog`.
  virtual std::unique_ptr<ReplyParser> start_reply(const Dialog& dialog) const = 0;
  /// Reads a whole reply: ids after the generation prompt, the terminator included when there is one.
  ParsedReply parse_reply(const Dialog& dialog, std::span<const text::TokenId> ids) const;

  /// The ids at which sampling stops.
  virtual std::vector<text::TokenId> stop_ids() const = 0;

  virtual const text::Tokenizer& tokenizer() const = 0;
};

/// The names that `make_chat_format` takes.
std::vector<std::string> chat_format_names();

/// Makes a format by name over a tokenizer that has its control tokens; throws UserError otherwise, with the nearest known name.
std::shared_ptr<const ChatFormat> make_chat_format(std::string_view name, std::shared_ptr<const text::Tokenizer> tokenizer);

/// The name of the format whose published chat template this is (by hash of the text with white space normalised), if any.
std::optional<std::string> format_of_template(std::string_view chat_template);

}  // namespace drover::chat
