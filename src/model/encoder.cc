#include "model/encoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "model/device.h"
#include "model/sentence_folder.h"
#include "model/tensor_of_view.h"
#include "text/load_tokenizer.h"
#include "weights/safetensors.h"

namespace drover::model {
namespace {

using at::Tensor;

// Texts are computed together up to this many tokens: what the layers hand on stays in the processor's caches.
constexpr std::int64_t kTokensABatch = 512;

// Reads a folder's tensors by name and shape, with or without the prefix that a head's class puts in front.
class Reader {
 public:
  Reader(const std::filesystem::path& folder, const at::Device& device, at::ScalarType product_type)
      : folder_(folder.string()), device_(device), product_type_(product_type), file_(weights::ShardedTensors::open(folder)) {}

  /// The type that matrix products have.
  at::ScalarType product_type() const { return product_type_; }

  Tensor read(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const weights::TensorView* view = nullptr;
    for (const char* prefix : {"", "bert.", "roberta."}) {
      if (view == nullptr) view = file_.find(prefix + name);
    }
    if (view == nullptr) throw base::UserError("{}: the tensor '{}' is missing.", folder_, name);
    if (view->shape != shape) {
      throw base::UserError("{}: the tensor '{}' has shape [{}], but config.json asks for [{}].", folder_, name,
                            fmt::join(view->shape, ", "), fmt::join(shape, ", "));
    }
    return tensor_of_view(*view, at::kFloat, file_.owner()).to(device_);
  }

 private:
  std::string folder_;
  at::Device device_;
  at::ScalarType product_type_;
  weights::ShardedTensors file_;
};

struct Linear {
  Tensor weight, bias;
  Tensor operator()(const Tensor& x) const { return at::linear(x, weight, bias); }
};

struct Norm {
  Tensor weight, bias;
  double eps = 0.0;
  Tensor operator()(const Tensor& x) const { return at::layer_norm(x, {x.size(-1)}, weight, bias, eps); }
};

struct Layer {
  Linear query_key_value, attended, up, down;
  Norm after_attention, after_mlp;
};

// The tokens of several texts in a row, one after the other.
struct PackedTexts {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> begins;  // of each text; one more at the end
};

Tensor long_tensor(const std::vector<std::int64_t>& values, const at::Device& device) {
  Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor.to(device);
}

class BertEncoder final : public Encoder {
 public:
  BertEncoder(const EncoderConfig& config, std::shared_ptr<const text::Tokenizer> tokenizer, const Reader& reader, const at::Device& device)
      : config_(config), tokenizer_(std::move(tokenizer)), device_(device), product_type_(reader.product_type()) {
    const std::int64_t hidden = config.hidden_size;
    words_ = reader.read("embeddings.word_embeddings.weight", {config.vocab_size, hidden});
    positions_ = reader.read("embeddings.position_embeddings.weight", {config.max_positions, hidden});
    type_zero_ = reader.read("embeddings.token_type_embeddings.weight", {config.num_token_types, hidden})[0];
    embedding_norm_ = norm(reader, "embeddings.LayerNorm");
    for (std::int64_t i = 0; i < config.num_layers; ++i) layers_.push_back(layer(reader, fmt::format("encoder.layer.{}.", i)));
  }

  std::int64_t dimension() const override { return config_.hidden_size; }
  std::int64_t max_tokens() const override { return config_.max_tokens; }
  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }

  std::vector<std::vector<float>> embed(std::span<const std::string> texts) const override {
    std::vector<std::vector<text::TokenId>> tokens;
    for (const std::string& one : texts) tokens.push_back(tokens_of(one));
    return embed_tokens(tokens);
  }

  std::vector<std::vector<float>> embed_tokens(std::span<const std::vector<text::TokenId>> texts) const override {
    const c10::NoGradGuard no_gradients;
    std::vector<std::vector<float>> vectors;
    for (std::size_t begin = 0; begin < texts.size();) {
      std::size_t end = begin;
      std::int64_t tokens = 0;
      while (end < texts.size() && (end == begin || tokens + static_cast<std::int64_t>(texts[end].size()) <= kTokensABatch)) {
        tokens += static_cast<std::int64_t>(texts[end++].size());
      }
      embed_packed(pack(texts.subspan(begin, end - begin)), vectors);
      begin = end;
    }
    return vectors;
  }

 private:
  Linear linear(const Reader& reader, const std::string& name, std::int64_t out, std::int64_t in) const {
    return {reader.read(name + ".weight", {out, in}).to(reader.product_type()), reader.read(name + ".bias", {out}).to(reader.product_type())};
  }
  static Linear one_above_the_other(const std::vector<Linear>& parts) {
    std::vector<Tensor> weights, biases;
    for (const Linear& part : parts) {
      weights.push_back(part.weight);
      biases.push_back(part.bias);
    }
    return {at::cat(weights), at::cat(biases)};
  }
  Norm norm(const Reader& reader, const std::string& name) const {
    return {reader.read(name + ".weight", {config_.hidden_size}), reader.read(name + ".bias", {config_.hidden_size}), config_.layer_norm_eps};
  }
  Layer layer(const Reader& reader, const std::string& prefix) const {
    const std::int64_t hidden = config_.hidden_size;
    const std::int64_t wide = config_.intermediate_size;
    return {.query_key_value = one_above_the_other({linear(reader, prefix + "attention.self.query", hidden, hidden),
                                                    linear(reader, prefix + "attention.self.key", hidden, hidden),
                                                    linear(reader, prefix + "attention.self.value", hidden, hidden)}),
            .attended = linear(reader, prefix + "attention.output.dense", hidden, hidden),
            .up = linear(reader, prefix + "intermediate.dense", wide, hidden),
            .down = linear(reader, prefix + "output.dense", hidden, wide),
            .after_attention = norm(reader, prefix + "attention.output.LayerNorm"),
            .after_mlp = norm(reader, prefix + "output.LayerNorm")};
  }

