#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "text/token_id.h"

namespace drover::engine {

/// A page: the keys and values of all layers for a fixed number of consecutive tokens of one sequence.
enum class PageId : std::int32_t {};

/// New tokens of one sequence, and where the keys and values of the whole sequence lie.
struct SequenceChunk {
  std::span<const text::TokenId> tokens;  ///< one or more
  std::int64_t begin = 0;                 ///< position of the first: the tokens before it are in the pages already
  std::span<const PageId> pages;          ///< page i holds positions i * page_tokens .. ; enough for begin + tokens.size()
  std::span<float* const> outputs = {};   ///< where the outputs at the chunk's last `outputs.size()` tokens go: output_width() numbers each
};

/// What the engine asks of a model: forward passes over sequences whose keys and values lie in pages. Chunks of a call are computed
/// together; a result depends only on its own sequence, bit for bit, however sequences are batched, cut into chunks or share pages.
/// Called from one thread at a time.
class PagedModel {
 public:
  virtual ~PagedModel() = default;

  virtual std::int64_t page_tokens() const = 0;    ///< tokens that a page holds
  virtual std::int64_t bytes_per_page() const = 0;
  virtual std::int64_t max_positions() const = 0;  ///< the longest sequence
  virtual std::int64_t vocab_size() const = 0;     ///< ids are below it
  virtual std::int64_t output_width() const = 0;   ///< vocab_size() of a language head, labels of another

  /// Makes room for pages 0 .. count-1; called once. Memory is taken when a page is first written.
  virtual void reserve_pages(std::int64_t count) = 0;

  /// Writes the chunks' keys and values into their pages and their outputs where they say. Neighbouring chunks that begin with the
  /// same pages read these once. No page that is written belongs to two chunks.
  virtual void forward(std::span<const SequenceChunk> chunks) = 0;

  /// Copies the first `num_tokens` tokens of a page. What lies behind them in `from`, another sequence's perhaps, must not show in
  /// `to`: not even as a NaN of damaged weights that a weight of 0 meets.
  virtual void copy_page(PageId from, PageId to, std::int64_t num_tokens) = 0;
  /// The content is not needed any more: its memory may go back to the system.
  virtual void discard_page(PageId page) = 0;

  /// Runs work(0) .. work(count-1) on the model's threads, in any order, and returns when all are done.
  virtual void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) = 0;
};

}  // namespace drover::engine
