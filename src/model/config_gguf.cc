#include "model/config_gguf.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/rope.h"
#include "weights/gguf.h"

namespace drover::model {
namespace {

using weights::GgufFile;

struct FamilyName {
  std::string_view name;
  Architecture architecture;
};
constexpr FamilyName kFamilies[] = {{"llama", Architecture::kLlama}, {"qwen2", Architecture::kQwen2}, {"qwen3", Architecture::kQwen3}};

Architecture architecture_of(const GgufFile& file, std::string_view where) {
  const std::string_view name = file.string("general.architecture");
  for (const FamilyName& family : kFamilies) {
    if (family.name == name) return family.architecture;
  }
  throw base::UserError("{}: the architecture '{}' is not one of llama, qwen2, qwen3.", where, name.substr(0, 60));
}

// llama.cpp allows a list with one value a layer; models here have the same shape in every layer.
std::int64_t integer_or_equal_list(const GgufFile& file, const std::string& key, std::string_view where) {
  if (file.type_of(key) != weights::GgufType::kArray) return file.integer(key);
  const auto values = file.find_array_of_integers(key);
  if (values->empty() || std::any_of(values->begin(), values->end(), [&](std::int64_t v) { return v != values->front(); })) {
    throw base::UserError("{}: '{}' differs between layers, which is not supported.", where, key);
  }
  return values->front();
}

void read_plain_scaling(const GgufFile& file, const std::string& prefix, std::string_view where, DecoderConfig& config) {
  const std::string_view type = file.find_string(prefix + "rope.scaling.type").value_or("none");
  if (type == "none") return;
  RopeScaling& scaling = config.rope_scaling;
  scaling.factor = file.number(prefix + "rope.scaling.factor");
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    return;
  }
  if (type != "yarn") {
    throw base::UserError("{}: '{}rope.scaling.type' is '{}', but must be one of none, linear, yarn.", where, prefix, type.substr(0, 60));
  }
  scaling.kind = RopeScaling::Kind::kYarn;
  scaling.original_max_positions =
      file.find_integer(prefix + "rope.scaling.original_context_length").value_or(config.max_positions);
  scaling.beta_fast = file.find_number(prefix + "rope.scaling.yarn_beta_fast").value_or(32.0);
  scaling.beta_slow = file.find_number(prefix + "rope.scaling.yarn_beta_slow").value_or(1.0);
  // llama.cpp multiplies this factor with 0.1 ln(factor) + 1; config.json's factor stands instead of both.
  const double attention = file.find_number(prefix + "rope.scaling.attn_factor").value_or(1.0);
  if (attention != 1.0) scaling.attention_factor = attention * (scaling.factor <= 1.0 ? 1.0 : 0.1 * std::log(scaling.factor) + 1.0);
}

bool matches(const DecoderConfig& config, std::span<const float> divisors) {
  const std::vector<float> own = llama3_divisors(config);
  return std::equal(own.begin(), own.end(), divisors.begin(), divisors.end(),
                    [](float a, float b) { return std::abs(a - b) <= 1e-3F * std::abs(a); });
}

// A file holds the divisors and not what they were made from. Files of drover say it in keys of their own; for others the values of
// Llama 3.1 and its successors are tried.
void read_llama3_scaling(const GgufFile& file, const weights::TensorView& tensor, std::string_view where, DecoderConfig& config) {
  if (tensor.num_elements() != config.head_dim / 2) {
    throw base::UserError("{}: 'rope_freqs.weight' has {} elements, but half of the head width is {}.", where, tensor.num_elements(),
                          config.head_dim / 2);
  }
  std::vector<float> divisors(static_cast<std::size_t>(config.head_dim / 2));
  weights::to_float32(tensor.type, tensor.bytes, divisors);
  RopeScaling& scaling = config.rope_scaling;
  scaling.kind = RopeScaling::Kind::kLlama3;
  scaling.factor = file.find_number("drover.rope.factor").value_or(*std::max_element(divisors.begin(), divisors.end()));
  scaling.low_freq_factor = file.find_number("drover.rope.low_freq_factor").value_or(1.0);
  scaling.high_freq_factor = file.find_number("drover.rope.high_freq_factor").value_or(4.0);
  scaling.original_max_positions = file.find_integer("drover.rope.original_max_positions").value_or(8192);
  if (!matches(config, divisors)) {
    throw base::UserError("{}: 'rope_freqs.weight' does not hold the divisors of llama3 scaling with the factors 1 and 4 over 8192 "
                          "positions, the only ones that can be told from a GGUF file; take the model's Hugging Face folder.", where);
  }
}

std::optional<text::TokenId> token_of(const GgufFile& file, std::string_view key, std::string_view where) {
  const auto id = file.find_integer(key);
  if (!id) return std::nullopt;
  if (*id < 0 || *id > INT32_MAX) throw base::UserError("{}: '{}' is {}, which is no token id.", where, key, *id);
  return text::TokenId{static_cast<std::int32_t>(*id)};
}

void read_special_ids(const GgufFile& file, std::string_view where, DecoderConfig& config) {
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const auto id = token_of(file, key, where);
    if (id && std::find(config.eos.begin(), config.eos.end(), *id) == config.eos.end()) config.eos.push_back(*id);
  }
  config.bos = token_of(file, "tokenizer.ggml.bos_token_id", where).value_or(text::kNoToken);
}

