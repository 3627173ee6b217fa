#include "model/packed/packed_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/decoder.h"
#include "model/packed/attention_tiles.h"
#include "model/packed/kernels.h"
#include "model/packed/kv_pages.h"
#include "model/packed/packed_matrix.h"
#include "model/rope.h"
#include "model/threads.h"

namespace drover::model {
namespace {

using engine::SequenceChunk;

std::int64_t padded(std::int64_t size, std::int64_t multiple) { return (size + multiple - 1) / multiple * multiple; }

/// Numbers that grow to the largest pass and stay. Not initialised; aligned for vectors.
template <typename T>
class Scratch {
 public:
  T* of_size(std::int64_t count) {
    if (count > size_) {
      size_ = count;
      memory_.reset(static_cast<T*>(std::aligned_alloc(64, static_cast<std::size_t>(padded(count * std::int64_t{sizeof(T)}, 64)))));
      DROVER_CHECK(memory_ != nullptr, "No memory for {} numbers", count);
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T[], Free> memory_;
  std::int64_t size_ = 0;
};

template <typename Element>
class PackedDecoder final : public engine::PagedModel {
 public:
  PackedDecoder(std::shared_ptr<const Decoder> decoder, WeightForm form)
      : decoder_(std::move(decoder)),
        config_(decoder_->config()),
        form_(form),
        head_dim_(padded(config_.head_dim, kHeadStep)),
        page_elements_(2 * kPageTokens * head_dim_ * config_.num_kv_heads),
        pages_(config_.num_layers * page_elements_ * std::int64_t{sizeof(Element)}),
        rope_(rope_table(config_)),
        embedding_(decoder_->parameter("model.embed_tokens.weight").contiguous()),
        final_norm_(wide("model.norm.weight")) {
    for (std::int64_t index = 0; index < config_.num_layers; ++index) pack_layer(index);
    pack_head();
  }

  std::int64_t page_tokens() const override { return kPageTokens; }
  std::int64_t bytes_per_page() const override { return pages_.bytes_per_page(); }
  std::int64_t max_positions() const override { return config_.max_positions; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t output_width() const override {
    return config_.head.kind == HeadKind::kLanguage ? config_.vocab_size : config_.head.num_labels;
  }
  void reserve_pages(std::int64_t count) override { pages_.reserve(count); }
  void copy_page(engine::PageId from, engine::PageId to, std::int64_t num_tokens) override {
    pages_.copy(from, to);
    clear_behind(to, num_tokens);
  }
  void discard_page(engine::PageId page) override { pages_.discard(page); }
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& work) override { for_each_piece(count, work); }

  void forward(std::span<const SequenceChunk> chunks) override {
    place(chunks);
    if (rows_ == 0) return;
    embed(chunks);
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      attention(chunks, layer);
      feed_forward(layers_[layer]);
    }
    head(chunks);
  }

 private:
  struct Layer {
    at::Tensor input_norm, post_attention_norm;  // float32
    at::Tensor query_norm, key_norm;             // float32; undefined where the model has none
    PackedMatrix qkv, out, gate_and_up, down;
  };

  at::Tensor find(std::string_view name) const {
    for (const auto& [other, tensor] : decoder_->parameters()) {
      if (other == name) return tensor;
    }
    return {};
  }
  at::Tensor wide(std::string_view name) const {
    const at::Tensor tensor = find(name);
    return tensor.defined() ? tensor.to(at::kFloat).contiguous() : tensor;
  }

  void pack_layer(std::int64_t index) {
    const auto name = [index](std::string_view part) { return fmt::format("model.layers.{}.{}", index, part); };
    const auto get = [&](std::string_view part) { return find(name(part)); };
    at::Tensor bias;
    if (get("self_attn.q_proj.bias").defined()) {
      bias = at::cat({get("self_attn.q_proj.bias"), get("self_attn.k_proj.bias"), get("self_attn.v_proj.bias")});
    }
    const at::Tensor qkv = at::cat({get("self_attn.q_proj.weight"), get("self_attn.k_proj.weight"), get("self_attn.v_proj.weight")});
    Layer layer;
    layer.input_norm = wide(name("input_layernorm.weight"));
    layer.post_attention_norm = wide(name("post_attention_layernorm.weight"));
    layer.query_norm = wide(name("self_attn.q_norm.weight"));
    layer.key_norm = wide(name("self_attn.k_norm.weight"));
    layer.qkv = pack_matrix(qkv, bias, 2, form_);
    layer.out = pack_matrix(get("self_attn.o_proj.weight"), get("self_attn.o_proj.bias"), 2, form_);
    layer.gate_and_up = pack_gate_and_up(get("mlp.gate_proj.weight"), get("mlp.gate_proj.bias"), get("mlp.up_proj.weight"), get("mlp.up_proj.bias"),
                                         form_);
    layer.down = pack_matrix(get("mlp.down_proj.weight"), get("mlp.down_proj.bias"), kPanelColumns / 2, form_);
    layers_.push_back(std::move(layer));
  }

  void pack_head() {
    if (config_.head.kind == HeadKind::kLanguage) {
      head_ = pack_matrix(decoder_->parameter(config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight"), {}, 2, form_);
    } else {
      score_ = wide("score.weight");
      score_bias_ = wide("score.bias");
    }
  }

  /// Counts rows, checks the chunks and says where each row stands.
  void place(std::span<const SequenceChunk> chunks) {
    positions_.clear();
    row_pages_.clear();
    outputs_.clear();
    output_rows_.clear();
    for (const SequenceChunk& chunk : chunks) {
      const auto tokens = static_cast<std::int64_t>(chunk.tokens.size());
      DROVER_CHECK(tokens > 0 && chunk.begin >= 0 && chunk.begin + tokens <= config_.max_positions, "Tokens {} .. {} of {} positions",
                   chunk.begin, chunk.begin + tokens, config_.max_positions);
      DROVER_CHECK(static_cast<std::int64_t>(chunk.pages.size()) * kPageTokens >= chunk.begin + tokens, "{} pages for {} tokens",
                   chunk.pages.size(), chunk.begin + tokens);
      DROVER_CHECK(chunk.outputs.size() <= chunk.tokens.size(), "More outputs than tokens");
      for (std::int64_t i = 0; i < tokens; ++i) {
        positions_.push_back(chunk.begin + i);
        row_pages_.push_back(chunk.pages[static_cast<std::size_t>((chunk.begin + i) / kPageTokens)]);
      }
      const auto end = static_cast<std::int64_t>(positions_.size());
      const auto wanted = static_cast<std::int64_t>(chunk.outputs.size());
      for (std::int64_t i = 0; i < wanted; ++i) {
        output_rows_.push_back(end - wanted + i);
        outputs_.push_back(chunk.outputs[static_cast<std::size_t>(i)]);
      }
    }
    rows_ = static_cast<std::int64_t>(positions_.size());
    // What an earlier sequence left behind the last token must not be NaN: its weight of 0 would not make it 0.
    parallel_for(rows_, kPageTokens, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const auto row = static_cast<std::size_t>(r);
        if (positions_[row] % kPageTokens == 0) std::memset(pages_.at(row_pages_[row]), 0, static_cast<std::size_t>(bytes_per_page()));
      }
    });
    tiles_ = attention_tiles(chunks, std::max<std::int64_t>(1, kTileQueries / (config_.num_heads / config_.num_kv_heads)));
  }

  void embed(std::span<const SequenceChunk> chunks) {
    const std::int64_t width = config_.hidden_size;
    float* x = residual_.of_size(rows_ * width);
    std::int64_t row = 0;
    for (const SequenceChunk& chunk : chunks) {
      for (const text::TokenId id : chunk.tokens) {
        const auto index = static_cast<std::int64_t>(text::to_int(id));
        DROVER_CHECK(index >= 0 && index < config_.vocab_size, "Token id {} in a vocabulary of {}", index, config_.vocab_size);
        const auto* from = static_cast<const Element*>(embedding_.const_data_ptr()) + index * width;
        for (std::int64_t i = 0; i < width; ++i) x[row * width + i] = widened(from[i]);
        ++row;
      }
    }
    const auto half = static_cast<std::int64_t>(rope_.inverse_frequencies.size());
    float* cosines = cosines_.of_size(rows_ * half);
    float* sines = sines_.of_size(rows_ * half);
    parallel_for(rows_, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        for (std::int64_t i = 0; i < half; ++i) {
          const float angle = static_cast<float>(positions_[static_cast<std::size_t>(r)]) * rope_.inverse_frequencies[static_cast<std::size_t>(i)];
          cosines[r * half + i] = std::cos(angle) * static_cast<float>(rope_.magnitude);
          sines[r * half + i] = std::sin(angle) * static_cast<float>(rope_.magnitude);
        }
      }
    });
  }

