#include "model/trained/trained_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "model/threads.h"
#include "model/trained/element.h"
#include "model/trained/language_head.h"
#include "model/trained/row_pass.h"
#include "model/trained/score_head.h"
#include "model/trained/trained_embedding.h"
#include "model/trained/trained_layer.h"

namespace drover::model {
namespace {

using at::Tensor;

Places counted(std::int64_t size) {
  Places places;
  for (std::int64_t i = 0; i < whole_panels(size); ++i) places.push_back(i < size ? i : -1);
  return places;
}

template <typename Element>
class TrainedDecoderOf final : public TrainedDecoder {
 public:
  TrainedDecoderOf(const Decoder& start, bool recompute_layers, const Adapter* adapter)
      : config_(start.config()),
        widths_(config_),
        recompute_layers_(recompute_layers),
        is_frozen_(adapter != nullptr),
        norm_("model.norm.weight", start, kUnit<Element> == 2) {
    constexpr const char* kEmbedding = "model.embed_tokens.weight";
    const bool has_language_head = config_.head.kind == HeadKind::kLanguage;
    if (has_language_head) {
      matrix_.emplace(std::vector<std::string>{config_.tied_embeddings ? kEmbedding : "lm_head.weight"}, start, counted(config_.vocab_size),
                      counted(config_.hidden_size), adapter);
      language_head_.emplace(*matrix_, config_.vocab_size);
    } else {
      score_head_.emplace(start, kUnit<Element> == 2);
    }
    if (!has_language_head || !config_.tied_embeddings) {
      if (is_frozen_) {
        frozen_embedding_ = start.parameter(kEmbedding).detach().to(kUnit<Element> == 2 ? at::kBFloat16 : at::kFloat, false, /*copy=*/true).contiguous();
      } else {
        embedding_.emplace(kEmbedding, start, kUnit<Element> == 2);
      }
    }
    for (std::int64_t index = 0; index < config_.num_layers; ++index) layers_.push_back(std::make_unique<TrainedLayer<Element>>(start, index, adapter));
    if (is_frozen_) {
      for (const auto& [name, tensor] : tensors_of(*adapter)) learned_names_.push_back(name);
    } else {
      for (const auto& [name, shape] : parameter_shapes(config_)) learned_names_.push_back(name);
    }
  }

  Tensor forward(const TokenRow& row) override {
    const auto layers = static_cast<std::size_t>(config_.num_layers);
    streams_.resize(layers + 1);
    memories_.resize(recompute_layers_ ? 1 : layers);
    row_ = row;
    run_layers(row, [&](std::size_t layer) -> Buffer& { return streams_[layer]; },
               [&](std::size_t layer) -> LayerMemory& { return memories_[recompute_layers_ ? 0 : layer]; });
    is_ready_ = true;
    return head_outputs(row, streams_.back());
  }

  Tensor outputs(const TokenRow& row) override {
    is_ready_ = false;
    run_layers(row, [&](std::size_t layer) -> Buffer& { return other_streams_[layer % 2]; },
               [&](std::size_t) -> LayerMemory& { return other_memory_; });
    return head_outputs(row, other_streams_[static_cast<std::size_t>(config_.num_layers) % 2]);
  }

  void backward(const Tensor& output_gradients) override {
    DROVER_CHECK(is_ready_, "A backward pass follows a forward pass");
    is_ready_ = false;
    if (row_.learned.empty() || row_.tokens.empty()) return;
    const std::int64_t hidden = widths_.hidden;
    const auto learned = static_cast<std::int64_t>(row_.learned.size());
    const Tensor given = output_gradients.to(at::kFloat).contiguous();
    auto* hidden_gradients = hidden_gradients_.of<float>(learned * hidden);
    if (language_head_) {
      language_head_->backward(given.const_data_ptr<float>(), hidden_gradients);
    } else {
      score_head_->backward(given.const_data_ptr<float>(), hidden_gradients);
    }

    auto* gradient = pass_.gradient.template of<float>(pass_.tokens * hidden);
    std::memset(gradient, 0, static_cast<std::size_t>(pass_.tokens * hidden) * sizeof(float));
    const auto* stream = streams_.back().template of<float>(0);
    for (std::int64_t i = 0; i < learned; ++i) {
      const std::int64_t position = row_.learned[static_cast<std::size_t>(i)].position;
      training_kernels<Element>().normalise_backward(stream + position * hidden, norm_.values(), hidden_gradients + i * hidden,
                                                     config_.hidden_size, hidden, static_cast<float>(config_.rms_norm_eps),
                                                     gradient + position * hidden, norm_.gradient());
    }
    for (std::size_t layer = layers_.size(); layer-- > 0;) {
      const auto* in = streams_[layer].template of<float>(0);
      LayerMemory& memory = memories_[recompute_layers_ ? 0 : layer];
      if (recompute_layers_ && layer + 1 < layers_.size()) {
        layers_[layer]->forward(pass_, in, memory, streams_[layer + 1].template of<float>(0));
      }
      layers_[layer]->backward(pass_, in, memory);
    }
    if (!is_frozen_) add_embedding_gradients(gradient);
  }

