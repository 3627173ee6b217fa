#include "model/trained/trained_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "model/threads.h"
#include "model/trained/element.h"
#include "model/trained/thread_scratch.h"

namespace drover::model {
namespace {

Places padded_places(std::int64_t size) {
  Places places;
  for (std::int64_t i = 0; i < whole_panels(size); ++i) places.push_back(i < size ? i : -1);
  return places;
}

// Heads of `head_dim`, each padded.
Places head_places(std::int64_t heads, std::int64_t head_dim) {
  Places places;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t i = 0; i < whole_panels(head_dim); ++i) places.push_back(i < head_dim ? h * head_dim + i : -1);
  }
  return places;
}

// Rows of the gate and, below them, of up: in turns of half a panel.
Places gate_up_places(std::int64_t size) {
  constexpr std::int64_t kHalf = kPanelColumns / 2;
  Places places;
  for (std::int64_t begin = 0; begin < whole_panels(size); begin += kHalf) {
    for (const std::int64_t first : {std::int64_t{0}, size}) {
      for (std::int64_t i = begin; i < begin + kHalf; ++i) places.push_back(i < size ? first + i : -1);
    }
  }
  return places;
}

std::string name_in(std::int64_t layer, std::string_view name) { return fmt::format("model.layers.{}.{}", layer, name); }

std::vector<std::string> names_in(std::int64_t layer, std::initializer_list<std::string_view> names, std::string_view suffix) {
  std::vector<std::string> all;
  for (const auto name : names) all.push_back(fmt::format("model.layers.{}.{}.{}", layer, name, suffix));
  return all;
}

const float* values_or_null(const std::optional<TrainedVector>& vector) { return vector ? vector->values() : nullptr; }

// x [rows, k] times a matrix in panels of its own layout, or of the transposed one.
template <typename Element>
TileProduct<Element> product(const Element* x, std::int64_t k, std::int64_t rows, const Element* panels, std::int64_t outputs) {
  TileProduct<Element> p;
  p.a = x;
  p.a_row = k;
  p.a_unit = kUnit<Element>;
  p.rows = rows;
  p.b = panels;
  p.b_panel = k * kPanelColumns;
  p.b_unit = kPanelColumns * kUnit<Element>;
  p.panels = outputs / kPanelColumns;
  p.units = k / kUnit<Element>;
  return p;
}

// Pairs along the tokens of a row: [panels of the width][units][64][unit].
template <typename Element>
struct TokenPairs {
  TokenPairs(Buffer& buffer, std::int64_t tokens, std::int64_t width)
      : units((tokens + kUnit<Element> - 1) / kUnit<Element>), panel(units * kPanelColumns * kUnit<Element>),
        data(buffer.of<Element>(panel * (width / kPanelColumns))) {}
  Element* at(std::int64_t token) const { return data + token / kUnit<Element> * kPanelColumns * kUnit<Element>; }

  std::int64_t units;
  std::int64_t panel;  // numbers from a panel to the next
  Element* data;
};

template <typename Element>
void put_pairs(const TokenPairs<Element>& pairs, const Element* rows, std::int64_t width, std::int64_t first, std::int64_t count) {
  training_kernels<Element>().pair_rows(rows, width, count, width, pairs.at(first), pairs.panel, kPanelColumns * kUnit<Element>);
}

// Rows that are `width` wide, at the beginning of rows that are `stride` wide.
template <typename Element>
void copy_rows(const Element* from, std::int64_t width, std::int64_t rows, Element* to, std::int64_t stride) {
  for (std::int64_t r = 0; r < rows; ++r) std::memcpy(to + r * stride, from + r * width, static_cast<std::size_t>(width) * sizeof(Element));
}

template <typename Element>
void round_rows(const float* from, std::int64_t width, std::int64_t rows, Element* to, std::int64_t stride) {
  for (std::int64_t r = 0; r < rows; ++r) training_kernels<Element>().round(from + r * width, width, to + r * stride);
}

// Writes u, the products with A, behind rows of inputs that are `product_inputs` wide.
template <typename Element>
void project(const TrainedMatrix<Element>& matrix, Element* x, std::int64_t rows) {
  if (matrix.low_rank() == nullptr) return;
  auto p = product(x, matrix.inputs(), rows, matrix.low_rank()->panel(0), matrix.low_rank_width());
  p.a_row = matrix.product_inputs();
  p.end = TileEnd::kRound;
  p.rounded = x + matrix.inputs();
  p.rounded_row = matrix.product_inputs();
  training_kernels<Element>().multiply(p);
}

