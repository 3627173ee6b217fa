#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "openai/choice_reader.h"
#include "openai/completion_request.h"

namespace drover::openai {

/// How many tokens a request took.
struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};

/// Writes the answers to one request: a whole one, or chunks of a stream. All are JSON on one line.
class CompletionAnswer {
 public:
  /// `name` of the model; `number` tells answers apart. `request` and `tokenizer` must outlive it.
  CompletionAnswer(const CompletionRequest& request, const text::Tokenizer& tokenizer, const std::string& name, const std::string& id, std::int64_t created);

  /// `prompts`: the ids of each prompt; choice i belongs to prompt i / num_choices.
  std::string whole(std::span<const ChoiceReader> choices, std::span<const std::vector<text::TokenId>> prompts, const Usage& usage) const;

  /// The first chunk of a chat choice: who speaks.
  std::string opening(std::int64_t choice) const;
  /// Text that became certain, and the tokens since the last chunk.
  std::string piece(std::int64_t choice, const std::string& text, const TokenRun& run) const;
  /// The calls of a choice.
  std::string calls(std::int64_t choice, const ChoiceReader& reader) const;
  /// Why a choice ended.
  std::string closing(std::int64_t choice, const ChoiceReader& reader) const;
  /// The last chunk: the numbers of tokens.
  std::string totals(const Usage& usage) const;

 private:
  chat::Json frame(bool is_chunk) const;
  std::string spelling(text::TokenId id) const;
  chat::Json log_probs(const TokenRun& run) const;
  chat::Json chat_log_probs(const TokenRun& run) const;
  chat::Json call_list(const ChoiceReader& reader, std::int64_t choice, bool with_index) const;
  std::string chunk(chat::Json choice) const;
  void add_end(chat::Json& choice, const ChoiceReader& reader) const;

  const CompletionRequest& request_;
  const text::Tokenizer& tokenizer_;
  std::string name_;
  std::string id_;
  std::int64_t created_;
};

}  // namespace drover::openai
