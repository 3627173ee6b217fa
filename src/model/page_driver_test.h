#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/paged_model.h"

namespace drover::model {

/// A sequence in pages, grown by any number of tokens at a time.
struct PagedSequence {
  std::vector<text::TokenId> tokens;
  std::vector<engine::PageId> pages;
  std::int64_t computed = 0;
};

/// Runs passes over a decoder, and gives each sequence pages of its own.
class PageDriver {
 public:
  explicit PageDriver(std::unique_ptr<engine::PagedModel> model, std::int64_t pages = 2000) : model_(std::move(model)) { model_->reserve_pages(pages); }

  engine::PagedModel& model() { return *model_; }
  engine::PageId new_page() { return engine::PageId{next_page_++}; }

  struct Step {
    PagedSequence* sequence;
    std::int64_t count;  // tokens that are computed now
  };
  /// The outputs at the last computed token of each.
  std::vector<std::vector<float>> forward(const std::vector<Step>& steps) {
    std::vector<std::vector<float>> outputs(steps.size(), std::vector<float>(static_cast<std::size_t>(model_->output_width()), std::numeric_limits<float>::quiet_NaN()));
    std::vector<float*> places;
    for (auto& output : outputs) places.push_back(output.data());
    std::vector<engine::SequenceChunk> chunks;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      PagedSequence& sequence = *steps[i].sequence;
      const std::int64_t end = sequence.computed + steps[i].count;
      while (static_cast<std::int64_t>(sequence.pages.size()) * model_->page_tokens() < end) sequence.pages.push_back(new_page());
      chunks.push_back({.tokens = std::span(sequence.tokens).subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(steps[i].count)),
                        .begin = sequence.computed,
                        .pages = sequence.pages,
                        .outputs = std::span(places).subspan(i, 1)});
      sequence.computed = end;
    }
    model_->forward(chunks);
    return outputs;
  }
  std::vector<float> whole(const std::vector<text::TokenId>& tokens) {
    PagedSequence sequence{.tokens = tokens, .pages = {}};
    return forward({{&sequence, static_cast<std::int64_t>(tokens.size())}})[0];
  }

 private:
  std::unique_ptr<engine::PagedModel> model_;
  std::int32_t next_page_ = 0;
};

}  // namespace drover::model