// Writes du, the products with the transposed scale * B, behind gradients of outputs that are `product_outputs` wide.
template <typename Element>
void project_back(const TrainedMatrix<Element>& matrix, const Element* transposed, Element* gradients, std::int64_t rows) {
  if (matrix.low_rank() == nullptr) return;
  auto p = product(gradients, matrix.outputs(), rows, transposed + matrix.inputs() * matrix.product_outputs(), matrix.low_rank_width());
  p.a_row = matrix.product_outputs();
  p.b_panel = matrix.product_outputs() * kPanelColumns;
  p.end = TileEnd::kRound;
  p.rounded = gradients + matrix.outputs();
  p.rounded_row = matrix.product_outputs();
  training_kernels<Element>().multiply(p);
}

// The sum of the tokens' rows, added to a bias's gradient.
template <typename Element>
void add_bias_gradient(const TokenPairs<Element>& pairs, std::optional<TrainedVector>& bias) {
  if (!bias) return;
  for (std::int64_t column = 0; column < bias->size(); ++column) {
    const Element* from = pairs.data + column / kPanelColumns * pairs.panel + column % kPanelColumns * kUnit<Element>;
    float sum = 0.0F;
    for (std::int64_t unit = 0; unit < pairs.units; ++unit, from += kPanelColumns * kUnit<Element>) {
      for (std::int64_t i = 0; i < kUnit<Element>; ++i) sum += widened(from[i]);
    }
    bias->gradient()[column] += sum;
  }
}

// What blocks summed up apart, in order.
void add_in_order(const float* sums, std::int64_t blocks, std::int64_t width, float* to) {
  for (std::int64_t b = 0; b < blocks; ++b) training_kernels<float>().add_scaled(sums + b * width, 1.0F, width, to);
}

enum : std::size_t { kNormed, kQkvGradient, kAttended, kOutputGradient, kMiddleNormed, kGateUpGradient, kGated, kDownGradient };
enum : std::size_t { kQkv, kOutput, kGateUp, kDown };

}  // namespace

template <typename Element>
TrainedLayer<Element>::TrainedLayer(const Decoder& start, std::int64_t index, const Adapter* adapter)
    : config_(start.config()),
      widths_(config_),
      input_norm_(name_in(index, "input_layernorm.weight"), start, kUnit<Element> == 2),
      middle_norm_(name_in(index, "post_attention_layernorm.weight"), start, kUnit<Element> == 2),
      qkv_(names_in(index, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, "weight"), start,
           head_places(config_.num_heads + 2 * config_.num_kv_heads, config_.head_dim), padded_places(config_.hidden_size), adapter),
      output_(names_in(index, {"self_attn.o_proj"}, "weight"), start, padded_places(config_.hidden_size),
              head_places(config_.num_heads, config_.head_dim), adapter),
      gate_up_(names_in(index, {"mlp.gate_proj", "mlp.up_proj"}, "weight"), start, gate_up_places(config_.intermediate_size),
               padded_places(config_.hidden_size), adapter),
      down_(names_in(index, {"mlp.down_proj"}, "weight"), start, padded_places(config_.hidden_size),
            padded_places(config_.intermediate_size), adapter) {
  const bool is_rounded = kUnit<Element> == 2;
  if (config_.attention_bias) {
    qkv_bias_.emplace(names_in(index, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, "bias"), start, is_rounded,
                      head_places(config_.num_heads + 2 * config_.num_kv_heads, config_.head_dim));
  }
  if (config_.attention_output_bias) {
    output_bias_.emplace(names_in(index, {"self_attn.o_proj"}, "bias"), start, is_rounded, padded_places(config_.hidden_size));
  }
  if (config_.mlp_bias) {
    gate_up_bias_.emplace(names_in(index, {"mlp.gate_proj", "mlp.up_proj"}, "bias"), start, is_rounded,
                          gate_up_places(config_.intermediate_size));
    down_bias_.emplace(names_in(index, {"mlp.down_proj"}, "bias"), start, is_rounded, padded_places(config_.hidden_size));
  }
  if (config_.qk_norm) {
    query_norm_.emplace(name_in(index, "self_attn.q_norm.weight"), start, is_rounded);
    key_norm_.emplace(name_in(index, "self_attn.k_norm.weight"), start, is_rounded);
  }
}

template <typename Element>
void TrainedLayer<Element>::for_each_matrix(const std::function<void(TrainedMatrix<Element>&)>& visit) {
  for (auto* matrix : {&qkv_, &output_, &gate_up_, &down_}) visit(*matrix);
}

template <typename Element>
void TrainedLayer<Element>::for_each_vector(const std::function<void(TrainedVector&)>& visit) {
  visit(input_norm_);
  visit(middle_norm_);
  for (auto* vector : {&qkv_bias_, &output_bias_, &gate_up_bias_, &down_bias_, &query_norm_, &key_norm_}) {
    if (*vector) visit(**vector);
  }
}

