#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chat/chat_format.h"
#include "generate/generator.h"
#include "engine/sampler.h"
#include "model/model.h"
#include "text/tokenizer.h"

namespace drover::generate {

/// A request made ready: its prompt as tokens, and what ends its replies.
struct PreparedRequest {
  std::size_t index = 0;
  const GenerationRequest* request = nullptr;
  std::vector<text::TokenId> prompt;
  std::vector<text::TokenId> stop_ids;  ///< of the chat format, the model and the options
  std::int64_t max_tokens = 0;          ///< of a reply: the option, or what the model's positions leave
};

/// Checks a request and renders its prompt. Throws UserError.
PreparedRequest prepare(const GenerationRequest& request, std::size_t index, const model::Model& model, const chat::ChatFormat* format);

/// One reply while it is written: reads its tokens, keeps its record and knows when it ends.
class ReplyInProgress {
 public:
  /// `prepared` and `tokenizer` must outlive it; `format` may be null.
  ReplyInProgress(const PreparedRequest& prepared, std::int64_t response, const text::Tokenizer& tokenizer, const chat::ChatFormat* format);

  /// Takes the next token that was drawn; not to be called once it is finished.
  void take(const engine::SampledToken& token, const GenerationCallbacks& callbacks);
  /// No more tokens come, though nothing in the reply says so.
  void cut(Finish finish);

  bool is_finished() const { return finished_; }

  /// The finished reply; leaves this object empty.
  Response take_response();

 private:
  std::string read(text::TokenId id);
  void announce(const engine::SampledToken& token, std::string text, const GenerationCallbacks& callbacks);
  bool comes_to_hold_stop_string(text::TokenId id);
  void end_as(Finish finish);
  std::string unread_tail() const;

  const PreparedRequest* prepared_;
  std::int64_t number_;
  const text::Tokenizer* tokenizer_;
  std::unique_ptr<chat::ReplyParser> parser_;       // with a chat format
  std::size_t streamed_ = 0;                        // bytes of the content that the parser called certain
  std::optional<text::StreamingDecoder> decoder_;   // without a format
  std::string plain_text_;                          // the reply's bytes, where stop strings are looked for
  Response response_;
  bool finished_ = false;
};

}  // namespace drover::generate
