#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/paged_model.h"
#include "engine/sampler.h"
#include "engine/sampling_options.h"
#include "engine/token_constraint.h"
#include "text/token_id.h"

namespace drover::engine {

class MemoryBudget;

/// Names a request while the engine lives; never used twice.
enum class RequestId : std::uint64_t {};

/// A prompt and the samples that are to continue it.
struct SampleRequest {
  std::vector<text::TokenId> prompt = {};
  SamplingOptions options = {};                            ///< with all stop ids
  std::int64_t num_samples = 1;
  std::int64_t first_sample = 0;                           ///< number of the first sample: names its random stream
  std::shared_ptr<const TokenConstraint> constraint = {};  ///< the state before the first token; may be empty
  std::int64_t num_top = 0;                                ///< so many of the most probable tokens go to Listener::on_top at each position
};

/// Tokens whose outputs are wanted: log-probabilities or scores of given text.
struct OutputRequest {
  std::vector<text::TokenId> tokens;
  std::int64_t first_output = 0;  ///< the outputs at this position and all later ones are handed out
};

/// Why a sample ended.
enum class SampleEnd {
  kStopId,     ///< the model drew a stop id, which on_token heard; or the constraint lets it only end, and there are no stop ids
  kLength,     ///< max_tokens, or the model's last position
  kListener,   ///< on_token returned false
  kCancelled,  ///< cancel()
};

/// Who receives what a request produces. All calls come from the thread that calls Engine::step(); an exception thrown here ends the
/// request as a failed one. `sample` counts within the request from 0. A request that fails hears on_end() alone, and one that is not
/// finished when the engine goes hears nothing more. A listener may submit and cancel requests.
class Listener {
 public:
  virtual ~Listener() = default;

  /// Where a request asks for them: the most probable tokens under the model (most_probable()) at the position of the next on_token(),
  /// whether they could be drawn or not. Valid during the call.
  virtual void on_top(std::int64_t /*sample*/, std::span<const RankedToken> /*top*/) {}
  /// A new token; false ends the sample after it.
  virtual bool on_token(std::int64_t /*sample*/, const SampledToken& /*token*/) { return true; }
  virtual void on_sample_end(std::int64_t /*sample*/, SampleEnd /*end*/) {}
  /// The model's outputs at a position of an OutputRequest, in rising order of positions; valid during the call.
  virtual void on_output(std::int64_t /*position*/, std::span<const float> /*output*/) {}
  /// The last call for the request: `failure` is empty when all went well (cancelled counts as well).
  virtual void on_end(std::exception_ptr /*failure*/) {}
};

struct EngineOptions {
  std::int64_t memory_bytes = std::int64_t{2} << 30;  ///< for pages, cached ones included
  std::shared_ptr<MemoryBudget> budget = {};          ///< shared with other engines, in place of memory_bytes; may be empty
  std::int64_t max_sequences = 128;                   ///< samples that are decoded together
  std::int64_t tokens_per_step = 512;                 ///< decoded tokens come first, then parts of prompts up to this number
  bool share_pages = true;                            ///< false: each sample computes its own prompt and nothing is cached (a reference)
  bool check_each_step = false;                       ///< checks all accounts of pages after each step; slow, for tests

  void validate() const;
};

/// What the engine has done so far and holds now.
struct EngineStatistics {
  std::int64_t prompt_tokens = 0;    ///< of the requests that were begun; a prompt counts once, however many samples it has
  std::int64_t cached_tokens = 0;    ///< of these: found in pages
  std::int64_t computed_tokens = 0;  ///< of these: computed
  std::int64_t new_tokens = 0;       ///< sampled
  std::int64_t steps = 0;
  double decode_seconds = 0.0;       ///< steps without prompt tokens, sampling and listeners included
  std::int64_t decoded_tokens = 0;   ///< tokens sampled in these steps
  double seconds = 0.0;              ///< all steps
  std::int64_t pages = 0;            ///< that the memory allows
  std::int64_t pages_in_use = 0;     ///< held by requests
  std::int64_t pages_cached = 0;     ///< held by nobody, kept for later prompts
  std::int64_t pages_peak = 0;       ///< most pages in use at once
  std::int64_t waiting = 0;          ///< samples and output requests that are not begun
  std::int64_t running = 0;          ///< samples and output requests that hold pages
};

/// Continues prompts on one model: paged keys and values, continuous batching, chunked prefill.
///
/// A prompt's full pages are shared by its samples, the last one is copied when a sample writes to it. A sample is admitted only when
/// pages for its longest form are free, counting what admitted ones may still take; so nothing is ever swapped or computed again, and a
/// sample that stops early gives its reserve back at once. Pages nobody holds stay as a cache, least recently used first to go: a
/// prompt takes from it the longest prefix that was computed before (to the token: a page that agrees in part is copied), be it of
/// another prompt or of a reply. So a dialog goes on after a tool's output, and any reply forks at any token, by a request whose prompt
/// starts with the same tokens.
///
/// A sample depends on (model, prompt, options, seed, sample number) and nothing else, bit for bit.
class Engine {
 public:
  /// Throws UserError when the memory does not hold one page.
  Engine(std::shared_ptr<PagedModel> model, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Queues a request; from any thread. Throws UserError for what can never run: an empty prompt, an unknown token, a prompt that leaves
  /// no position for a reply, more pages than there are.
  RequestId submit(SampleRequest request, std::shared_ptr<Listener> listener);
  RequestId submit(OutputRequest request, std::shared_ptr<Listener> listener);

  /// Ends a request before the next step; from any thread. Unknown and finished ones are ignored. All its samples that have not ended
  /// end as kCancelled.
  void cancel(RequestId request);

  /// Computes one step for the requests at hand: from one thread at a time. False when there was nothing to do. When the model throws,
  /// the requests of the step fail, their pages are free again, and the others go on.
  bool step();

  /// Blocks until there is something to do, or wake() is called. While requests wait for memory that other engines hold it also returns
  /// after some milliseconds, for step() to try again.
  void wait_for_work();
  /// Ends the present or the next wait_for_work(); from any thread.
  void wake();

  /// From any thread.
  EngineStatistics statistics() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace drover::engine