template <typename Element>
HeadRotation<Element> TrainedLayer<Element>::rotation(const RowPass& pass, std::int64_t token) const {
  const std::int64_t half = config_.head_dim / 2;
  return {.num_heads = config_.num_heads,
          .num_kv_heads = config_.num_kv_heads,
          .head_dim = config_.head_dim,
          .padded_head_dim = widths_.head,
          .cosines = pass.cosines.data() + token * half,
          .sines = pass.sines.data() + token * half,
          .query_norm = values_or_null(query_norm_),
          .key_norm = values_or_null(key_norm_),
          .norm_eps = static_cast<float>(config_.rms_norm_eps)};
}

template <typename Element>
void TrainedLayer<Element>::forward(RowPass& pass, const float* in, LayerMemory& memory, float* out) const {
  const auto& kernels = training_kernels<Element>();
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const std::int64_t hidden = widths_.hidden;
  auto* qkv = memory.qkv.of<Element>(pass.tokens * widths_.qkv);
  float* raw = config_.qk_norm ? memory.raw_qk.of<float>(pass.tokens * widths_.qkv) : nullptr;
  for_each_piece(pass.num_blocks(), [&](std::int64_t block) {
    const std::int64_t first = pass.block_begins[static_cast<std::size_t>(block)];
    const std::int64_t rows = pass.block_begins[static_cast<std::size_t>(block) + 1] - first;
    ThreadScratch scratch;
    const std::int64_t normed_width = qkv_.product_inputs();
    auto* normed = scratch.of<Element>(rows * normed_width);
    float* products = raw != nullptr ? raw + first * widths_.qkv : scratch.of<float>(rows * widths_.qkv);
    for (std::int64_t r = 0; r < rows; ++r) {
      kernels.normalise(in + (first + r) * hidden, input_norm_.values(), config_.hidden_size, hidden, eps, normed + r * normed_width);
    }
    project(qkv_, normed, rows);
    auto multiplication = product(normed, normed_width, rows, qkv_.panel(0), widths_.qkv);
    multiplication.bias = values_or_null(qkv_bias_);
    multiplication.out = products;
    multiplication.out_row = widths_.qkv;
    kernels.multiply(multiplication);
    for (std::int64_t r = 0; r < rows; ++r) {
      kernels.rotate(rotation(pass, first + r), products + r * widths_.qkv, qkv + (first + r) * widths_.qkv);
    }
  });

  attend(pass, memory);

  const auto* attended = memory.attended.of<Element>(0);
  auto* middle = memory.middle.of<float>(pass.tokens * hidden);
  const std::int64_t gates_width = gate_up_.product_outputs();
  auto* gate_up = memory.gate_up.of<Element>(pass.tokens * gates_width);
  for_each_piece(pass.num_blocks(), [&](std::int64_t block) {
    const std::int64_t first = pass.block_begins[static_cast<std::size_t>(block)];
    const std::int64_t rows = pass.block_begins[static_cast<std::size_t>(block) + 1] - first;
    ThreadScratch scratch;
    const std::int64_t normed_width = gate_up_.product_inputs(), gated_width = down_.product_inputs(), attended_width = output_.product_inputs();
    auto* normed = scratch.of<Element>(rows * normed_width);
    auto* gated = scratch.of<Element>(rows * gated_width);
    const Element* own_attended = attended + first * widths_.queries;
    if (output_.low_rank() != nullptr) {
      auto* wider = scratch.of<Element>(rows * attended_width);
      copy_rows(own_attended, widths_.queries, rows, wider, attended_width);
      project(output_, wider, rows);
      own_attended = wider;
    }
    const auto add_product = [&](auto multiplication, const std::optional<TrainedVector>& bias, const float* before, float* after) {
      std::memcpy(after, before, static_cast<std::size_t>(rows * hidden) * sizeof(float));
      multiplication.bias = values_or_null(bias);
      multiplication.end = TileEnd::kAdd;
      multiplication.out = after;
      multiplication.out_row = hidden;
      kernels.multiply(multiplication);
    };
    float* after_attention = middle + first * hidden;
    add_product(product(own_attended, attended_width, rows, output_.panel(0), hidden), output_bias_, in + first * hidden, after_attention);
    for (std::int64_t r = 0; r < rows; ++r) {
      kernels.normalise(after_attention + r * hidden, middle_norm_.values(), config_.hidden_size, hidden, eps, normed + r * normed_width);
    }
    project(gate_up_, normed, rows);
    auto multiplication = product(normed, normed_width, rows, gate_up_.panel(0), 2 * widths_.intermediate);
    multiplication.bias = values_or_null(gate_up_bias_);
    multiplication.end = TileEnd::kSwiGlu;
    multiplication.rounded = gate_up + first * gates_width;
    multiplication.rounded_row = gates_width;
    multiplication.gated = gated;
    multiplication.gated_row = gated_width;
    kernels.multiply(multiplication);
    project(down_, gated, rows);
    add_product(product(gated, gated_width, rows, down_.panel(0), hidden), down_bias_, after_attention, out + first * hidden);
  });
}

