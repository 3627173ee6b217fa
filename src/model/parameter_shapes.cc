#include <fmt/format.h>

#include "model/decoder.h"

namespace drover::model {

NamedShapes parameter_shapes(const DecoderConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t q_rows = config.num_heads * config.head_dim;
  const std::int64_t kv_rows = config.num_kv_heads * config.head_dim;
  NamedShapes shapes;
  shapes.emplace_back("model.embed_tokens.weight", std::vector{config.vocab_size, hidden});
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    const auto add = [&](const char* name, std::vector<std::int64_t> shape) { shapes.emplace_back(prefix + name, std::move(shape)); };
    const auto add_linear = [&](const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
      add((name + ".weight").c_str(), {out, in});
      if (bias) add((name + ".bias").c_str(), {out});
    };
    add("input_layernorm.weight", {hidden});
    add_linear("self_attn.q_proj", q_rows, hidden, config.attention_bias);
    add_linear("self_attn.k_proj", kv_rows, hidden, config.attention_bias);
    add_linear("self_attn.v_proj", kv_rows, hidden, config.attention_bias);
    if (config.qk_norm) {
      add("self_attn.q_norm.weight", {config.head_dim});
      add("self_attn.k_norm.weight", {config.head_dim});
    }
    add_linear("self_attn.o_proj", hidden, q_rows, config.attention_output_bias);
    add("post_attention_layernorm.weight", {hidden});
    add_linear("mlp.gate_proj", config.intermediate_size, hidden, config.mlp_bias);
    add_linear("mlp.up_proj", config.intermediate_size, hidden, config.mlp_bias);
    add_linear("mlp.down_proj", hidden, config.intermediate_size, config.mlp_bias);
  }
  shapes.emplace_back("model.norm.weight", std::vector{hidden});
  const Head& head = config.head;
  if (head.kind == HeadKind::kLanguage) {
    if (!config.tied_embeddings) shapes.emplace_back("lm_head.weight", std::vector{config.vocab_size, hidden});
  } else {
    shapes.emplace_back("score.weight", std::vector{head.num_labels, hidden});
    if (head.kind == HeadKind::kSteps) shapes.emplace_back("score.bias", std::vector{head.num_labels});
  }
  return shapes;
}

}  // namespace drover::model