  // A text that is too long keeps its first tokens and the closing special token, as sentence-transformers cuts it.
  std::vector<text::TokenId> tokens_of(const std::string& one) const {
    std::vector<text::TokenId> ids = tokenizer_->encode(one, {.add_special = true});
    const auto most = static_cast<std::size_t>(config_.max_tokens);
    if (ids.size() > most) {
      const text::TokenId last = ids.back();
      ids.resize(most);
      ids.back() = last;
    }
    return ids;
  }

  PackedTexts pack(std::span<const std::vector<text::TokenId>> texts) const {
    PackedTexts packed;
    for (const std::vector<text::TokenId>& tokens : texts) {
      DROVER_CHECK(static_cast<std::int64_t>(tokens.size()) <= config_.max_tokens, "A text of {} tokens", tokens.size());
      packed.begins.push_back(static_cast<std::int64_t>(packed.ids.size()));
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::int64_t id = text::to_int(tokens[i]);
        DROVER_CHECK(id >= 0 && id < config_.vocab_size, "Token id {} in a vocabulary of {}", id, config_.vocab_size);
        packed.ids.push_back(id);
        packed.positions.push_back(config_.first_position + static_cast<std::int64_t>(i));
      }
    }
    packed.begins.push_back(static_cast<std::int64_t>(packed.ids.size()));
    return packed;
  }

  // Every text sees itself only.
  Tensor attend(const Layer& layer, const Tensor& x, const std::vector<std::int64_t>& begins) const {
    const std::int64_t head_dim = config_.hidden_size / config_.num_heads;
    const Tensor all = layer.query_key_value(x).view({1, -1, 3, config_.num_heads, head_dim});
    const auto heads = [&](std::int64_t which) { return all.select(2, which).transpose(1, 2); };
    const Tensor q = heads(0), k = heads(1), v = heads(2);
    std::vector<Tensor> parts;
    for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
      const auto own = [&](const Tensor& t) { return t.slice(2, begins[i], begins[i + 1]); };
      if (begins[i] < begins[i + 1]) parts.push_back(at::scaled_dot_product_attention(own(q), own(k), own(v)));
    }
    return at::cat(parts, 2).transpose(1, 2).reshape({-1, config_.hidden_size});
  }

  Tensor hidden(const PackedTexts& packed) const {
    Tensor x = embedding_norm_(at::embedding(words_, long_tensor(packed.ids, device_)) +
                               at::embedding(positions_, long_tensor(packed.positions, device_)) + type_zero_);
    // What the layers add to, and the norms, stay in float32.
    for (const Layer& layer : layers_) {
      x = layer.after_attention(x + layer.attended(attend(layer, x.to(product_type_), packed.begins)));
      x = layer.after_mlp(x + layer.down(at::gelu(layer.up(x.to(product_type_)))));
    }
    return x;
  }

  void embed_packed(const PackedTexts& packed, std::vector<std::vector<float>>& vectors) const {
    if (packed.ids.empty()) {
      vectors.resize(vectors.size() + packed.begins.size() - 1, std::vector<float>(static_cast<std::size_t>(dimension()), 0.0F));
      return;
    }
    const Tensor x = hidden(packed);
    for (std::size_t i = 0; i + 1 < packed.begins.size(); ++i) {
      if (packed.begins[i] == packed.begins[i + 1]) {  // a text without tokens
        vectors.emplace_back(static_cast<std::size_t>(dimension()), 0.0F);
        continue;
      }
      Tensor mean = x.slice(0, packed.begins[i], packed.begins[i + 1]).mean(0);
      if (config_.normalise) mean = mean / mean.norm().clamp_min(1e-12);
      mean = mean.cpu().contiguous();
      const auto* data = mean.const_data_ptr<float>();
      vectors.emplace_back(data, data + dimension());
    }
  }

  EncoderConfig config_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  at::Device device_;
  at::ScalarType product_type_;
  Tensor words_, positions_, type_zero_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace

std::vector<float> Encoder::embed_one(std::string_view text) const {
  const std::string one(text);
  return embed(std::span(&one, 1)).front();
}

std::shared_ptr<const Encoder> Encoder::load(const std::filesystem::path& folder, const LoadOptions& options) {
  return load(folder, text::load_tokenizer(folder), options);
}

std::shared_ptr<const Encoder> Encoder::load(const std::filesystem::path& folder, std::shared_ptr<const text::Tokenizer> tokenizer,
                                             const LoadOptions& options) {
  const EncoderConfig config = read_sentence_folder(folder);
  const at::Device on = device_of(options.device);
  const auto type = options.compute_type == ComputeType::kFloat32 ? at::kFloat : at::kBFloat16;
  if (tokenizer->vocab_size() > config.vocab_size) {
    throw base::UserError("{}: the tensor 'embeddings.word_embeddings.weight' has {} rows, but the tokenizer has {} tokens.", folder.string(),
                          config.vocab_size, tokenizer->vocab_size());
  }
  return std::make_shared<const BertEncoder>(config, std::move(tokenizer), Reader(folder, on, type), on);
}

}  // namespace drover::model