template <typename Element>
void TrainedLayer<Element>::attend(RowPass& pass, LayerMemory& memory) const {
  const auto& kernels = training_kernels<Element>();
  const TreeBlocks& blocks = pass.blocks;
  const std::int64_t square = kBlockTokens * widths_.head;
  const std::int64_t runs = blocks.num_runs();
  const std::int64_t group = config_.num_heads / config_.num_kv_heads;
  const auto* qkv = memory.qkv.of<Element>(0);
  auto* keys = pass.key_panels.of<Element>(config_.num_kv_heads * runs * square);
  auto* values = pass.value_panels.of<Element>(config_.num_kv_heads * runs * square);
  for_each_piece(config_.num_kv_heads * runs, [&](std::int64_t piece) {
    const std::int64_t kv_head = piece / runs;
    const auto& run = blocks.runs[static_cast<std::size_t>(piece % runs)];
    const Element* key = qkv + run.begin * widths_.qkv + widths_.queries + kv_head * widths_.head;
    const Element* value = key + config_.num_kv_heads * widths_.head;
    kernels.panel_of_rows(key, widths_.qkv, run.count, widths_.head, keys + piece * square);
    Element* pairs = values + piece * square;
    std::memset(pairs, 0, static_cast<std::size_t>(square) * sizeof(Element));  // what lies behind the last key has to be numbers
    kernels.pair_rows(value, widths_.qkv, run.count, widths_.head, pairs, kPanelColumns * kUnit<Element>, widths_.head * kUnit<Element>);
  });
  auto* attended = memory.attended.of<Element>(pass.tokens * widths_.queries);
  auto* log_sums = memory.log_sums.of<float>(config_.num_heads * pass.tokens);
  // Queries and output rows lie apart in memory, so each tile is copied to rows of the kernel's own.
  for_each_piece(config_.num_heads * runs, [&](std::int64_t piece) {
    const std::int64_t head = piece % config_.num_heads;
    const auto run_index = static_cast<std::size_t>(runs - 1 - piece / config_.num_heads);  // the longest first
    const auto& run = blocks.runs[run_index];
    const std::int64_t entry = blocks.first_entry[run_index];
    ThreadScratch scratch;
    auto* queries = scratch.of<Element>(square);
    auto* result = scratch.of<Element>(square);
    const std::size_t row_bytes = static_cast<std::size_t>(widths_.head) * sizeof(Element);
    for (std::int64_t r = 0; r < run.count; ++r) {
      std::memcpy(queries + r * widths_.head, qkv + (run.begin + r) * widths_.qkv + head * widths_.head, row_bytes);
    }
    kernels.attend({.rows = run.count,
                    .head_dim = widths_.head,
                    .scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim)),
                    .queries = queries,
                    .query_row = widths_.head,
                    .num_blocks = blocks.first_entry[run_index + 1] - entry,
                    .blocks = blocks.keys.data() + entry,
                    .begins = blocks.begins.data() + entry * kBlockTokens,
                    .ends = blocks.ends.data() + entry * kBlockTokens,
                    .keys = keys + head / group * runs * square,
                    .values = values + head / group * runs * square,
                    .out = result,
                    .log_sums = log_sums + head * pass.tokens + run.begin,
                    .scratch = scratch.of<float>(query_scratch(widths_.head))});
    for (std::int64_t r = 0; r < run.count; ++r) {
      std::memcpy(attended + (run.begin + r) * widths_.queries + head * widths_.head, result + r * widths_.head, row_bytes);
    }
  });
}

template <typename Element>
void TrainedLayer<Element>::backward(RowPass& pass, const float* in, LayerMemory& memory) {
  transpose_weights(pass);
  mlp_and_output_backward(pass, memory);
  attention_backward(pass, memory);
  input_backward(pass, in, memory);
  weight_gradients(pass);
}

template <typename Element>
void TrainedLayer<Element>::transpose_weights(RowPass& pass) const {
  const TrainedMatrix<Element>* matrices[] = {&qkv_, &output_, &gate_up_, &down_};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto* matrix = matrices[i];
    auto* to = pass.transposed[i].of<Element>(matrix->product_inputs() * matrix->product_outputs());
    parallel_for(matrix->product_outputs() / kPanelColumns, 1, [&](std::int64_t begin, std::int64_t end) { matrix->transpose(begin, end, to); });
  }
}

