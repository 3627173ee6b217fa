#include "model/cuda/device_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/cuda/attention_plan.h"
#include "model/cuda/device_attention.h"
#include "model/cuda/kernels_of_device.h"
#include "model/decoder.h"
#include "model/rope.h"
#include "model/threads.h"

namespace drover::model {
namespace {

using at::Tensor;
using engine::SequenceChunk;

struct Linear {
  Tensor weight, bias;  // the bias is undefined where the model has none
  Tensor of(const Tensor& x) const { return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight); }
};

struct Layer {
  Tensor input_norm, post_attention_norm, q_norm, k_norm;
  Linear q, k, v, o, gate, up, down;
};

class LayerReader {
 public:
  explicit LayerReader(const Decoder& decoder) {
    for (const auto& [name, tensor] : decoder.parameters()) tensors_.emplace(name, tensor.detach());
  }
  Layer layer(std::int64_t index) const {
    const auto linear = [&](std::string_view part) { return Linear{get(index, part, "weight"), get(index, part, "bias")}; };
    return {.input_norm = get(index, "input_layernorm", "weight"),
            .post_attention_norm = get(index, "post_attention_layernorm", "weight"),
            .q_norm = get(index, "self_attn.q_norm", "weight"),
            .k_norm = get(index, "self_attn.k_norm", "weight"),
            .q = linear("self_attn.q_proj"),
            .k = linear("self_attn.k_proj"),
            .v = linear("self_attn.v_proj"),
            .o = linear("self_attn.o_proj"),
            .gate = linear("mlp.gate_proj"),
            .up = linear("mlp.up_proj"),
            .down = linear("mlp.down_proj")};
  }

 private:
  Tensor get(std::int64_t index, std::string_view part, std::string_view kind) const {
    const auto found = tensors_.find(fmt::format("model.layers.{}.{}.{}", index, part, kind));
    return found == tensors_.end() ? Tensor() : found->second;
  }
  std::map<std::string, Tensor> tensors_;
};

/// What a pass computes, on the device.
struct Pass {
  AttentionPlan plan;
  Tensor numbers;  // int32, with these parts:
  std::int64_t ids = 0, positions = 0, slots = 0, wanted = 0, items = 0, pieces = 0, page_table = 0, merged = 0, parts = 0;
  std::int64_t num_tokens = 0, num_wanted = 0;

  const std::int32_t* at(std::int64_t begin) const { return numbers.const_data_ptr<std::int32_t>() + begin; }
  Tensor slice(std::int64_t begin, std::int64_t count) const { return numbers.slice(0, begin, begin + count); }
};

class DeviceDecoder final : public engine::PagedModel {
 public:
  DeviceDecoder(std::shared_ptr<const Decoder> decoder, const DeviceKernels& kernels)
      : decoder_(std::move(decoder)), config_(decoder_->config()), kernels_(kernels), type_(device_type_of(decoder_->dtype())) {
    DROVER_CHECK(heads_fit_kernels(config_), "Heads of {} numbers, {} of queries over {} of keys", config_.head_dim, config_.num_heads, config_.num_kv_heads);
    const LayerReader reader(*decoder_);
    for (std::int64_t index = 0; index < config_.num_layers; ++index) layers_.push_back(reader.layer(index));
    const RopeTable table = rope_table(config_);
    magnitude_ = static_cast<float>(table.magnitude);
    inverse_frequencies_ = at::tensor(table.inverse_frequencies, at::kFloat).to(decoder_->device());
  }

  std::int64_t page_tokens() const override { return kDevicePageTokens; }
  std::int64_t bytes_per_page() const override {
    return 2 * config_.num_layers * kDevicePageTokens * config_.num_kv_heads * config_.head_dim * static_cast<std::int64_t>(at::elementSize(decoder_->dtype()));
  }
  std::int64_t max_positions() const override { return config_.max_positions; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t output_width() const override { return config_.head.kind == HeadKind::kLanguage ? config_.vocab_size : config_.head.num_labels; }

  /// [layers, 2, pages * tokens, kv_heads, head_dim]
  void reserve_pages(std::int64_t count) override {
    memory_ = at::empty({config_.num_layers, 2, count * kDevicePageTokens, config_.num_kv_heads, config_.head_dim}, options());
  }
  void copy_page(engine::PageId from, engine::PageId to, std::int64_t num_tokens) override {
    const c10::NoGradGuard no_gradients;
    page(to).slice(2, 0, num_tokens).copy_(page(from).slice(2, 0, num_tokens));
  }
  void discard_page(engine::PageId) override {}
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) override { for_each_piece(count, work); }

  void forward(std::span<const SequenceChunk> chunks) override {
    const c10::NoGradGuard no_gradients;
    const c10::DeviceGuard guard(decoder_->device());
    stream_handle_ = current_stream(decoder_->device());
    const Pass pass = pass_of(chunks);
    const Tensor hidden = trunk(pass);
    if (pass.num_wanted > 0) give(decoder_->outputs_of(hidden.index_select(0, pass.slice(pass.wanted, pass.num_wanted))), chunks);
  }

