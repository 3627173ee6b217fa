#include "model/paged_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "model/attention.h"
#include "model/cuda/device_decoder.h"
#include "model/cuda/kernels_of_device.h"
#include "model/decoder.h"
#include "model/threads.h"

namespace drover::model {
namespace {

using at::Tensor;
using engine::SequenceChunk;

constexpr std::int64_t kTokensOfAPage = 32;

class PagedDecoder final : public engine::PagedModel {
 public:
  explicit PagedDecoder(std::shared_ptr<const Decoder> decoder) : decoder_(std::move(decoder)), config_(decoder_->config()) {}

  std::int64_t page_tokens() const override { return kTokensOfAPage; }
  std::int64_t bytes_per_page() const override {
    return 2 * config_.num_layers * kTokensOfAPage * config_.num_kv_heads * config_.head_dim * static_cast<std::int64_t>(at::elementSize(decoder_->dtype()));
  }
  std::int64_t max_positions() const override { return config_.max_positions; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t output_width() const override {
    return config_.head.kind == HeadKind::kLanguage ? config_.vocab_size : config_.head.num_labels;
  }

  /// Slots of tokens, page after page: [layers, 2, pages * tokens, kv_heads, head_dim].
  void reserve_pages(std::int64_t count) override {
    const auto options = at::TensorOptions().dtype(decoder_->dtype()).device(decoder_->device());
    memory_ = at::empty({config_.num_layers, 2, count * kTokensOfAPage, config_.num_kv_heads, config_.head_dim}, options);
  }

  /// What lies behind the tokens is never read.
  void copy_page(engine::PageId from, engine::PageId to, std::int64_t num_tokens) override {
    const c10::NoGradGuard no_gradients;
    slots_of(to).narrow(2, 0, num_tokens).copy_(slots_of(from).narrow(2, 0, num_tokens));
  }
  void discard_page(engine::PageId) override {}
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) override { for_each_piece(count, work); }

  void forward(std::span<const SequenceChunk> chunks) override {
    const c10::NoGradGuard no_gradients;
    std::vector<text::TokenId> tokens;
    std::vector<std::int32_t> positions;
    std::vector<std::int64_t> written, wanted;
    std::vector<Tensor> seen;  // slots of each sequence up to its last new token
    for (const SequenceChunk& chunk : chunks) {
      const auto end = chunk.begin + static_cast<std::int64_t>(chunk.tokens.size());
      const Tensor slots = slots_up_to(end, chunk.pages);
      for (std::int64_t position = chunk.begin; position < end; ++position) {
        positions.push_back(static_cast<std::int32_t>(position));
        written.push_back(slot_of(position, chunk.pages));
      }
      tokens.insert(tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
      for (std::size_t i = chunk.outputs.size(); i > 0; --i) wanted.push_back(static_cast<std::int64_t>(tokens.size() - i));
      seen.push_back(slots.to(decoder_->device()));
    }
    const Tensor places = index_of(written);
    const Tensor hidden = decoder_->hidden_with(tokens, positions, [&](std::size_t layer, const Tensor& q, const Tensor& k, const Tensor& v) {
      const auto index = static_cast<std::int64_t>(layer);
      const Tensor keys = memory_[index][0], values = memory_[index][1];
      keys.index_copy_(0, places, k);
      values.index_copy_(0, places, v);
      std::vector<Tensor> attended;
      std::int64_t row = 0;
      for (std::size_t i = 0; i < chunks.size(); ++i) {
        const auto count = static_cast<std::int64_t>(chunks[i].tokens.size());
        attended.push_back(attend(q.slice(0, row, row + count), keys.index_select(0, seen[i]), values.index_select(0, seen[i]), chunks[i].begin));
        row += count;
      }
      return at::cat(attended, 0);
    });
    if (wanted.empty()) return;
    const Tensor outputs = decoder_->outputs_of(hidden.index_select(0, index_of(wanted))).to(at::kCPU).contiguous();
    const auto* from = outputs.const_data_ptr<float>();
    for (const SequenceChunk& chunk : chunks) {
      for (float* place : chunk.outputs) {
        std::copy(from, from + output_width(), place);
        from += output_width();
      }
    }
  }

 private:
  Tensor slots_of(engine::PageId page) const {
    const auto begin = static_cast<std::int64_t>(page) * kTokensOfAPage;
    return memory_.slice(2, begin, begin + kTokensOfAPage);
  }
  static std::int64_t slot_of(std::int64_t position, std::span<const engine::PageId> pages) {
    const auto page = static_cast<std::size_t>(position / kTokensOfAPage);
    DROVER_CHECK(page < pages.size(), "Position {} in {} pages", position, pages.size());
    return static_cast<std::int64_t>(pages[page]) * kTokensOfAPage + position % kTokensOfAPage;
  }
  static Tensor slots_up_to(std::int64_t end, std::span<const engine::PageId> pages) {
    Tensor slots = at::empty({end}, at::kLong);
    auto* slot = slots.mutable_data_ptr<std::int64_t>();
    for (std::int64_t position = 0; position < end; ++position) slot[position] = slot_of(position, pages);
    return slots;
  }
  Tensor index_of(const std::vector<std::int64_t>& indices) const { return at::tensor(indices, at::kLong).to(decoder_->device()); }

  /// Queries at positions begin .. see everything up to themselves, and not beyond the window.
  Tensor attend(const Tensor& q, const Tensor& keys, const Tensor& values, std::int64_t begin) const {
    const Tensor asking = at::arange(begin, begin + q.size(0)).unsqueeze(1);
    const Tensor asked = at::arange(keys.size(0)).unsqueeze(0);
    Tensor mask = asked <= asking;
    if (config_.sliding_window > 0) mask = mask.logical_and(asking - asked < config_.sliding_window);
    if (q.size(0) == 1 && config_.sliding_window == 0) mask = Tensor();
    return attend_fused(q, keys, values, mask.defined() ? mask.to(decoder_->device()) : mask);
  }

  std::shared_ptr<const Decoder> decoder_;
  const DecoderConfig& config_;
  Tensor memory_;
};

}  // namespace

std::unique_ptr<engine::PagedModel> make_paged_decoder(const std::shared_ptr<const Decoder>& decoder) {
  const DeviceKernels* kernels = kernels_of(decoder->device());
  if (kernels != nullptr && heads_fit_kernels(decoder->config())) return make_device_decoder(decoder, *kernels);
  return std::make_unique<PagedDecoder>(decoder);
}

}  // namespace drover::model