template <typename Element>
void TrainedLayer<Element>::mlp_and_output_backward(RowPass& pass, LayerMemory& memory) {
  const auto& kernels = training_kernels<Element>();
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const std::int64_t hidden = widths_.hidden, intermediate = widths_.intermediate, queries = widths_.queries;
  const TokenPairs<Element> down_gradient(pass.pairs[kDownGradient], pass.tokens, down_.product_outputs());
  const TokenPairs<Element> gated_pairs(pass.pairs[kGated], pass.tokens, down_.product_inputs());
  const TokenPairs<Element> gate_up_gradient(pass.pairs[kGateUpGradient], pass.tokens, gate_up_.product_outputs());
  const TokenPairs<Element> middle_normed(pass.pairs[kMiddleNormed], pass.tokens, gate_up_.product_inputs());
  const TokenPairs<Element> output_gradient(pass.pairs[kOutputGradient], pass.tokens, output_.product_outputs());
  const TokenPairs<Element> attended_pairs(pass.pairs[kAttended], pass.tokens, output_.product_inputs());
  auto* out_gradients = pass.out_gradients.of<Element>(pass.tokens * queries);
  auto* dots = pass.dots.of<float>(config_.num_heads * pass.tokens);
  auto* norm_sums = pass.norm_gradients.of<float>(pass.num_blocks() * hidden);
  const auto* attended = memory.attended.of<Element>(0);
  const auto* middle = memory.middle.of<float>(0);
  auto* gate_up = memory.gate_up.of<Element>(0);
  auto* gradient = pass.gradient.of<float>(0);
  for_each_piece(pass.num_blocks(), [&](std::int64_t block) {
    const std::int64_t first = pass.block_begins[static_cast<std::size_t>(block)];
    const std::int64_t rows = pass.block_begins[static_cast<std::size_t>(block) + 1] - first;
    ThreadScratch scratch;
    auto* rounded = scratch.of<Element>(rows * (hidden + widest_addition()));
    const std::int64_t gated_width = down_.product_inputs(), gates_width = gate_up_.product_outputs();
    auto* gated = scratch.of<Element>(rows * gated_width);
    auto* products = scratch.of<float>(rows * hidden);
    float* own = gradient + first * hidden;
    Element* gates = gate_up + first * gates_width;

    const auto* transposed = pass.transposed[kDown].of<Element>(0);
    round_rows(own, hidden, rows, rounded, down_.product_outputs());
    project_back(down_, transposed, rounded, rows);
    put_pairs(down_gradient, rounded, down_.product_outputs(), first, rows);
    auto through_down = product(rounded, down_.product_outputs(), rows, transposed, intermediate);
    through_down.end = TileEnd::kSwiGluBackward;
    through_down.gate_up = through_down.rounded = gates;
    through_down.rounded_row = gates_width;
    through_down.gated = gated;
    through_down.gated_row = gated_width;
    kernels.multiply(through_down);
    project(down_, gated, rows);
    project_back(gate_up_, pass.transposed[kGateUp].of<Element>(0), gates, rows);
    put_pairs(gated_pairs, gated, gated_width, first, rows);
    put_pairs(gate_up_gradient, gates, gates_width, first, rows);

    auto through_gate_up = product(gates, gates_width, rows, pass.transposed[kGateUp].of<Element>(0), hidden);
    through_gate_up.out = products;
    through_gate_up.out_row = hidden;
    kernels.multiply(through_gate_up);
    std::memset(norm_sums + block * hidden, 0, static_cast<std::size_t>(hidden) * sizeof(float));
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* x = middle + (first + r) * hidden;
      kernels.normalise(x, middle_norm_.values(), config_.hidden_size, hidden, eps, rounded + r * gate_up_.product_inputs());
      kernels.normalise_backward(x, middle_norm_.values(), products + r * hidden, config_.hidden_size, hidden, eps, own + r * hidden,
                                 norm_sums + block * hidden);
    }
    project(gate_up_, rounded, rows);
    put_pairs(middle_normed, rounded, gate_up_.product_inputs(), first, rows);

    transposed = pass.transposed[kOutput].of<Element>(0);
    round_rows(own, hidden, rows, rounded, output_.product_outputs());
    project_back(output_, transposed, rounded, rows);
    put_pairs(output_gradient, rounded, output_.product_outputs(), first, rows);
    auto through_output = product(rounded, output_.product_outputs(), rows, transposed, queries);
    through_output.end = TileEnd::kRound;
    through_output.rounded = out_gradients + first * queries;
    through_output.rounded_row = queries;
    kernels.multiply(through_output);
    const Element* own_attended = attended + first * queries;
    if (output_.low_rank() != nullptr) {
      auto* wider = scratch.of<Element>(rows * output_.product_inputs());
      copy_rows(own_attended, queries, rows, wider, output_.product_inputs());
      project(output_, wider, rows);
      own_attended = wider;
    }
    put_pairs(attended_pairs, own_attended, output_.product_inputs(), first, rows);
    for (std::int64_t t = first; t < first + rows; ++t) {
      for (std::int64_t head = 0; head < config_.num_heads; ++head) {
        const std::int64_t at = t * queries + head * widths_.head;
        dots[head * pass.tokens + t] = kernels.dot(attended + at, out_gradients + at, widths_.head);
      }
    }
  });
  add_in_order(norm_sums, pass.num_blocks(), hidden, middle_norm_.gradient());
  if (down_.is_frozen()) return;
  add_bias_gradient(down_gradient, down_bias_);
  add_bias_gradient(gate_up_gradient, gate_up_bias_);
  add_bias_gradient(output_gradient, output_bias_);
}