 private:
  at::TensorOptions options() const { return at::TensorOptions().dtype(decoder_->dtype()).device(decoder_->device()); }
  at::TensorOptions float_options() const { return options().dtype(at::kFloat); }
  Tensor page(engine::PageId id) const {
    const auto begin = static_cast<std::int64_t>(id) * kDevicePageTokens;
    return memory_.slice(2, begin, begin + kDevicePageTokens);
  }

  Pass pass_of(std::span<const SequenceChunk> chunks) const {
    Pass pass;
    std::vector<std::int32_t> ids, positions, slots, wanted;
    for (const SequenceChunk& chunk : chunks) {
      for (std::size_t i = 0; i < chunk.tokens.size(); ++i) {
        const auto position = static_cast<std::int32_t>(chunk.begin) + static_cast<std::int32_t>(i);
        const std::int32_t id = text::to_int(chunk.tokens[i]);
        DROVER_CHECK(id >= 0 && id < config_.vocab_size, "Token id {} in a vocabulary of {}", id, config_.vocab_size);
        const auto place = static_cast<std::size_t>(position / kDevicePageTokens);
        DROVER_CHECK(place < chunk.pages.size(), "Position {} in {} pages", position, chunk.pages.size());
        ids.push_back(id);
        positions.push_back(position);
        slots.push_back(static_cast<std::int32_t>(chunk.pages[place]) * kDevicePageTokens + position % kDevicePageTokens);
      }
      for (std::size_t i = chunk.outputs.size(); i > 0; --i) wanted.push_back(static_cast<std::int32_t>(ids.size() - i));
    }
    pass.num_tokens = static_cast<std::int64_t>(ids.size());
    pass.num_wanted = static_cast<std::int64_t>(wanted.size());
    pass.plan = plan_chunks(chunks, config_.sliding_window, rows_of_item(type_) / (config_.num_heads / config_.num_kv_heads));
    DeviceNumbers numbers;
    pass.ids = numbers.add(ids);
    pass.positions = numbers.add(positions);
    pass.slots = numbers.add(slots);
    pass.wanted = numbers.add(wanted);
    pass.items = numbers.add(pass.plan.items);
    pass.pieces = numbers.add(pass.plan.pieces);
    pass.page_table = numbers.add(pass.plan.page_table);
    pass.merged = numbers.add(pass.plan.merged);
    pass.parts = numbers.add(pass.plan.parts);
    pass.numbers = numbers.on(decoder_->device());
    return pass;
  }

  Tensor trunk(const Pass& pass) const {
    const Tensor embedded = at::embedding(decoder_->parameter("model.embed_tokens.weight"), pass.slice(pass.ids, pass.num_tokens));
    const Tensor stream = embedded.to(at::kFloat);
    const Tensor normed = at::empty({pass.num_tokens, config_.hidden_size}, options());
    const Tensor partial_outputs = at::empty({pass.plan.num_partial_rows, config_.num_heads, config_.head_dim}, float_options());
    const Tensor partial_logs = at::empty({pass.plan.num_partial_rows, config_.num_heads}, float_options());
    Tensor addend;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      add_and_norm(stream, addend, layer.input_norm, normed);
      const Tensor queries = layer.q.of(normed), keys = layer.k.of(normed), values = layer.v.of(normed);
      rotate_into_pages(pass, i, queries, keys, values);
      addend = layer.o.of(attended(pass, i, queries, partial_outputs, partial_logs));
      add_and_norm(stream, addend, layer.post_attention_norm, normed);
      const Tensor gate = layer.gate.of(normed), up = layer.up.of(normed);
      kernels_.swiglu({.gate = gate.const_data_ptr(), .up = up.const_data_ptr(), .gated = gate.mutable_data_ptr(), .count = gate.numel()}, type_, stream_handle_);
      addend = layer.down.of(gate);
    }
    add_and_norm(stream, addend, decoder_->parameter("model.norm.weight"), normed);
    return normed;
  }

  void add_and_norm(const Tensor& stream, const Tensor& addend, const Tensor& weight, const Tensor& normed) const {
    kernels_.add_and_norm({.stream = stream.mutable_data_ptr<float>(),
                           .addend = addend.defined() ? addend.const_data_ptr() : nullptr,
                           .weight = weight.const_data_ptr(),
                           .normed = normed.mutable_data_ptr(),
                           .rows = static_cast<std::int32_t>(stream.size(0)),
                           .width = static_cast<std::int32_t>(stream.size(1)),
                           .epsilon = static_cast<float>(config_.rms_norm_eps)},
                          type_, stream_handle_);
  }