  void clear_gradients() override {
    for_each_matrix([](TrainedMatrix<Element>& matrix) {
      parallel_for(matrix.panels(), 1, [&](std::int64_t begin, std::int64_t end) { matrix.clear_gradient(begin, end); });
    });
    for_each_low_rank([](TrainedMatrix<Element>& matrix) { matrix.low_rank()->clear_gradient(); });
    for_each_vector([](TrainedVector& vector) { vector.clear_gradient(); });
    if (embedding_) embedding_->clear_gradient();
  }

  double gradient_norm() const override {
    double squares = 0.0;
    auto& self = const_cast<TrainedDecoderOf&>(*this);  // visits, and changes nothing
    self.for_each_matrix([&](TrainedMatrix<Element>& matrix) {
      std::vector<double> of_panels(static_cast<std::size_t>(matrix.panels()));
      for_each_piece(matrix.panels(), [&](std::int64_t p) { of_panels[static_cast<std::size_t>(p)] = matrix.gradient_squares(p, p + 1); });
      for (const double of_panel : of_panels) squares += of_panel;
    });
    self.for_each_low_rank([&](TrainedMatrix<Element>& matrix) { squares += matrix.low_rank()->gradient_squares(); });
    self.for_each_vector([&](TrainedVector& vector) { squares += vector.gradient_squares(); });
    if (embedding_) squares += embedding_->gradient_squares();
    return std::sqrt(squares);
  }

  void update(const AdamWStep& step) override {
    for_each_matrix([&](TrainedMatrix<Element>& matrix) {
      for_each_piece(matrix.panels(), [&](std::int64_t p) { matrix.update(step, p, p + 1); });
    });
    for_each_low_rank([&](TrainedMatrix<Element>& matrix) { matrix.update_low_rank(step); });
    for_each_vector([&](TrainedVector& vector) { vector.update(step); });
    if (embedding_) embedding_->update(step);
  }

  const std::vector<std::string>& learned_names() const override { return learned_names_; }

  NamedTensors read(Kept what) const override {
    std::map<std::string, Tensor> found;
    const auto add = [&](const auto& part) {
      for (auto& [name, tensor] : part.read(what)) found.emplace(name, tensor);
    };
    if (what == Kept::kWeights) {
      visit_weights(add);
    } else {
      visit_learned(add);
    }
    NamedTensors ordered;
    if (what != Kept::kWeights) {
      for (const auto& name : learned_names_) ordered.emplace_back(name, found.at(name));
      return ordered;
    }
    if (frozen_embedding_.defined()) found.emplace("model.embed_tokens.weight", frozen_embedding_);
    for (const auto& [name, shape] : parameter_shapes(config_)) ordered.emplace_back(name, found.at(name));
    return ordered;
  }

  Tensor read_one(Kept what, const std::string& name) const override {
    Tensor found;
    visit_learned([&](const auto& part) {
      if (std::find(part.names().begin(), part.names().end(), name) == part.names().end()) return;
      for (auto& [own_name, tensor] : part.read(what)) {
        if (own_name == name) found = tensor;
      }
    });
    DROVER_CHECK(found.defined(), "There is no parameter {}", name);
    return found;
  }

  void write(Kept what, const NamedTensors& values) override {
    for_each_matrix([&](TrainedMatrix<Element>& matrix) { matrix.write(what, values); });
    for_each_low_rank([&](TrainedMatrix<Element>& matrix) { matrix.write_low_rank(what, values); });
    for_each_vector([&](TrainedVector& vector) { vector.write(what, values); });
    if (embedding_) embedding_->write(what, values);
  }

  void free_all_but_weights() override {
    for_each_any_matrix([](TrainedMatrix<Element>& matrix) { matrix.free_gradient_and_moments(); });
    if (embedding_) embedding_->free_gradient_and_moments();
    is_ready_ = false;
    pass_ = {};
    streams_.clear();
    memories_.clear();
    for (auto& stream : other_streams_) stream.free();
    other_memory_ = {};
    picked_.free();
    hidden_gradients_.free();
    if (language_head_) language_head_->free();
  }

  const DecoderConfig& config() const override { return config_; }