DecoderConfig read(const GgufFile& file, std::string_view where) {
  DecoderConfig config;
  config.architecture = architecture_of(file, where);
  const std::string prefix = std::string(file.string("general.architecture")) + ".";
  if (file.find_integer(prefix + "expert_count").value_or(0) != 0) {
    throw base::UserError("{}: mixtures of experts ('{}expert_count') are not supported.", where, prefix);
  }
  const weights::TensorView& embedding = file.at("token_embd.weight");
  if (embedding.shape.size() != 2) throw base::UserError("{}: 'token_embd.weight' is not a matrix.", where);
  config.vocab_size = embedding.shape[0];
  config.hidden_size = file.integer(prefix + "embedding_length");
  config.intermediate_size = integer_or_equal_list(file, prefix + "feed_forward_length", where);
  config.num_layers = file.integer(prefix + "block_count");
  config.num_heads = integer_or_equal_list(file, prefix + "attention.head_count", where);
  const std::string kv_key = prefix + "attention.head_count_kv";
  config.num_kv_heads = file.type_of(kv_key) ? integer_or_equal_list(file, kv_key, where) : config.num_heads;
  const std::int64_t default_dim = config.num_heads > 0 ? config.hidden_size / config.num_heads : 0;
  config.head_dim = file.find_integer(prefix + "attention.key_length").value_or(default_dim);
  config.max_positions = file.integer(prefix + "context_length");
  config.rms_norm_eps = file.number(prefix + "attention.layer_norm_rms_epsilon");
  // A file stores these two as float32; 1e-5 should not become 9.9999997e-06 in the config.json made from it.
  config.rms_norm_eps = std::stod(fmt::format("{:.7g}", config.rms_norm_eps));
  config.rope_theta = file.find_number(prefix + "rope.freq_base").value_or(10000.0);
  config.tied_embeddings = file.find("output.weight") == nullptr;
  config.attention_bias = file.find("blk.0.attn_q.bias") != nullptr;
  config.attention_output_bias = file.find("blk.0.attn_output.bias") != nullptr;
  config.mlp_bias = file.find("blk.0.ffn_gate.bias") != nullptr;
  config.qk_norm = config.architecture == Architecture::kQwen3;
  read_plain_scaling(file, prefix, where, config);
  read_special_ids(file, where, config);
  config.validate();
  if (file.find_integer(prefix + "attention.value_length").value_or(config.head_dim) != config.head_dim ||
      file.find_integer(prefix + "rope.dimension_count").value_or(config.head_dim) != config.head_dim) {
    throw base::UserError("{}: keys, values and rotary dimensions of different width are not supported ('{}attention.value_length', "
                          "'{}rope.dimension_count').", where, prefix, prefix);
  }
  if (const weights::TensorView* freqs = file.find("rope_freqs.weight")) {
    read_llama3_scaling(file, *freqs, where, config);
    config.validate();
  }
  return config;
}

