#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chat/dialog.h"
#include "engine/sampling_options.h"
#include "text/token_id.h"

namespace drover::openai {

/// How a model is to use the tools that it is offered.
enum class ToolChoice { kAuto, kNone, kRequired };

/// A request for /v1/chat/completions or /v1/completions, understood as far as that is possible without a model.
struct CompletionRequest {
  bool is_chat = true;
  std::string model;
  chat::Dialog dialog;                                                    ///< chat
  std::vector<std::variant<std::string, std::vector<text::TokenId>>> prompts;  ///< completions: one or more
  engine::SamplingOptions options;              ///< without the model's stop ids; stop strings are the server's to find
  std::optional<std::int64_t> max_tokens;       ///< options.max_tokens where the request names one
  bool has_seed = false;                        ///< else each answer is another one
  bool ignores_end = false;                     ///< "ignore_eos": only stop strings and the length end a reply
  std::int64_t num_choices = 1;                 ///< per prompt
  bool streams = false;
  bool includes_usage = false;                  ///< a last chunk with the numbers of tokens
  bool wants_log_probs = false;
  std::int64_t num_top = 0;                     ///< with wants_log_probs: so many of the most probable tokens at each position
  bool wants_token_ids = false;                 ///< "return_token_ids": ids of prompt and replies
  bool spells_ids = false;                      ///< "return_tokens_as_token_ids": tokens are spelled "token_id:123"
  ToolChoice tool_choice = ToolChoice::kAuto;
  std::string tool_name;                        ///< with kRequired: this one; empty: any
  bool wants_json = false;
  std::string schema;                           ///< with wants_json: the JSON schema that the reply must meet; empty: any object
};

/// What a request may ask for.
struct RequestLimits {
  std::int64_t max_tokens = 4096;   ///< of a reply
  std::int64_t max_choices = 128;   ///< n, and the number of prompts
  std::int64_t max_listed = std::int64_t{1} << 20;  ///< log-probabilities of an answer of several choices that lists the most probable tokens
};

/// Reads a request's body. Fields that are not known are refused with the nearest known one, fields that are known and would change the
/// reply in a way that is not offered are refused with a sentence, and harmless ones are let through. Throws ApiError 400.
CompletionRequest read_chat_request(std::string_view body, const RequestLimits& limits);
CompletionRequest read_text_request(std::string_view body, const RequestLimits& limits);

/// The texts of a request for /v1/embeddings.
struct EmbeddingRequest {
  std::string model;
  std::vector<std::variant<std::string, std::vector<text::TokenId>>> inputs;
  bool as_base64 = false;  ///< float32 little-endian in base64, as the official client asks
};
EmbeddingRequest read_embedding_request(std::string_view body, const RequestLimits& limits);

}  // namespace drover::openai
