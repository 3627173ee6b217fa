#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "engine/paged_model.h"
#include "engine/running_request.h"
#include "engine/sequence_pages.h"

namespace drover::engine {

/// Decides which samples run and what each step computes, and keeps their pages in order. It calls the model only to
/// copy a page. For one thread.
///
/// Samples are admitted in the order of requests, each when the pages of its longest form can be set aside:
///
///     pages(min(prompt + max_tokens, positions)) - full pages that it shares
///
/// where it shares with others the pages they hold or left, and with the samples of its request the full pages of the
/// prompt. So nothing that was admitted ever waits for a page. The first sample of a request computes the prompt.
/// Samples that begin after it was computed draw from outputs that were kept; prompt pages and outputs stay until the
/// last has begun. Where even so the next sample finds no room while none of its request runs, the kept pages are let
/// go (they stay cached) and this sample finds or computes the prompt again.
class Scheduler {
 public:
  Scheduler(PagedModel& model, const EngineOptions& options, MemoryBudget& budget, MemoryBudget::Member& member,
            PagePool& pool, PrefixCache& cache);

  /// Pages of a sequence of the request in its longest form.
  std::int64_t most_pages_of(const RunningRequest& request) const;

  /// Queues a request, which must stay where it is until remove().
  void add(RunningRequest& request);
  /// Ends all that runs of a request and takes it out.
  void remove(RunningRequest& request);

  /// Begins samples while there is room.
  void admit();

  /// Chooses what the next step computes: all samples that decode, then pieces of prompts, at least a page of them,
  /// until tokens_per_step is reached. Chunks are in the order of their pages, so that those with equal leading pages
  /// are neighbours.
  std::span<const SequenceChunk> plan();
  /// The requests that compute something in the plan, in a fixed order.
  std::vector<RunningRequest*> planned_requests() const;
  std::int64_t planned_prompt_tokens() const { return planned_prompt_tokens_; }

  /// The plan was computed: its pages are known to all, and samples that waited for their prompt begin.
  void advance();

  /// A sequence has ended: gives back its pages and its reserve.
  void end(Sequence& sequence);
  /// Takes out what has ended.
  void sweep();

  /// In the order of admission.
  std::span<const std::unique_ptr<Sequence>> running() const { return running_; }
  std::int64_t num_waiting() const;
  /// Discards unheld pages until the budget has these bytes or there are no such pages.
  void discard_for_another(std::int64_t bytes);

  // As EngineStatistics.
  std::int64_t prompt_tokens() const { return prompt_tokens_; }
  std::int64_t cached_tokens() const { return cached_tokens_; }
  std::int64_t computed_tokens() const { return computed_tokens_; }

  /// Checks reserves and pages of all that runs. Slow: for tests.
  void check() const;

 private:
  bool begin_next(RunningRequest& request);
  bool begin_on_known_prompt(RunningRequest& request);
  bool begin_with_prompt(RunningRequest& request);
  std::int64_t longest_of(const RunningRequest& request) const;
  std::unique_ptr<Sequence> new_sequence(RunningRequest& request) const;
  void start(RunningRequest& request, std::unique_ptr<Sequence> sequence);
  void forget_prompt(RunningRequest& request);

  bool reserve(std::int64_t pages);

  void plan_prompt(Sequence& sequence);
  void plan_tokens(Sequence& sequence, std::int64_t count, std::int64_t outputs);
  void place_outputs();
  void prompt_is_known(Sequence& sequence);

  PagedModel& model_;
  const EngineOptions options_;
  MemoryBudget& budget_;
  MemoryBudget::Member& member_;
  PagePool& pool_;
  PrefixCache& cache_;
  SequencePages pages_;
  const std::int64_t page_tokens_;
  const std::int64_t output_width_;

  std::deque<RunningRequest*> waiting_;  // those with samples that have not begun
  std::vector<std::unique_ptr<Sequence>> running_;

  std::int64_t planned_prompt_tokens_ = 0;
  std::int64_t prompt_tokens_left_ = 0;  // of the present step
  std::int64_t output_rows_left_ = 0;    // of the present step, for OutputRequests
  std::vector<Sequence*> planned_;
  std::vector<SequenceChunk> chunks_;
  std::vector<float*> rows_;
  std::vector<float> outputs_;

  bool is_in_line_ = false;   // of the budget
  bool is_hopeless_ = false;  // the first of the waiting was refused, and nothing has come back since
  std::int64_t returns_when_refused_ = 0;

  std::int64_t prompt_tokens_ = 0;
  std::int64_t cached_tokens_ = 0;
  std::int64_t computed_tokens_ = 0;
};

}  // namespace drover::engine