  static float widened(float value) { return value; }
  static float widened(BFloat16 value) {
    const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
    float wide = 0.0F;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
  }

  /// `given` names rows and outputs.
  void multiply(const Multiplication<Element>& given, const PackedMatrix& matrix) {
    auto m = matrix.product<Element>();
    m.a = given.a;
    m.a_stride = given.a_stride;
    m.rows = given.rows == 0 ? rows_ : given.rows;
    m.epilogue = given.epilogue;
    m.out = given.out;
    m.out_stride = given.out_stride;
    m.out_rows = given.out_rows;
    m.gated = given.gated;
    parallel_for(kernels_.tiles(m), 1, [&](std::int64_t begin, std::int64_t end) {
      thread_local Scratch<Element> widened;
      kernels_.multiply(m, begin, end, matrix.is_int8() ? widened.of_size(kPanelColumns * m.k) : nullptr);
    });
  }

  /// Small passes are not worth the threads' meeting.
  static constexpr std::int64_t kRowsOfAThread = 8;

  const Element* normalised(const float* x, const std::int64_t* rows, std::int64_t count, const at::Tensor& weight) {
    const std::int64_t width = config_.hidden_size;
    Element* out = normal_.of_size(count * normal_stride());
    parallel_for(count, kRowsOfAThread, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t from = rows == nullptr ? r : rows[r];
        kernels_.normalise(x + from * width, weight.const_data_ptr<float>(), width, static_cast<float>(config_.rms_norm_eps),
                           out + r * normal_stride());
      }
    });
    return out;
  }
  std::int64_t normal_stride() const { return padded(config_.hidden_size, 16); }

  void attention(std::span<const SequenceChunk> chunks, std::size_t index) {
    const Layer& layer = layers_[index];
    const std::int64_t width = config_.hidden_size;
    float* x = residual_.of_size(rows_ * width);
    const std::int64_t products = (config_.num_heads + 2 * config_.num_kv_heads) * config_.head_dim;
    float* qkv = qkv_.of_size(rows_ * products);
    multiply({.a = normalised(x, nullptr, rows_, layer.input_norm), .a_stride = normal_stride(), .out = qkv, .out_stride = products}, layer.qkv);

    const std::int64_t query_stride = config_.num_heads * head_dim_;
    Element* queries = queries_.of_size(rows_ * query_stride);
    const auto half = config_.head_dim / 2;
    parallel_for(rows_, kRowsOfAThread / 2, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const auto row = static_cast<std::size_t>(r);
        kernels_.prepare({.products = qkv + r * products,
                          .num_heads = config_.num_heads,
                          .num_kv_heads = config_.num_kv_heads,
                          .head_dim = config_.head_dim,
                          .padded_head_dim = head_dim_,
                          .cosines = cosines_.of_size(0) + r * half,
                          .sines = sines_.of_size(0) + r * half,
                          .query_norm = layer.query_norm.defined() ? layer.query_norm.template const_data_ptr<float>() : nullptr,
                          .key_norm = layer.key_norm.defined() ? layer.key_norm.template const_data_ptr<float>() : nullptr,
                          .norm_eps = static_cast<float>(config_.rms_norm_eps),
                          .queries = queries + r * query_stride,
                          .page = page_part(row_pages_[row], index),
                          .slot = positions_[row] % kPageTokens});
      }
    });

    const std::int64_t attended_stride = config_.num_heads * config_.head_dim;
    Element* attended = attended_.of_size(rows_ * attended_stride);
    // Tiles of one head follow each other: long tiles of a prompt spread over the threads.
    const auto tiles = static_cast<std::int64_t>(tiles_.size());
    for_each_piece(tiles * config_.num_kv_heads, [&](std::int64_t piece) {
      attend(chunks, tiles_[static_cast<std::size_t>(piece % tiles)], index, piece / tiles, queries, attended);
    });
    multiply({.a = attended, .a_stride = attended_stride, .epilogue = Epilogue::kAdd, .out = x, .out_stride = width}, layer.out);
  }

  /// Makes zeros of what a page holds behind its first tokens. Layouts: kernels.h.
  void clear_behind(engine::PageId page, std::int64_t num_tokens) {
    constexpr std::int64_t kUnit = std::int64_t{4} / std::int64_t{sizeof(Element)};
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      for (std::int64_t head = 0; head < config_.num_kv_heads; ++head) {
        Element* keys = page_part(page, layer) + 2 * head * kPageTokens * head_dim_;
        for (std::int64_t i = 0; i < head_dim_ / kUnit; ++i) {
          std::fill(keys + (i * kPageTokens + num_tokens) * kUnit, keys + (i + 1) * kPageTokens * kUnit, Element{});
        }
        Element* values = keys + kPageTokens * head_dim_;
        std::int64_t slot = num_tokens;
        for (; slot % kUnit != 0; ++slot) {  // shares its units with a token that stays
          for (std::int64_t i = 0; i < head_dim_; ++i) values[(slot / kUnit * head_dim_ + i) * kUnit + slot % kUnit] = Element{};
        }
        std::fill(values + slot * head_dim_, values + kPageTokens * head_dim_, Element{});
      }
    }
  }

  Element* page_part(engine::PageId page, std::size_t layer) const {
    return reinterpret_cast<Element*>(pages_.at(page)) + static_cast<std::int64_t>(layer) * page_elements_;
  }

  void attend(std::span<const SequenceChunk> chunks, const AttentionTile& tile, std::size_t layer, std::int64_t kv_head,
              const Element* queries, Element* attended) {
    const std::int64_t group = config_.num_heads / config_.num_kv_heads;
    const std::int64_t count = tile.tokens * group;
    thread_local Scratch<Element> gathered_scratch;
    thread_local Scratch<float> state_scratch;
    thread_local std::vector<std::int64_t> begins, ends;
    Element* gathered = gathered_scratch.of_size(count * head_dim_);
    float* largest = state_scratch.of_size(count * (head_dim_ + 2));
    float* sum = largest + count;
    float* weighted = sum + count;
    std::fill(largest, sum, kNothingSeen);
    std::fill(sum, weighted + count * head_dim_, 0.0F);
    begins.clear();
    ends.clear();
    for (std::int64_t token = 0; token < tile.tokens; ++token) {
      const std::int64_t row = tile.row + token;
      std::memcpy(gathered + token * group * head_dim_, queries + (row * config_.num_heads + kv_head * group) * head_dim_,
                  static_cast<std::size_t>(group * head_dim_) * sizeof(Element));
      const std::int64_t end = positions_[static_cast<std::size_t>(row)] + 1;
      begins.insert(begins.end(), static_cast<std::size_t>(group), config_.sliding_window > 0 ? std::max<std::int64_t>(0, end - config_.sliding_window) : 0);
      ends.insert(ends.end(), static_cast<std::size_t>(group), end);
    }
    // Keys of page 0 in this layer and head; pages are equally far apart.
    const std::int64_t part = kPageTokens * head_dim_;
    const Element* keys = reinterpret_cast<const Element*>(pages_.at(engine::PageId{0})) + static_cast<std::int64_t>(layer) * page_elements_ + 2 * kv_head * part;
    const auto go_on = [&](std::int64_t first_token, std::int64_t tokens, std::span<const engine::PageId> pages, std::int64_t from, std::int64_t to) {
      const std::int64_t row = first_token * group;
      // Rounds before everybody's window hold nothing.
      const std::int64_t earliest = *std::min_element(begins.begin() + row, begins.begin() + row + tokens * group) / kRoundTokens;
      kernels_.attend({.head_dim = head_dim_,
                       .scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim)),
                       .rows = tokens * group,
                       .queries = gathered + row * head_dim_,
                       .begins = begins.data() + row,
                       .ends = ends.data() + row,
                       .pages = pages.data(),
                       .num_pages = static_cast<std::int64_t>(pages.size()),
                       .keys = keys,
                       .values = keys + part,
                       .page_stride = config_.num_layers * page_elements_,
                       .first_round = std::max(from, earliest),
                       .last_round = to,
                       .largest = largest + row,
                       .sum = sum + row,
                       .weighted = weighted + row * head_dim_});
    };
    const auto used = [&](const SequenceChunk& chunk, std::int64_t end) {
      return chunk.pages.first(static_cast<std::size_t>((end + kPageTokens - 1) / kPageTokens));
    };
    const auto rounds_to = [](std::int64_t end) { return (end + kRoundTokens - 1) / kRoundTokens; };
    const SequenceChunk& first = chunks[tile.chunk];
    if (tile.is_one_sequence) {
      const std::int64_t end = ends.back();
      go_on(0, tile.tokens, used(first, end), 0, rounds_to(end));
    } else {
      if (tile.shared_rounds > 0) go_on(0, tile.tokens, first.pages.first(static_cast<std::size_t>(tile.shared_rounds * kRoundTokens / kPageTokens)), 0, tile.shared_rounds);
      for (std::int64_t token = 0; token < tile.tokens; ++token) {
        const std::int64_t end = ends[static_cast<std::size_t>(token * group)];
        go_on(token, 1, used(chunks[tile.chunk + static_cast<std::size_t>(token)], end), tile.shared_rounds, rounds_to(end));
      }
    }
    for (std::int64_t row = 0; row < count; ++row) {
      const std::int64_t head = kv_head * group + row % group;
      kernels_.divide(weighted + row * head_dim_, sum[row], config_.head_dim,
                      attended + ((tile.row + row / group) * config_.num_heads + head) * config_.head_dim);
    }
  }

  void feed_forward(const Layer& layer) {
    const std::int64_t width = config_.hidden_size;
    float* x = residual_.of_size(rows_ * width);
    const std::int64_t inner = layer.down.k;
    Element* gated = gated_.of_size(rows_ * inner);
    multiply({.a = normalised(x, nullptr, rows_, layer.post_attention_norm),
              .a_stride = normal_stride(),
              .epilogue = Epilogue::kSwiGlu,
              .out_stride = inner,
              .gated = gated},
             layer.gate_and_up);
    multiply({.a = gated, .a_stride = inner, .epilogue = Epilogue::kAdd, .out = x, .out_stride = width}, layer.down);
  }

  void head(std::span<const SequenceChunk> /*chunks*/) {
    const auto count = static_cast<std::int64_t>(outputs_.size());
    if (count == 0) return;
    const Element* hidden = normalised(residual_.of_size(0), output_rows_.data(), count, final_norm_);
    if (config_.head.kind == HeadKind::kLanguage) {
      multiply({.a = hidden, .a_stride = normal_stride(), .rows = count, .out_rows = outputs_.data()}, head_);
      return;
    }
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t label = 0; label < config_.head.num_labels; ++label) {
        const float* weight = score_.const_data_ptr<float>() + label * config_.hidden_size;
        double score = score_bias_.defined() ? score_bias_.const_data_ptr<float>()[label] : 0.0;
        for (std::int64_t i = 0; i < config_.hidden_size; ++i) {
          score += static_cast<double>(widened(hidden[r * normal_stride() + i])) * static_cast<double>(weight[i]);
        }
        outputs_[static_cast<std::size_t>(r)][label] = static_cast<float>(score);
      }
    }
  }

  static constexpr std::int64_t kTileQueries = 12;  // rows of one attention kernel call (kernels_body.h)

  std::shared_ptr<const Decoder> decoder_;
  const DecoderConfig& config_;
  WeightForm form_;
  const Kernels<Element>& kernels_ = kernels<Element>();
  std::int64_t head_dim_;       // padded
  std::int64_t page_elements_;  // of one layer
  KvPages pages_;
  RopeTable rope_;
  at::Tensor embedding_;
  at::Tensor final_norm_;
  std::vector<Layer> layers_;
  PackedMatrix head_;
  at::Tensor score_, score_bias_;

  // Of the pass that is being computed.
  std::int64_t rows_ = 0;
  std::vector<std::int64_t> positions_;         // of each row
  std::vector<engine::PageId> row_pages_;       // the page that each row's key and value go to
  std::vector<AttentionTile> tiles_;
  std::vector<std::int64_t> output_rows_;
  std::vector<float*> outputs_;
  Scratch<float> residual_, qkv_, cosines_, sines_;
  Scratch<Element> normal_, queries_, attended_, gated_;
};

}  // namespace

std::unique_ptr<engine::PagedModel> make_packed_decoder(const std::shared_ptr<const Decoder>& decoder, WeightForm form) {
  const c10::NoGradGuard no_gradients;
  if (!decoder->device().is_cpu()) throw base::UserError("The packed decoder computes on the CPU, but the weights are on {}.", decoder->device().str());
  if (decoder->config().head_dim > 1024) throw base::UserError("head_dim = {}: heads of at most 1,024 numbers are possible.", decoder->config().head_dim);
  if (decoder->dtype() == at::kFloat) return std::make_unique<PackedDecoder<float>>(decoder, form);
  return std::make_unique<PackedDecoder<BFloat16>>(decoder, form);
}

}  // namespace drover::model
