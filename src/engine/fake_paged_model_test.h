#pragma once

#include <atomic>
#include <cmath>
#include <functional>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include "base/error.h"
#include "engine/paged_model.h"

namespace drover::engine {

/// A model whose outputs are a hash of the whole sequence. Its pages hold, for each token, the token and the hash of
/// all tokens up to it, and a forward pass reads both through the pages: a wrong page, a page that was given away too
/// early, one that was written while others read it, or a position that nobody computed is an error at once.
class FakePagedModel : public PagedModel {
 public:
  struct Shape {
    std::int64_t page_tokens = 4;
    std::int64_t max_positions = 64;
    std::int64_t vocab_size = 11;
    std::int64_t bytes_per_page = 100;
    std::int64_t output_width = 0;  // 0: vocab_size
    std::uint64_t weights = 1;
  };

  explicit FakePagedModel(const Shape& shape) : shape_(shape) {}
  FakePagedModel() : FakePagedModel(Shape{}) {}

  static std::uint64_t mix(std::uint64_t state, std::uint64_t value) {
    std::uint64_t z = (state ^ (value + 0x9E3779B97F4A7C15ULL)) * 0xBF58476D1CE4E5B9ULL;
    z ^= z >> 29;
    z *= 0x94D049BB133111EBULL;
    return z ^ (z >> 32);
  }

  /// The state after the tokens, as it should be.
  std::uint64_t state_after(std::span<const text::TokenId> tokens) const {
    auto state = shape_.weights;
    for (const auto token : tokens) state = mix(state, static_cast<std::uint64_t>(text::to_int(token)));
    return state;
  }

  std::vector<float> outputs_after(std::uint64_t state) const {
    std::vector<float> outputs;
    for (std::int64_t i = 0; i < output_width(); ++i) {
      outputs.push_back(static_cast<float>(mix(state, static_cast<std::uint64_t>(i)) % 6000) / 1000.0F - 3.0F);
    }
    return outputs;
  }

  std::int64_t page_tokens() const override { return shape_.page_tokens; }
  std::int64_t bytes_per_page() const override { return shape_.bytes_per_page; }
  std::int64_t max_positions() const override { return shape_.max_positions; }
  std::int64_t vocab_size() const override { return shape_.vocab_size; }
  std::int64_t output_width() const override {
    return shape_.output_width > 0 ? shape_.output_width : shape_.vocab_size;
  }

  void reserve_pages(std::int64_t count) override {
    DROVER_CHECK(num_pages_ == 0, "Pages are reserved twice");
    num_pages_ = count;
  }

  void forward(std::span<const SequenceChunk> chunks) override {
    const OneThread guard(*this);
    ++forwards;
    last_pages.clear();
    last_sizes.clear();
    check_writers(chunks);
    for (const auto& chunk : chunks) {
      last_pages.emplace_back(chunk.pages.begin(), chunk.pages.end());
      last_sizes.push_back(std::ssize(chunk.tokens));
      write(chunk);
    }
    if (before_result && before_result()) {
      for (const auto& chunk : chunks) spoil(chunk);
      throw std::runtime_error("The fake model failed.");
    }
    for (const auto& chunk : chunks) read(chunk);
  }

  void copy_page(PageId from, PageId to, std::int64_t num_tokens) override {
    const OneThread guard(*this);
    DROVER_CHECK(from != to, "A page is copied to itself");
    DROVER_CHECK(num_tokens > 0 && num_tokens < shape_.page_tokens, "{} tokens of a page are copied", num_tokens);
    auto slots = slots_of(from);
    for (auto slot = num_tokens; slot < shape_.page_tokens; ++slot) slots[static_cast<std::size_t>(slot)] = {};
    slots_of(to) = std::move(slots);
    ++copies;
  }

  void discard_page(PageId page) override {
    const OneThread guard(*this);
    for (auto& slot : slots_of(page)) slot = {};
    ++discards;
  }

  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) override {
    for (std::int64_t i = count; i-- > 0;) work(i);
  }

  std::int64_t computed_tokens = 0;
  std::int64_t forwards = 0;
  std::int64_t copies = 0;
  std::int64_t discards = 0;
  std::vector<std::vector<PageId>> last_pages;  ///< of the chunks of the last forward pass
  std::vector<std::int64_t> last_sizes;         ///< how many tokens they had
  std::function<bool()> before_result;          ///< true: the pass fails after it has written nonsense