std::uint32_t u32(std::int64_t value) { return static_cast<std::uint32_t>(value); }

void add_scaling(const DecoderConfig& config, const std::string& prefix, weights::GgufMetadata& metadata) {
  const RopeScaling& scaling = config.rope_scaling;
  const auto factor = static_cast<float>(scaling.factor);
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
      break;
    case RopeScaling::Kind::kLinear:
      metadata.emplace_back(prefix + "rope.scaling.type", std::string("linear"));
      metadata.emplace_back(prefix + "rope.scaling.factor", factor);
      break;
    case RopeScaling::Kind::kLlama3:
      metadata.emplace_back("drover.rope.factor", scaling.factor);
      metadata.emplace_back("drover.rope.low_freq_factor", scaling.low_freq_factor);
      metadata.emplace_back("drover.rope.high_freq_factor", scaling.high_freq_factor);
      metadata.emplace_back("drover.rope.original_max_positions", scaling.original_max_positions);
      break;
    case RopeScaling::Kind::kYarn: {
      metadata.emplace_back(prefix + "rope.scaling.type", std::string("yarn"));
      metadata.emplace_back(prefix + "rope.scaling.factor", factor);
      metadata.emplace_back(prefix + "rope.scaling.original_context_length", u32(scaling.original_max_positions));
      metadata.emplace_back(prefix + "rope.scaling.yarn_beta_fast", static_cast<float>(scaling.beta_fast));
      metadata.emplace_back(prefix + "rope.scaling.yarn_beta_slow", static_cast<float>(scaling.beta_slow));
      if (scaling.attention_factor > 0.0) {
        const double own = scaling.factor <= 1.0 ? 1.0 : 0.1 * std::log(scaling.factor) + 1.0;
        metadata.emplace_back(prefix + "rope.scaling.attn_factor", static_cast<float>(scaling.attention_factor / own));
      }
      break;
    }
  }
}

}  // namespace

DecoderConfig config_of_gguf(const GgufFile& file, std::string_view where) {
  try {
    return read(file, where);
  } catch (const base::UserError& error) {
    if (std::string_view(error.what()).starts_with(where)) throw;
    throw base::UserError("{}: {}", where, error.what());
  }
}

weights::GgufMetadata gguf_metadata_of(const DecoderConfig& config) {
  if (config.sliding_window > 0 && config.sliding_window < config.max_positions) {
    throw base::UserError("A GGUF file of the architecture llama cannot say that the model's attention has a sliding window ({} tokens); "
                          "write a Hugging Face folder instead.", config.sliding_window);
  }
  std::string name = "llama";
  for (const FamilyName& family : kFamilies) {
    if (family.architecture == config.architecture) name = family.name;
  }
  const std::string prefix = name + ".";
  weights::GgufMetadata metadata;
  metadata.emplace_back("general.architecture", name);
  metadata.emplace_back(prefix + "vocab_size", u32(config.vocab_size));
  metadata.emplace_back(prefix + "context_length", u32(config.max_positions));
  metadata.emplace_back(prefix + "embedding_length", u32(config.hidden_size));
  metadata.emplace_back(prefix + "block_count", u32(config.num_layers));
  metadata.emplace_back(prefix + "feed_forward_length", u32(config.intermediate_size));
  metadata.emplace_back(prefix + "attention.head_count", u32(config.num_heads));
  metadata.emplace_back(prefix + "attention.head_count_kv", u32(config.num_kv_heads));
  metadata.emplace_back(prefix + "attention.key_length", u32(config.head_dim));
  metadata.emplace_back(prefix + "attention.value_length", u32(config.head_dim));
  metadata.emplace_back(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_norm_eps));
  metadata.emplace_back(prefix + "rope.dimension_count", u32(config.head_dim));
  metadata.emplace_back(prefix + "rope.freq_base", static_cast<float>(config.rope_theta));
  add_scaling(config, prefix, metadata);
  return metadata;
}

}  // namespace drover::model