template <typename Element>
void TrainedLayer<Element>::attention_backward(RowPass& pass, LayerMemory& memory) const {
  const auto& kernels = training_kernels<Element>();
  const TreeBlocks& blocks = pass.blocks;
  const std::int64_t head_width = widths_.head, square = kBlockTokens * head_width;
  const std::int64_t runs = blocks.num_runs();
  const std::int64_t heads = config_.num_heads, kv_heads = config_.num_kv_heads;
  const std::int64_t pair_panel = kPanelColumns * kUnit<Element>, pair_unit = head_width * kUnit<Element>;
  const auto* qkv = memory.qkv.of<Element>(0);
  const auto* log_sums = memory.log_sums.of<float>(0);
  const auto* out_gradients = pass.out_gradients.of<Element>(0);
  auto* keys = pass.key_panels.of<Element>(kv_heads * runs * square);
  auto* values = pass.value_panels.of<Element>(kv_heads * runs * square);
  auto* key_pairs = pass.key_pairs.of<Element>(kv_heads * runs * square);
  for_each_piece(kv_heads * runs, [&](std::int64_t piece) {
    const auto& run = blocks.runs[static_cast<std::size_t>(piece % runs)];
    const Element* key = qkv + run.begin * widths_.qkv + widths_.queries + piece / runs * head_width;
    kernels.panel_of_rows(key, widths_.qkv, run.count, head_width, keys + piece * square);
    kernels.panel_of_rows(key + kv_heads * head_width, widths_.qkv, run.count, head_width, values + piece * square);
    std::memset(key_pairs + piece * square, 0, static_cast<std::size_t>(square) * sizeof(Element));
    kernels.pair_rows(key, widths_.qkv, run.count, head_width, key_pairs + piece * square, pair_panel, pair_unit);
  });
  auto* query_pairs = pass.query_pairs.of<Element>(heads * runs * square);
  auto* gradient_pairs = pass.out_gradient_pairs.of<Element>(heads * runs * square);
  for_each_piece(runs, [&](std::int64_t index) {
    const auto& run = blocks.runs[static_cast<std::size_t>(index)];
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t place = (head * runs + index) * square;
      kernels.pair_rows(qkv + run.begin * widths_.qkv + head * head_width, widths_.qkv, run.count, head_width, query_pairs + place,
                        pair_panel, pair_unit);
      kernels.pair_rows(out_gradients + run.begin * widths_.queries + head * head_width, widths_.queries, run.count, head_width,
                        gradient_pairs + place, pair_panel, pair_unit);
    }
  });

  // Each head of queries has sums of its own for keys and values; whoever turns them back adds them up.
  auto* query_gradients = pass.query_gradients.of<float>(heads * pass.tokens * head_width);
  auto* key_gradients = pass.key_gradients.of<float>(heads * pass.tokens * head_width);
  auto* value_gradients = pass.value_gradients.of<float>(heads * pass.tokens * head_width);
  const auto trees = static_cast<std::int64_t>(blocks.trees.size());
  const auto* dots = pass.dots.of<float>(0);
  for_each_piece(trees * heads, [&](std::int64_t piece) {
    const std::int64_t head = piece % heads;
    const std::int64_t kv_head = head / (heads / kv_heads);
    const auto& tree = blocks.trees[static_cast<std::size_t>(piece / heads)];
    ThreadScratch scratch;
    auto* key_sums = scratch.of<float>(square);
    auto* value_sums = scratch.of<float>(square);
    auto* queries = scratch.of<Element>(square);
    auto* gradients = scratch.of<Element>(square);
    auto* work = scratch.of<float>(pair_scratch());
    const auto at = [&](std::int64_t token) { return (head * pass.tokens + token) * head_width; };
    for (const std::int32_t run_index : tree) {
      const auto& run = blocks.runs[static_cast<std::size_t>(run_index)];
      std::memset(query_gradients + at(run.begin), 0, static_cast<std::size_t>(run.count * head_width) * sizeof(float));
    }
    for (const std::int32_t key_index : tree) {
      std::memset(key_sums, 0, static_cast<std::size_t>(square) * sizeof(float));
      std::memset(value_sums, 0, static_cast<std::size_t>(square) * sizeof(float));
      const auto index = static_cast<std::size_t>(key_index);
      for (std::int64_t s = blocks.first_seer[index]; s < blocks.first_seer[index + 1]; ++s) {
        const auto& seer = blocks.seers[static_cast<std::size_t>(s)];
        const auto& run = blocks.runs[static_cast<std::size_t>(seer.queries)];
        const std::int64_t place = (head * runs + seer.queries) * square;
        const std::int64_t panel = (kv_head * runs + key_index) * square;
        const auto row_bytes = static_cast<std::size_t>(head_width) * sizeof(Element);
        for (std::int64_t r = 0; r < run.count; ++r) {
          std::memcpy(queries + r * head_width, qkv + (run.begin + r) * widths_.qkv + head * head_width, row_bytes);
          std::memcpy(gradients + r * head_width, out_gradients + (run.begin + r) * widths_.queries + head * head_width, row_bytes);
        }
        kernels.attend_backward({.rows = run.count,
                                 .head_dim = head_width,
                                 .scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim)),
                                 .begins = blocks.begins.data() + seer.entry * kBlockTokens,
                                 .ends = blocks.ends.data() + seer.entry * kBlockTokens,
                                 .queries = queries,
                                 .out_gradients = gradients,
                                 .query_row = head_width,
                                 .query_pairs = query_pairs + place,
                                 .out_gradient_pairs = gradient_pairs + place,
                                 .log_sums = log_sums + head * pass.tokens + run.begin,
                                 .dots = dots + head * pass.tokens + run.begin,
                                 .keys = keys + panel,
                                 .values = values + panel,
                                 .key_pairs = key_pairs + panel,
                                 .query_gradients = query_gradients + at(run.begin),
                                 .query_gradient_row = head_width,
                                 .key_gradients = key_sums,
                                 .value_gradients = value_sums,
                                 .scratch = work});
      }
      const auto& run = blocks.runs[index];
      const auto bytes = static_cast<std::size_t>(run.count * head_width) * sizeof(float);
      std::memcpy(key_gradients + at(run.begin), key_sums, bytes);
      std::memcpy(value_gradients + at(run.begin), value_sums, bytes);
    }
  });
}