 private:
  struct Slot {
    text::TokenId token = text::kNoToken;
    std::uint64_t state = 0;
  };

  /// Finds calls that overlap.
  class OneThread {
   public:
    explicit OneThread(FakePagedModel& model) : model_(model) {
      DROVER_CHECK(!model_.is_busy_.exchange(true), "The model is called from two threads at once");
    }
    ~OneThread() { model_.is_busy_ = false; }

   private:
    FakePagedModel& model_;
  };

  std::vector<Slot>& slots_of(PageId page) {
    const auto index = static_cast<std::size_t>(page);
    DROVER_CHECK(static_cast<std::int64_t>(index) < num_pages_, "Page {} of {} does not exist", index, num_pages_);
    if (pages_.size() <= index) pages_.resize(index + 1);
    if (pages_[index].empty()) pages_[index].resize(static_cast<std::size_t>(shape_.page_tokens));
    return pages_[index];
  }
  Slot& slot(const SequenceChunk& chunk, std::int64_t position) {
    const auto page = chunk.pages[static_cast<std::size_t>(position / shape_.page_tokens)];
    return slots_of(page)[static_cast<std::size_t>(position % shape_.page_tokens)];
  }

  void check_writers(std::span<const SequenceChunk> chunks) const {
    for (const auto& writer : chunks) {
      const auto end = writer.begin + static_cast<std::int64_t>(writer.tokens.size());
      DROVER_CHECK(!writer.tokens.empty() && end <= shape_.max_positions, "A chunk ends at position {}", end);
      DROVER_CHECK(static_cast<std::int64_t>(writer.pages.size()) * shape_.page_tokens >= end,
                   "A chunk has too few pages");
      DROVER_CHECK(writer.outputs.size() <= writer.tokens.size(), "More outputs are wanted than tokens are given");
      for (auto page = writer.begin / shape_.page_tokens; page * shape_.page_tokens < end; ++page) {
        const auto written = writer.pages[static_cast<std::size_t>(page)];
        for (const auto& other : chunks) {
          const auto uses = std::count(other.pages.begin(), other.pages.end(), written);
          DROVER_CHECK(uses == (&other == &writer ? 1 : 0), "A page that is written is also of another chunk");
        }
      }
    }
  }

  void write(const SequenceChunk& chunk) {
    auto state = shape_.weights;
    for (std::int64_t position = 0; position < chunk.begin; ++position) {
      const auto& known = slot(chunk, position);
      DROVER_CHECK(known.token != text::kNoToken, "Position {} was never computed", position);
      state = mix(state, static_cast<std::uint64_t>(text::to_int(known.token)));
      DROVER_CHECK(known.state == state, "Position {} was computed after other tokens", position);
    }
    for (std::size_t i = 0; i < chunk.tokens.size(); ++i) {
      state = mix(state, static_cast<std::uint64_t>(text::to_int(chunk.tokens[i])));
      slot(chunk, chunk.begin + static_cast<std::int64_t>(i)) = {chunk.tokens[i], state};
    }
    computed_tokens += static_cast<std::int64_t>(chunk.tokens.size());
  }

  void read(const SequenceChunk& chunk) {
    const auto end = chunk.begin + static_cast<std::int64_t>(chunk.tokens.size());
    const auto count = static_cast<std::int64_t>(chunk.outputs.size());
    for (std::int64_t i = 0; i < count; ++i) {
      const auto outputs = outputs_after(slot(chunk, end - count + i).state);
      std::copy(outputs.begin(), outputs.end(), chunk.outputs[static_cast<std::size_t>(i)]);
    }
  }

  void spoil(const SequenceChunk& chunk) {
    for (std::size_t i = 0; i < chunk.tokens.size(); ++i)
      slot(chunk, chunk.begin + static_cast<std::int64_t>(i)).state ^= 1;
    for (auto* row : chunk.outputs) std::fill(row, row + output_width(), std::nanf(""));
  }

  const Shape shape_;
  std::int64_t num_pages_ = 0;
  std::vector<std::vector<Slot>> pages_;
  std::atomic<bool> is_busy_ = false;
};

}  // namespace drover::engine
