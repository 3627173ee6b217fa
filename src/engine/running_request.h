#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/prefix_cache.h"

namespace drover::engine {

/// A request inside the engine.
struct RunningRequest {
  RequestId id{};
  std::shared_ptr<Listener> listener;
  std::vector<text::TokenId> tokens;  ///< the prompt, or the tokens whose outputs are wanted
  bool wants_outputs = false;         ///< an OutputRequest: it has one sequence
  std::int64_t first_output = 0;

  SamplingOptions options;
  std::int64_t num_samples = 1;
  std::int64_t first_sample = 0;
  std::shared_ptr<const TokenConstraint> constraint;
  std::int64_t num_top = 0;

  std::int64_t begun = 0;        ///< samples that were admitted, in order
  std::int64_t num_running = 0;  ///< of these: not ended
  std::int64_t num_ended = 0;    ///< samples that their listener knows to have ended
  bool is_over = false;          ///< its listener has heard the last

  /// The prompt that the samples share: unknown, being computed by the first of them, or known.
  enum class Prompt { kUnknown, kComing, kKnown };
  Prompt prompt = Prompt::kUnknown;
  /// While the prompt is known and samples have not begun: its pages (held), those of them in the tree, and the outputs
  /// of its last token.
  std::vector<PageId> prompt_pages;
  std::vector<CachedPage*> prompt_entries;
  std::vector<float> prompt_outputs;
};

/// Tokens that are computed in order, and the pages that hold them: a sample with its prompt, or the tokens of an
/// OutputRequest.
struct Sequence {
  enum class State {
    kAwaitsPrompt,  ///< another sample of the request computes the prompt
    kPrompt,        ///< computes given tokens
    kDecoding,      ///< computes the last token, draws the next
    kEnded,
  };

  RunningRequest* request = nullptr;
  std::int64_t sample = 0;  ///< within the request
  State state = State::kPrompt;
  std::vector<text::TokenId> tokens;
  std::int64_t computed = 0;  ///< of these: in the pages
  std::int64_t longest = 0;   ///< tokens when it is cut for its length

  std::vector<PageId> pages;         ///< all held
  std::vector<CachedPage*> entries;  ///< of the first pages: those that are full, when pages are shared
  std::int64_t reserve = 0;          ///< pages that it may still take
  std::int64_t promised_pages = 0;   ///< of its first pages: promised to others, or computed
  std::int64_t shareable = 0;        ///< of its first tokens: may come from known pages
  bool is_counted = false;           ///< its prompt is the one that the statistics count

  std::optional<SampleChance> chance;
  std::unique_ptr<TokenConstraint> constraint;

  // Of the present step:
  std::int64_t planned = 0;        ///< tokens to compute
  std::int64_t num_outputs = 0;    ///< outputs at the last of these
  const float* outputs = nullptr;  ///< the first of them; or what a sample that just begins draws from
};

}  // namespace drover::engine