template <typename Element>
void TrainedLayer<Element>::input_backward(RowPass& pass, const float* in, LayerMemory& memory) {
  const auto& kernels = training_kernels<Element>();
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const std::int64_t hidden = widths_.hidden, head_width = widths_.head, heads = config_.num_heads;
  const TokenPairs<Element> qkv_gradient(pass.pairs[kQkvGradient], pass.tokens, qkv_.product_outputs());
  const TokenPairs<Element> normed_pairs(pass.pairs[kNormed], pass.tokens, qkv_.product_inputs());
  const auto* query_gradients = pass.query_gradients.of<float>(0);
  const auto* key_gradients = pass.key_gradients.of<float>(0);
  const auto* value_gradients = pass.value_gradients.of<float>(0);
  const float* raw = config_.qk_norm ? memory.raw_qk.of<float>(0) : nullptr;
  const std::int64_t sums_width = hidden + (config_.qk_norm ? 2 * head_width : 0);
  auto* sums = pass.norm_gradients.of<float>(pass.num_blocks() * sums_width);
  auto* gradient = pass.gradient.of<float>(0);
  for_each_piece(pass.num_blocks(), [&](std::int64_t block) {
    const std::int64_t first = pass.block_begins[static_cast<std::size_t>(block)];
    const std::int64_t rows = pass.block_begins[static_cast<std::size_t>(block) + 1] - first;
    ThreadScratch scratch;
    const std::int64_t normed_width = qkv_.product_inputs(), turned_width = qkv_.product_outputs();
    auto* normed = scratch.of<Element>(rows * normed_width);
    auto* turned = scratch.of<Element>(rows * turned_width);
    auto* products = scratch.of<float>(rows * hidden);
    auto* queries = scratch.of<float>(widths_.queries);
    float* own_sums = sums + block * sums_width;
    std::memset(own_sums, 0, static_cast<std::size_t>(sums_width) * sizeof(float));
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t token = first + r;
      for (std::int64_t head = 0; head < heads; ++head) {
        std::memcpy(queries + head * head_width, query_gradients + (head * pass.tokens + token) * head_width,
                    static_cast<std::size_t>(head_width) * sizeof(float));
      }
      kernels.rotate_backward(rotation(pass, token), raw == nullptr ? nullptr : raw + token * widths_.qkv, queries,
                              key_gradients + token * head_width, value_gradients + token * head_width, pass.tokens * head_width,
                              own_sums + hidden, own_sums + hidden + head_width, turned + r * turned_width);
    }
    const auto* transposed = pass.transposed[kQkv].of<Element>(0);
    project_back(qkv_, transposed, turned, rows);
    put_pairs(qkv_gradient, turned, turned_width, first, rows);
    auto through_qkv = product(turned, turned_width, rows, transposed, hidden);
    through_qkv.out = products;
    through_qkv.out_row = hidden;
    kernels.multiply(through_qkv);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* x = in + (first + r) * hidden;
      kernels.normalise(x, input_norm_.values(), config_.hidden_size, hidden, eps, normed + r * normed_width);
      kernels.normalise_backward(x, input_norm_.values(), products + r * hidden, config_.hidden_size, hidden, eps,
                                 gradient + (first + r) * hidden, own_sums);
    }
    project(qkv_, normed, rows);
    put_pairs(normed_pairs, normed, normed_width, first, rows);
  });
  for (std::int64_t block = 0; block < pass.num_blocks(); ++block) {
    const float* own_sums = sums + block * sums_width;
    add_in_order(own_sums, 1, hidden, input_norm_.gradient());
    if (!query_norm_) continue;
    add_in_order(own_sums + hidden, 1, head_width, query_norm_->gradient());
    add_in_order(own_sums + hidden + head_width, 1, head_width, key_norm_->gradient());
  }
  if (!qkv_.is_frozen()) add_bias_gradient(qkv_gradient, qkv_bias_);
}