  std::int64_t parameter_bytes() const override {
    std::int64_t bytes = 0;
    auto& self = const_cast<TrainedDecoderOf&>(*this);  // visits, and changes nothing
    self.for_each_any_matrix([&](TrainedMatrix<Element>& matrix) {
      const std::int64_t size = matrix.is_frozen() ? static_cast<std::int64_t>(sizeof(Element)) : 16;
      bytes += size * matrix.product_inputs() * matrix.outputs() + (matrix.low_rank() == nullptr ? 0 : matrix.low_rank()->bytes());
    });
    self.for_each_any_vector([&](TrainedVector& vector) { bytes += 20 * vector.size(); });
    if (frozen_embedding_.defined()) bytes += static_cast<std::int64_t>(frozen_embedding_.nbytes());
    if (embedding_) bytes += embedding_->most_bytes() / 2;  // few tokens occur
    return bytes;
  }

  std::int64_t pass_bytes(std::int64_t tokens, std::int64_t learned) const override {
    constexpr auto kElement = static_cast<std::int64_t>(sizeof(Element));
    const std::int64_t raw = config_.qk_norm ? 4 * widths_.qkv : 0;
    std::int64_t additions = 0;  // of a layer's four matrices, twice: behind inputs, and behind gradients of outputs
    auto& self = const_cast<TrainedDecoderOf&>(*this);  // visits, and changes nothing
    if (!layers_.empty()) self.layers_.front()->for_each_matrix([&](TrainedMatrix<Element>& matrix) { additions += 2 * matrix.low_rank_width(); });
    const std::int64_t a_layer = 4 * widths_.hidden + (widths_.qkv + widths_.queries + 2 * widths_.intermediate) * kElement + raw +
                                 4 * config_.num_heads;
    const std::int64_t streams = 4 * widths_.hidden * (config_.num_layers + 1);
    const std::int64_t shared = (4 * widths_.hidden + widths_.qkv + 4 * widths_.queries + 3 * widths_.intermediate +
                                 3 * config_.num_kv_heads * widths_.head + additions) * kElement + 12 * widths_.queries + 4 * widths_.hidden;
    const std::int64_t layer_weights = (widths_.hidden * (widths_.qkv + widths_.queries + 3 * widths_.intermediate)) * kElement;
    const std::int64_t head = language_head_ ? language_head_->kept_bytes(learned) + learned * widths_.hidden * (4 + 2 * kElement) : 0;
    return tokens * (a_layer * (recompute_layers_ ? 1 : config_.num_layers) + streams + shared) + layer_weights + head;
  }

 private:
  template <typename Streams, typename Memories>
  void run_layers(const TokenRow& row, const Streams& streams, const Memories& memories) {
    row.validate();
    begin_row(config_, row, pass_);
    const std::int64_t count = pass_.tokens * widths_.hidden;
    embed(row, streams(0).template of<float>(count));
    for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
      const auto* in = streams(layer).template of<float>(0);
      layers_[layer]->forward(pass_, in, memories(layer), streams(layer + 1).template of<float>(count));
    }
  }