  void rotate_into_pages(const Pass& pass, std::size_t index, const Tensor& queries, const Tensor& keys, const Tensor& values) const {
    const Layer& layer = layers_[index];
    const Tensor pages = memory_[static_cast<std::int64_t>(index)];
    kernels_.rotate_into_pages({.queries = queries.mutable_data_ptr(),
                                .keys = keys.const_data_ptr(),
                                .values = values.const_data_ptr(),
                                .query_norm = layer.q_norm.defined() ? layer.q_norm.const_data_ptr() : nullptr,
                                .key_norm = layer.k_norm.defined() ? layer.k_norm.const_data_ptr() : nullptr,
                                .inverse_frequencies = inverse_frequencies_.const_data_ptr<float>(),
                                .positions = pass.at(pass.positions),
                                .slots = pass.at(pass.slots),
                                .page_keys = pages[0].mutable_data_ptr(),
                                .page_values = pages[1].mutable_data_ptr(),
                                .tokens = static_cast<std::int32_t>(pass.num_tokens),
                                .heads = static_cast<std::int32_t>(config_.num_heads),
                                .kv_heads = static_cast<std::int32_t>(config_.num_kv_heads),
                                .head_dim = static_cast<std::int32_t>(config_.head_dim),
                                .magnitude = magnitude_,
                                .epsilon = static_cast<float>(config_.rms_norm_eps)},
                               type_, stream_handle_);
  }

  Tensor attended(const Pass& pass, std::size_t index, const Tensor& queries, const Tensor& partial_outputs, const Tensor& partial_logs) const {
    const Tensor pages = memory_[static_cast<std::int64_t>(index)];
    const Tensor output = at::empty_like(queries);
    const AttentionInputs inputs{.queries = queries.const_data_ptr(),
                                 .keys = pages[0].const_data_ptr(),
                                 .values = pages[1].const_data_ptr(),
                                 .pieces = reinterpret_cast<const VisiblePiece*>(pass.at(pass.pieces)),
                                 .page_table = pass.at(pass.page_table),
                                 .heads = static_cast<std::int32_t>(config_.num_heads),
                                 .kv_heads = static_cast<std::int32_t>(config_.num_kv_heads),
                                 .head_dim = static_cast<std::int32_t>(config_.head_dim),
                                 .window = config_.sliding_window > 0 ? static_cast<std::int32_t>(std::min<std::int64_t>(config_.sliding_window, kNoWindow)) : kNoWindow,
                                 .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim)))};
    kernels_.attention({.inputs = inputs,
                        .items = reinterpret_cast<const AttentionItem*>(pass.at(pass.items)),
                        .num_items = static_cast<std::int32_t>(pass.plan.items.size()),
                        .output = output.mutable_data_ptr(),
                        .log_sum_exp = nullptr,
                        .partial_outputs = partial_outputs.mutable_data_ptr<float>(),
                        .partial_log_sum_exp = partial_logs.mutable_data_ptr<float>()},
                       type_, stream_handle_);
    kernels_.merge({.tokens = reinterpret_cast<const MergedToken*>(pass.at(pass.merged)),
                    .num_tokens = static_cast<std::int32_t>(pass.plan.merged.size()),
                    .parts = pass.at(pass.parts),
                    .partial_outputs = partial_outputs.const_data_ptr<float>(),
                    .partial_log_sum_exp = partial_logs.const_data_ptr<float>(),
                    .heads = inputs.heads,
                    .head_dim = inputs.head_dim,
                    .output = output.mutable_data_ptr()},
                   type_, stream_handle_);
    return output;
  }

  // The engine samples on the host: outputs come through pinned memory, in one copy, which also waits for the pass.
  void give(const Tensor& outputs, std::span<const SequenceChunk> chunks) {
    if (!host_outputs_.defined() || host_outputs_.size(0) < outputs.size(0)) {
      host_outputs_ = at::empty(outputs.sizes(), at::TensorOptions().dtype(at::kFloat).pinned_memory(outputs.is_cuda()));
    }
    host_outputs_.slice(0, 0, outputs.size(0)).copy_(outputs);
    std::vector<float*> places;
    for (const SequenceChunk& chunk : chunks) places.insert(places.end(), chunk.outputs.begin(), chunk.outputs.end());
    const auto* from = host_outputs_.const_data_ptr<float>();
    const std::int64_t width = output_width();
    for_each_piece(static_cast<std::int64_t>(places.size()), [&](std::int64_t i) { std::copy(from + i * width, from + (i + 1) * width, places[static_cast<std::size_t>(i)]); });
  }

  std::shared_ptr<const Decoder> decoder_;
  const DecoderConfig& config_;
  const DeviceKernels& kernels_;
  ElementType type_;
  std::vector<Layer> layers_;
  Tensor inverse_frequencies_;
  float magnitude_ = 1.0F;
  Tensor memory_, host_outputs_;
  void* stream_handle_ = nullptr;
};

}  // namespace

std::unique_ptr<engine::PagedModel> make_device_decoder(const std::shared_ptr<const Decoder>& decoder, const DeviceKernels& kernels) {
  return std::make_unique<DeviceDecoder>(decoder, kernels);
}

}  // namespace drover::model