template <typename Element>
std::int64_t TrainedLayer<Element>::widest_addition() const {
  return std::max({qkv_.low_rank_width(), output_.low_rank_width(), gate_up_.low_rank_width(), down_.low_rank_width()});
}

namespace {

template <typename Element>
struct GradientWork {
  TrainedMatrix<Element>* matrix;
  TokenPairs<Element> in, out;
};

// Inputs of a block by outputs of a panel, summed over the tokens.
template <typename Element>
TileProduct<Element> gradient_tile(const GradientWork<Element>& work, std::int64_t block, std::int64_t panel, float* out) {
  TileProduct<Element> p;
  p.a = work.in.data + block * work.in.panel;
  p.a_row = kUnit<Element>;
  p.a_unit = kPanelColumns * kUnit<Element>;
  p.rows = kPanelColumns;
  p.b = work.out.data + panel * work.out.panel;
  p.b_unit = kPanelColumns * kUnit<Element>;
  p.panels = 1;
  p.units = work.in.units;
  p.out = out;
  p.out_row = kPanelColumns;
  return p;
}

}  // namespace

template <typename Element>
void TrainedLayer<Element>::weight_gradients(RowPass& pass) {
  const auto pairs = [&](std::size_t which, std::int64_t width) { return TokenPairs<Element>(pass.pairs[which], pass.tokens, width); };
  const auto work_of = [&](TrainedMatrix<Element>& matrix, std::size_t in, std::size_t out) {
    return GradientWork<Element>{&matrix, pairs(in, matrix.product_inputs()), pairs(out, matrix.product_outputs())};
  };
  // The longest pieces first.
  const GradientWork<Element> all[] = {work_of(down_, kGated, kDownGradient), work_of(gate_up_, kMiddleNormed, kGateUpGradient),
                                       work_of(qkv_, kNormed, kQkvGradient), work_of(output_, kAttended, kOutputGradient)};
  // Of the weights: a panel each. Of pairs: a panel of outputs for B, behind them a block of inputs for A.
  std::vector<std::pair<const GradientWork<Element>*, std::int64_t>> pieces;
  for (const auto& work : all) {
    if (work.matrix->is_frozen() && work.matrix->low_rank() == nullptr) continue;
    const std::int64_t count = work.matrix->panels() + (work.matrix->is_frozen() ? work.matrix->inputs() / kPanelColumns : 0);
    for (std::int64_t panel = 0; panel < count; ++panel) pieces.emplace_back(&work, panel);
  }
  for_each_piece(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t piece) {
    const auto& [work, index] = pieces[static_cast<std::size_t>(piece)];
    auto& matrix = *work->matrix;
    const auto& kernels = training_kernels<Element>();
    const std::int64_t blocks = matrix.inputs() / kPanelColumns, additions = matrix.low_rank_width() / kPanelColumns;
    if (!matrix.is_frozen()) {
      for (std::int64_t block = 0; block < blocks; ++block) {
        auto tile = gradient_tile(*work, block, index, matrix.gradient_panel(index) + block * kPanelColumns * kPanelColumns);
        tile.end = TileEnd::kAdd;
        kernels.multiply(tile);
      }
      return;
    }
    ThreadScratch scratch;
    auto* sums = scratch.of<float>(kPanelColumns * kPanelColumns);
    for (std::int64_t addition = 0; addition < additions; ++addition) {
      if (index < matrix.panels()) {
        kernels.multiply(gradient_tile(*work, blocks + addition, index, sums));
        matrix.low_rank()->add_b_gradient(index, addition, sums);
      } else {
        kernels.multiply(gradient_tile(*work, index - matrix.panels(), matrix.panels() + addition, sums));
        matrix.low_rank()->add_a_gradient(addition, index - matrix.panels(), sums);
      }
    }
  });
}

template class TrainedLayer<float>;
template class TrainedLayer<BFloat16>;

}  // namespace drover::model
