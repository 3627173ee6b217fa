#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "chat/chat_format.h"
#include "chat/dialog.h"
#include "engine/sampling_options.h"
#include "engine/token_constraint.h"
#include "text/token_id.h"

namespace drover::generate {

using engine::SamplingOptions;

/// The most replies to one request: their records are made before the first is drawn.
inline constexpr std::int64_t kMaxResponses = 100'000;

/// One prompt and how many replies to it.
struct GenerationRequest {
  chat::Dialog dialog = {};                    ///< answered where it ends; ignored when `prompt_ids` are given
  std::vector<text::TokenId> prompt_ids = {};  ///< a prompt as tokens, for models without a chat format
  SamplingOptions options = {};
  std::int64_t num_responses = 1;              ///< at most kMaxResponses
  std::shared_ptr<const engine::TokenConstraint> constraint = {};  ///< what replies must look like; empty: anything
  std::int64_t first_sample = 0;          ///< number of the first reply: 10 replies and later 5 more from 10 on are 15 different ones
};

/// Why a reply ended.
enum class Finish {
  kTerminator,  ///< the model ended it: a stop id
  kStopString,  ///< it came to hold a stop string
  kLength,      ///< max_tokens, or the model's last position
  kCancelled    ///< the caller asked to stop
};
std::string_view name_of(Finish finish);

/// One reply. Token ids are the record; text is derived from them.
struct Response {
  std::vector<text::TokenId> ids;         ///< after the prompt, the stop id included
  std::vector<float> log_probs;           ///< of each id under the model, natural logarithm
  std::vector<float> sampled_log_probs;   ///< of each id under the distribution that it was drawn from
  Finish finish = Finish::kLength;
  chat::ParsedReply reply;                ///< messages and calls; without a chat format one message with the text. Without the stop id
  std::string text;                       ///< the ids as text, special tokens left out

  /// Whether the model itself ended it. A reply that was cut is never learned as if it had ended.
  bool is_complete() const { return finish == Finish::kTerminator; }
};

/// The replies to one request, in order of their sample numbers.
struct GenerationResult {
  std::vector<text::TokenId> prompt_ids;
  std::vector<Response> responses;
};

/// One token of a reply that is being written.
struct TokenEvent {
  std::size_t request = 0;
  std::int64_t response = 0;      ///< index into the request's responses
  text::TokenId id{};
  float log_prob = 0.0F;
  std::string_view text;          ///< what became certain for the reader with this token: whole characters, no parts of calls. Those of
                                  ///< a reply that was not cancelled, joined, are its content (U+FFFD for bytes that are no UTF-8)
};

/// What a caller may watch; each function may be empty. All are called from the thread that called `generate`.
struct GenerationCallbacks {
  base::OnProgress on_progress;                               ///< after each finished reply
  std::function<bool(const TokenEvent&)> on_token;            ///< returns false to end this reply
  std::function<void(std::size_t request, std::int64_t response, const Response&)> on_response;  ///< as soon as it is finished
  /// A request that cannot be answered, and why. Given, the other requests go on and this one's responses stay as they were; without it
  /// the first such request ends the call with its UserError.
  std::function<void(std::size_t request, const std::string& reason)> on_failure = {};
  /// False forgets each reply after on_response: for more of them than memory should hold.
  bool keep_responses = true;
};

/// Whatever answers prompts: the local engine, or a server. Use one from one thread at a time.
class Generator {
 public:
  virtual ~Generator() = default;

  /// Answers all requests; result i belongs to request i. Throws UserError when options are out of range, a prompt is empty or leaves
  /// no room for a reply.
  virtual std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests,
                                                 const GenerationCallbacks& callbacks = {}) = 0;

  /// One request.
  GenerationResult generate_one(const GenerationRequest& request, const GenerationCallbacks& callbacks = {});

  /// What names the model in the ledger: for a local one `model::Model::hash()`.
  virtual std::string model_name() const = 0;
};

}  // namespace drover::generate