  void embed(const TokenRow& row, float* out) const {
    parallel_for(row.num_tokens(), 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t token = text::to_int(row.tokens[static_cast<std::size_t>(t)]);
        DROVER_CHECK(token >= 0 && token < config_.vocab_size, "Token id {} in a vocabulary of {}", token, config_.vocab_size);
        float* to = out + t * widths_.hidden;
        if (embedding_) {
          embedding_->read_row(token, to);
        } else if (frozen_embedding_.defined()) {
          const auto* from = static_cast<const Element*>(frozen_embedding_.const_data_ptr()) + token * config_.hidden_size;
          for (std::int64_t i = 0; i < config_.hidden_size; ++i) to[i] = widened(from[i]);
          std::fill(to + config_.hidden_size, to + widths_.hidden, 0.0F);
        } else {
          matrix_->read_row(token, to);
        }
      }
    });
  }

  // Each thread takes some of the columns, so that a token which occurs twice is added up in order.
  void add_embedding_gradients(const float* gradient) {
    if (embedding_) {
      for (const auto token : row_.tokens) embedding_->touch(text::to_int(token));
    }
    parallel_for(widths_.hidden, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = 0; t < pass_.tokens; ++t) {
        const std::int64_t token = text::to_int(row_.tokens[static_cast<std::size_t>(t)]);
        const float* from = gradient + t * widths_.hidden;
        if (embedding_) {
          float* to = embedding_->gradient_row(token);
          for (std::int64_t i = begin; i < end; ++i) to[i] += from[i];
        } else {
          float* to = matrix_->gradient_panel(token / kPanelColumns) + token % kPanelColumns;
          for (std::int64_t i = begin; i < end; ++i) to[i * kPanelColumns] += from[i];
        }
      }
    });
  }

  Tensor head_outputs(const TokenRow& row, Buffer& stream) {
    const std::int64_t hidden = widths_.hidden;
    const auto learned = static_cast<std::int64_t>(row.learned.size());
    auto* picked = picked_.of<Element>(learned * hidden);
    const auto* from = stream.template of<float>(0);
    parallel_for(learned, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        training_kernels<Element>().normalise(from + row.learned[static_cast<std::size_t>(i)].position * hidden, norm_.values(),
                                              config_.hidden_size, hidden, static_cast<float>(config_.rms_norm_eps), picked + i * hidden);
      }
    });
    if (score_head_) {
      Tensor scores = at::empty({learned, config_.head.num_labels}, at::kFloat);
      score_head_->forward(picked, learned, scores.mutable_data_ptr<float>());
      return scores;
    }
    std::vector<std::int32_t> targets;
    for (const auto& entry : row.learned) {
      DROVER_CHECK(text::to_int(entry.target) >= 0 && text::to_int(entry.target) < config_.vocab_size, "Target {} in a vocabulary of {}",
                   text::to_int(entry.target), config_.vocab_size);
      targets.push_back(text::to_int(entry.target));
    }
    Tensor log_probs = at::empty({learned}, at::kFloat);
    language_head_->forward(picked, targets, log_probs.mutable_data_ptr<float>());
    return log_probs;
  }

  void for_each_any_matrix(const std::function<void(TrainedMatrix<Element>&)>& visit) {
    if (matrix_) visit(*matrix_);
    for (auto& layer : layers_) layer->for_each_matrix(visit);
  }
  void for_each_any_vector(const std::function<void(TrainedVector&)>& visit) {
    for (auto& layer : layers_) layer->for_each_vector(visit);
    visit(norm_);
    if (score_head_) score_head_->for_each_vector(visit);
  }
  // Those that learn. Under an adapter these are the pairs and the head, which is whole.
  void for_each_matrix(const std::function<void(TrainedMatrix<Element>&)>& visit) {
    if (!is_frozen_) for_each_any_matrix(visit);
  }
  void for_each_low_rank(const std::function<void(TrainedMatrix<Element>&)>& visit) {
    for_each_any_matrix([&](TrainedMatrix<Element>& matrix) {
      if (matrix.low_rank() != nullptr) visit(matrix);
    });
  }
  void for_each_vector(const std::function<void(TrainedVector&)>& visit) {
    if (!is_frozen_) return for_each_any_vector(visit);
    if (score_head_) score_head_->for_each_vector(visit);
  }

  // All parts with `names` and `read`.
  template <typename Visit>
  void visit_learned(const Visit& visit) const {
    auto& self = const_cast<TrainedDecoderOf&>(*this);  // visits, and changes nothing
    self.for_each_matrix(visit);
    self.for_each_low_rank([&](TrainedMatrix<Element>& matrix) { visit(*matrix.low_rank()); });
    self.for_each_vector(visit);
    if (embedding_) visit(*embedding_);
  }
  template <typename Visit>
  void visit_weights(const Visit& visit) const {
    auto& self = const_cast<TrainedDecoderOf&>(*this);  // visits, and changes nothing
    self.for_each_any_matrix(visit);
    self.for_each_any_vector(visit);
    if (embedding_) visit(*embedding_);
  }

  DecoderConfig config_;
  PaddedWidths widths_;
  bool recompute_layers_;
  bool is_frozen_;  // an adapter learns in place of the trunk
  std::vector<std::string> learned_names_;
  TrainedVector norm_;
  std::optional<TrainedEmbedding> embedding_;          // unless the language head is tied to it
  Tensor frozen_embedding_;                            // [vocabulary, hidden]: the same, frozen
  std::optional<TrainedMatrix<Element>> matrix_;    // of the language head
  std::optional<LanguageHead<Element>> language_head_;
  std::optional<ScoreHead<Element>> score_head_;
  std::vector<std::unique_ptr<TrainedLayer<Element>>> layers_;

  RowPass pass_;
  TokenRow row_;                     // of the last `forward`
  bool is_ready_ = false;            // for a backward pass
  std::vector<Buffer> streams_;      // before each layer, and after the last
  std::vector<LayerMemory> memories_;
  Buffer other_streams_[2];
  LayerMemory other_memory_;
  Buffer picked_, hidden_gradients_;
};

}  // namespace

std::unique_ptr<TrainedDecoder> TrainedDecoder::make(const Decoder& start, const TrainedDecoderOptions& options, const Adapter* adapter) {
  DROVER_CHECK(start.device().is_cpu(), "The packed kernels run on the CPU");
  constexpr std::int64_t kLargestHead = 1024;  // of the kernels
  if (start.config().head_dim > kLargestHead) throw base::UserError("head_dim = {}: heads of at most 1,024 numbers are possible.", start.config().head_dim);
  if (options.compute_type == ComputeType::kFloat32) return std::make_unique<TrainedDecoderOf<float>>(start, options.recompute_layers, adapter);
  return std::make_unique<TrainedDecoderOf<BFloat16>>(start, options.recompute_layers, adapter);
}

}  // namespace drover::model
